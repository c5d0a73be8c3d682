"""Log-mel features, each frame computed once however many windows contain it.

The features are those of Whisper (https://github.com/openai/whisper, ``audio.py``): the power of a
25 ms Fourier transform every 10 ms, summed by Slaney's mel filters, in decibels relative to the
loudest value of the window. Only that last step and the edges depend on the window, so the rest is
kept for the next one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from captioner.audio.buffer import SampleBuffer
from captioner.audio.frame_cache import FrameCache
from captioner.audio.pcm import Samples
from captioner.transcript import SAMPLE_RATE

Features = npt.NDArray[np.float32]
"""Log-mel, shape (n_mels, frames) in windows and in the cache; rows of frames are transposed."""

_Values = TypeVar("_Values", np.float32, Features)

N_FFT = 400  # samples: 25 ms
HALF = N_FFT // 2  # a frame reaches this far to both sides of its centre
HOP = 160  # samples: frames are 10 ms apart, frame i is centred on sample i * HOP
FLOOR = 1e-10  # power that counts as silence
SILENT = -10.0  # log10 of FLOOR: every value of a frame of digital silence
DYNAMIC_RANGE = 8.0  # powers of ten kept below the loudest value of a window

# Frames are computed in blocks that lie at fixed places of the stream: the rounding of a frame
# then never depends on what else was computed with it. Of this size, the matrix product stays
# below the size from which OpenBLAS wakes up threads, which would cost more than it computes.
BLOCK = 10  # frames: 100 ms
_LONGEST_RUN = 20  # blocks computed in one go: more would not stay in the processor's cache


class LogMelStream:
    """The log-mel features of one stream, computed when a window first asks for them.

    Memory is bounded by what `forget` leaves. Not for use by two threads at a time.
    """

    def __init__(self, n_mels: int) -> None:
        self.n_mels = n_mels
        self._samples = SampleBuffer()
        self._frames = FrameCache(n_mels, BLOCK)

    @property
    def start(self) -> int:
        """Position of the first sample still kept: a multiple of `HOP`."""
        return self._samples.start

    @property
    def end(self) -> int:
        """Samples received since the stream began."""
        return self._samples.end

    def append(self, samples: Samples) -> None:
        """Add audio at the end."""
        self._samples.append(samples)

    def forget(self, before: int) -> None:
        """Drop audio and frames before a position: no window will start earlier.

        Raises:
            ValueError: the position has not been reached yet.
        """
        self._samples.forget(before - before % HOP)
        self._frames.forget(self._samples.start // HOP // BLOCK)

    def audio(self, start: int, stop: int) -> Samples:
        """Return a copy of the samples of [start, stop).

        Raises:
            ValueError: part of the range is forgotten or has not arrived.
        """
        return self._samples.view(start, stop).copy()

    def window(self, start: int, stop: int, *, silence: int) -> Features:
        """Compute the features of [start, stop) followed by `silence` zero samples.

        Returns:
            Shape (n_mels, (stop - start + silence) // HOP), contiguous.

        Raises:
            ValueError: `start` is no multiple of `HOP`, or part of the range is forgotten or has
                not arrived.
        """
        if start % HOP or silence < 0:
            raise ValueError(f"a window starts at {start} and has {silence} samples of silence")
        speech = self._samples.view(start, stop)
        frames = (len(speech) + silence) // HOP
        # Frames 0 and 1 reach before the window, those from `seam` on reach beyond the speech,
        # those from `silent` on hold none of it.
        head = min(2, frames)
        seam = max(head, min((len(speech) - HALF) // HOP + 1, frames))
        silent = max(seam, min(-(-(len(speech) + HALF) // HOP), frames))
        edges = (*range(head), *range(seam, silent))
        around = _raw_rows(_edge_samples(speech, len(speech) + silence, edges), self.n_mels)
        within, loudest = self._computed(start // HOP + head, start // HOP + seam)
        loudest = max(loudest, around.max(initial=SILENT))
        lowest = _scaled(loudest - np.float32(DYNAMIC_RANGE))
        features = np.empty((self.n_mels, frames), np.float32)
        around = _scaled(around).T
        np.maximum(around[:, :head], lowest, out=features[:, :head])
        # numpy is faster with as many values as a row has than with one
        lows = np.full(seam - head, lowest)
        np.maximum(within, lows, out=features[:, head:seam])
        np.maximum(around[:, head:], lowest, out=features[:, seam:silent])
        features[:, silent:] = max(lowest, _scaled(np.float32(SILENT)))
        return features

    def _computed(self, start: int, stop: int) -> tuple[Features, np.float32]:
        """The frames of [start, stop), scaled, and the loudest value in them, not scaled."""
        if start == stop:
            return np.empty((self.n_mels, 0), np.float32), np.float32(SILENT)
        missing = [
            number
            for number in range(start // BLOCK, (stop - 1) // BLOCK + 1)
            if self._frames.valid(number) < min(BLOCK, stop - number * BLOCK)
        ]
        for first, last in _runs(missing):
            self._compute(first, last + 1)
        columns, loudest = self._frames.view(start, stop)
        return columns, loudest.max()

    def _compute(self, first: int, stop: int) -> None:
        """Compute the blocks from `first` to before `stop`.

        Samples that are forgotten or have not arrived count as zero: the frames they spoil are not
        asked for, or are asked for again later.
        """
        begin = first * BLOCK * HOP - HALF
        count = (stop - first) * BLOCK
        samples = np.zeros((count - 1) * HOP + N_FFT, dtype=np.float32)
        low = max(begin, self._samples.start)
        high = min(begin + len(samples), self._samples.end)
        samples[low - begin : high - begin] = self._samples.view(low, high)
        # as_strided would say the same, in a quarter of the time of the transform itself.
        frames = np.ndarray(
            (stop - first, BLOCK, N_FFT),
            np.float32,
            buffer=samples,
            strides=(BLOCK * HOP * samples.itemsize, HOP * samples.itemsize, samples.itemsize),
        )
        rows = _raw_rows(frames, self.n_mels).reshape(count, self.n_mels)
        valid = (self.end - begin - N_FFT) // HOP + 1
        self._frames.put(first, _scaled(rows).T, rows.max(axis=1), valid=valid)


def log_mel(audio: Samples, *, silence: int = 0, n_mels: int = 80) -> Features:
    """Compute the features of a whole recording followed by `silence` zero samples.

    Returns:
        Shape (n_mels, (len(audio) + silence) // HOP).
    """
    stream = LogMelStream(n_mels)
    stream.append(audio)
    return stream.window(0, len(audio), silence=silence)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of successive numbers, none longer than `_LONGEST_RUN`."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1 and number - runs[-1][0] < _LONGEST_RUN:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _edge_samples(speech: Samples, length: int, frames: Sequence[int]) -> Samples:
    """Samples of frames of a window of `length` samples that reach beyond its speech.

    Beyond the window itself its samples are mirrored, at both ends, as often as it takes.

    Returns:
        Shape (len(frames), N_FFT).
    """
    if not frames or frames[-1] * HOP + HALF > length or len(speech) < N_FFT:
        return _mirrored(speech, length, frames)
    samples = np.zeros((len(frames), N_FFT), np.float32)  # the same as it mostly is, and faster
    for row, frame in zip(samples, frames, strict=True):
        begin = frame * HOP - HALF
        if begin < 0:
            row[:-begin] = speech[-begin:0:-1]
            row[-begin:] = speech[: N_FFT + begin]
        else:
            spoken = speech[begin : begin + N_FFT]
            row[: len(spoken)] = spoken
    return samples


def _mirrored(speech: Samples, length: int, frames: Sequence[int]) -> Samples:
    index = np.abs(np.array(frames, np.int64)[:, np.newaxis] * HOP + np.arange(-HALF, HALF))
    if length > 1:
        index %= 2 * (length - 1)
        index = np.minimum(index, 2 * (length - 1) - index)
    samples = np.zeros(index.shape, dtype=np.float32)
    spoken = index < len(speech)
    samples[spoken] = speech[index[spoken]]
    return samples


def _raw_rows(samples: Samples, n_mels: int) -> Features:
    """Log10 mel of frames of samples, (..., frames, N_FFT) to (..., frames, n_mels)."""
    spectrum = np.fft.rfft(samples * _hann())
    power: Features = np.square(spectrum.real) + np.square(spectrum.imag)
    rows: Features = power @ _filters(n_mels)
    np.maximum(rows, FLOOR, out=rows)
    return np.log10(rows, out=rows)


def _scaled(values: _Values) -> _Values:
    """Log10 power, about [-10, 2], to the scale of features."""
    return (values + np.float32(4)) * np.float32(1 / 4)


@functools.cache
def _hann() -> Samples:
    """The periodic Hann window."""
    return np.hanning(N_FFT + 1)[:-1].astype(np.float32)


@functools.cache
def _filters(n_mels: int) -> npt.NDArray[np.float32]:
    """Slaney's triangular filters of equal area, shape (N_FFT // 2 + 1, n_mels).

    From the Auditory Toolbox (M. Slaney, 1998): mels are linear up to 1 kHz, 200/3 Hz each, then
    logarithmic, 27 to a factor of 6.4.
    """
    knee = 15.0  # mel of 1 kHz
    top = knee + 27 * np.log(SAMPLE_RATE / 2 / 1000) / np.log(6.4)
    mels = np.linspace(0, top, n_mels + 2)
    hertz = np.where(mels < knee, mels * 200 / 3, 1000 * 6.4 ** ((mels - knee) / 27))
    left, centre, right = hertz[:-2], hertz[1:-1], hertz[2:]
    bins = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)[:, np.newaxis]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    area = 2 / (right - left)
    triangles = np.maximum(0, np.minimum(rising, falling)) * area
    filters: npt.NDArray[np.float32] = triangles.astype(np.float32)
    return filters
