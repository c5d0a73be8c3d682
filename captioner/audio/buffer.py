"""The recent past of a stream of samples, addressed by position."""

from __future__ import annotations

import numpy as np

from captioner.audio.pcm import Samples

_INITIAL_CAPACITY = 16_384  # samples: about a second, all that a silent track ever needs


class SampleBuffer:
    """Samples `start` to `end` of a stream: grows at the end, is forgotten from the start.

    Appending costs amortised constant time a sample; memory stays within four times the most that
    was kept lately, or what is still viewed.
    """

    def __init__(self) -> None:
        self._data: Samples = np.empty(_INITIAL_CAPACITY, dtype=np.float32)
        self._offset = 0  # index in _data of the sample at position `start`
        self.start = 0
        """Position of the first sample still kept."""
        self.end = 0
        """Position after the last sample."""

    def append(self, samples: Samples) -> None:
        """Add samples at the end."""
        kept = self.end - self.start
        if self._offset + kept + len(samples) > len(self._data):
            self._make_room(len(samples))
        at = self._offset + kept
        self._data[at : at + len(samples)] = samples
        self.end += len(samples)

    def forget(self, before: int) -> None:
        """Drop the samples before a position; positions already dropped are fine.

        Raises:
            ValueError: the position has not been reached yet.
        """
        if before > self.end:
            raise ValueError(f"cannot forget up to {before}, the stream ends at {self.end}")
        if before > self.start:
            self._offset += before - self.start
            self.start = before

    def view(self, start: int, stop: int) -> Samples:
        """Samples of [start, stop), which later audio does not touch.

        Raises:
            ValueError: part of the range is forgotten or has not arrived.
        """
        if not self.start <= start <= stop <= self.end:
            raise ValueError(
                f"samples {start} to {stop} were asked for, {self.start} to {self.end} are kept"
            )
        shift = self._offset - self.start
        return self._data[start + shift : stop + shift]

    def _make_room(self, count: int) -> None:
        """Move to new memory: views lie in the old one."""
        kept = self.view(self.start, self.end)
        # Moving is paid for by the half of the buffer that is filled before the next move.
        grown = np.empty(max(2 * (len(kept) + count), _INITIAL_CAPACITY), dtype=np.float32)
        grown[: len(kept)] = kept
        self._data = grown
        self._offset = 0
