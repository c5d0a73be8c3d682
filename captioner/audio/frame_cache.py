"""An unbroken run of the frames of a stream, beside each other for windows to copy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

_INITIAL_FRAMES = 320


class Frames(NamedTuple):
    """Successive frames of features."""

    columns: Float32
    """(n_mels, frames)."""
    loudest: Float32
    """(frames,) the loudest value of each."""


class FrameCache:
    """Frames `start` to `end` of a stream: grows at the end, is forgotten from the start.

    What was told of them stays as it was, whatever is put or forgotten afterwards: frames are
    never written twice. Memory stays within four times the span that was ever kept; a stream of
    which nothing was asked has none.
    """

    def __init__(self, n_mels: int) -> None:
        self.start = 0
        """Number of the first frame."""
        self.end = 0
        """Number of the frame after the last."""
        self._columns: Float32 = np.empty((n_mels, 0), np.float32)
        self._loudest: Float32 = np.empty(0, np.float32)
        self._offset = 0  # frame that the first column belongs to

    def known(self, start: int, stop: int) -> Frames:
        """The leading frames of [start, stop) that are there; possibly none."""
        if not self.start <= start < self.end:
            start = stop = self.end
        where = slice(start - self._offset, max(start, min(stop, self.end)) - self._offset)
        return Frames(self._columns[:, where], self._loudest[where])

    def put(self, first: int, frames: Frames) -> None:
        """Take the frames from `first` on; those that are not joined to the others replace them."""
        stop = first + len(frames.loudest)
        if not self.start <= first <= self.end:
            self.start = self.end = first
        if stop <= self.end:
            return
        if self.start == self.end or stop - self._offset > len(self._loudest):
            self._make_room(stop)
        new = slice(self.end - self._offset, stop - self._offset)
        self._columns[:, new] = frames.columns[:, self.end - first :]
        self._loudest[new] = frames.loudest[self.end - first :]
        self.end = stop

    def forget(self, before: int) -> None:
        """Drop the frames before one."""
        self.start = max(self.start, before)
        self.end = max(self.end, self.start)

    def _make_room(self, stop: int) -> None:
        """Move to new memory: what was told lies in the old one."""
        kept = self.known(self.start, self.end)
        capacity = max(2 * (stop - self.start), _INITIAL_FRAMES)
        self._columns = np.empty((len(self._columns), capacity), np.float32)
        self._loudest = np.empty(capacity, np.float32)
        self._columns[:, : len(kept.loudest)] = kept.columns
        self._loudest[: len(kept.loudest)] = kept.loudest
        self._offset = self.start
