"""Stateful resampling to 16 kHz."""

from __future__ import annotations

import numpy as np
import soxr

from captioner.audio.pcm import Samples
from captioner.transcript import SAMPLE_RATE

QUALITY = "MQ"
"""Flat within 0.1 dB to 7 kHz, aliases under -116 dB: more than 16-bit speech can show. The
higher qualities of soxr double its delay at odd rates; the lower one dulls consonants (-13 dB at
7 kHz)."""


class Resampler:
    """Resamples one mono stream to 16 kHz; at 16 kHz it passes samples through.

    Output sample `i` is the input at time `i / 16000`: the filter's own delay is taken out. soxr
    works on blocks of its own, so the output does not depend on how the input is cut, and comes
    later than the input by 37 ms at 44.1 and 48 kHz (up to 120 ms at 8 kHz). `flush` brings the
    rest.
    """

    def __init__(self, rate: int) -> None:
        self._soxr = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality=QUALITY)
        )

    def push(self, samples: Samples) -> Samples:
        """Resample what can be resampled so far."""
        if self._soxr is None:
            return samples
        return _clip(self._soxr.resample_chunk(samples))

    def flush(self) -> Samples:
        """Resample what is left, as if silence followed; the next `push` starts afresh."""
        if self._soxr is None:
            return np.empty(0, dtype=np.float32)
        rest = _clip(self._soxr.resample_chunk(np.empty(0, dtype=np.float32), last=True))
        self._soxr.clear()
        return rest


def _clip(samples: Samples) -> Samples:
    # The filter rings a little beyond full scale; consumers that go back to integers would wrap.
    return np.clip(samples, -1, 1, out=samples)
