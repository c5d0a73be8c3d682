"""Log-mel features, each frame computed once however many windows contain it.

The features are those of Whisper (https://github.com/openai/whisper, ``audio.py``): the power of a
25 ms Fourier transform every 10 ms, summed by Slaney's mel filters, in decibels relative to the
loudest value of the window. Only that last step and the edges depend on the window, so the rest is
kept for the next one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from captioner.audio.buffer import SampleBuffer
from captioner.audio.frame_cache import FrameCache, Frames
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
    """The log-mel features of one stream, computed when a window first needs them.

    Memory is bounded by what `forget` leaves. Not for use by two threads at a time, but for its
    windows.
    """

    def __init__(self, n_mels: int) -> None:
        self.n_mels = n_mels
        self._samples = SampleBuffer()
        self._frames = FrameCache(n_mels)
        self._asked: LogMelWindow | None = None  # the last window, until it was learned from

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
        self._learn()
        self._samples.forget(before - before % HOP)
        self._frames.forget(self._samples.start // HOP)

    def audio(self, start: int, stop: int) -> Samples:
        """Return the samples of [start, stop), which later audio does not touch.

        Raises:
            ValueError: part of the range is forgotten or has not arrived.
        """
        return self._samples.view(start, stop)

    def window(self, start: int, stop: int, *, silence: int) -> LogMelWindow:
        """Ask for the features of [start, stop) followed by `silence` zero samples.

        Raises:
            ValueError: `start` is no multiple of `HOP`, or part of the range is forgotten or has
                not arrived.
        """
        if start % HOP or silence < 0:
            raise ValueError(f"a window starts at {start} and has {silence} samples of silence")
        speech = self._samples.view(start, stop)
        self._learn()
        layout = _Layout.of(len(speech), silence)
        first, last = start // HOP + layout.head, start // HOP + layout.seam
        known = self._frames.known(first, last)
        missing = self._excerpt(first + len(known.loudest), last)
        self._asked = LogMelWindow(self.n_mels, speech, silence, known=known, missing=missing)
        return self._asked

    def _excerpt(self, first: int, stop: int) -> _Excerpt:
        """What the frames of [first, stop) are computed from."""
        begin = first // BLOCK * BLOCK * HOP - HALF
        end = -(-stop // BLOCK) * BLOCK * HOP + HALF
        low = min(max(begin, self._samples.start), self._samples.end)
        high = max(low, min(end, self._samples.end))
        return _Excerpt(first, stop, low, self._samples.view(low, high))

    def _learn(self) -> None:
        """Keep the frames that the last window computed, once it did."""
        if self._asked is None or not self._asked.computed:
            return
        for first, frames in self._asked.computed:
            self._frames.put(first, frames)
        self._asked = None


@dataclass(slots=True, eq=False)
class LogMelWindow:
    """The features of a window of a stream, as it was when the window was asked for.

    They are computed when NumPy makes an array of it: in any thread, whatever becomes of the
    stream meanwhile.
    """

    n_mels: int
    speech: Samples = field(repr=False)
    silence: int
    """Samples of silence behind the speech."""
    known: Frames = field(repr=False)
    """The frames within the speech that were there, from the first on."""
    missing: _Excerpt = field(repr=False)
    """What the others within the speech are computed from."""
    computed: tuple[tuple[int, Frames], ...] = field(default=(), repr=False)
    """Those and some around them, once computed: runs with the number of their first frame."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n_mels, frames of 10 ms)."""
        return self.n_mels, (len(self.speech) + self.silence) // HOP

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> Features:
        """Compute the features: contiguous, and nobody else's."""
        layout = _Layout.of(len(self.speech), self.silence)
        length = len(self.speech) + self.silence
        around = _raw_rows(_edge_samples(self.speech, length, layout.edges), self.n_mels)
        self.computed = tuple(self.missing.compute(self.n_mels))
        within = [self.known, *(self.missing.cut(*run) for run in self.computed)]
        loudest = max(
            values.max(initial=SILENT) for values in (around, *(w.loudest for w in within))
        )
        return _put_together(layout, within, _scaled(around).T, loudest - np.float32(DYNAMIC_RANGE))


class _Layout(NamedTuple):
    """The frames of a window: 0 <= head <= seam <= silent <= frames."""

    frames: int
    head: int
    """The first frame that does not reach before the window."""
    seam: int
    """The first of the others that reaches beyond the speech."""
    silent: int
    """The first of the others that holds none of it."""

    @classmethod
    def of(cls, speech: int, silence: int) -> _Layout:
        """That of so many samples of speech and of silence."""
        frames = (speech + silence) // HOP
        head = min(2, frames)
        seam = max(head, min((speech - HALF) // HOP + 1, frames))
        return cls(frames, head, seam, max(seam, min(-(-(speech + HALF) // HOP), frames)))

    @property
    def edges(self) -> tuple[int, ...]:
        """The frames that depend on the window."""
        return (*range(self.head), *range(self.seam, self.silent))


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """Audio that the frames of [first, stop) of a stream are computed from."""

    first: int
    stop: int
    start: int
    """Position of the first sample."""
    samples: Samples

    def compute(self, n_mels: int) -> Iterator[tuple[int, Frames]]:
        """Compute the frames, and the others of their blocks as far as they are known."""
        if self.first < self.stop:
            stop = (self.stop - 1) // BLOCK + 1
            for block in range(self.first // BLOCK, stop, _LONGEST_RUN):
                yield self._run(block, min(block + _LONGEST_RUN, stop), n_mels)

    def _run(self, first: int, stop: int, n_mels: int) -> tuple[int, Frames]:
        """Compute the blocks from `first` to before `stop`.

        Samples that were forgotten or have not arrived count as zero: the frames that the former
        spoil are not asked for, those that the latter spoil are left out.
        """
        begin, end = first * BLOCK * HOP - HALF, self.start + len(self.samples)
        count = (stop - first) * BLOCK
        samples = np.zeros((count - 1) * HOP + N_FFT, dtype=np.float32)
        low, high = max(begin, self.start), min(begin + len(samples), end)
        samples[low - begin : high - begin] = self.samples[low - self.start : high - self.start]
        # as_strided would say the same, in a quarter of the time of the transform itself.
        frames = np.ndarray(
            (stop - first, BLOCK, N_FFT),
            np.float32,
            buffer=samples,
            strides=(BLOCK * HOP * samples.itemsize, HOP * samples.itemsize, samples.itemsize),
        )
        rows = _raw_rows(frames, n_mels).reshape(count, n_mels)[: (end - begin - N_FFT) // HOP + 1]
        return first * BLOCK, Frames(_scaled(rows).T, rows.max(axis=1))

    def cut(self, first: int, frames: Frames) -> Frames:
        """Those of successive frames, from number `first` on, that are within [first, stop)."""
        where = slice(max(0, self.first - first), self.stop - first)
        return Frames(frames.columns[:, where], frames.loudest[where])


def _put_together(
    layout: _Layout, within: Sequence[Frames], around: Features, quietest: np.float32
) -> Features:
    """The features of a window from its frames, those at the edges in `around`."""
    lowest, head = _scaled(quietest), layout.head
    features = np.empty((len(around), layout.frames), np.float32)
    np.maximum(around[:, :head], lowest, out=features[:, :head])
    # numpy is faster with as many values as a row has than with one
    lows = np.full(layout.seam - head, lowest)
    at = head
    for columns, loudest in within:
        stop = at + len(loudest)
        np.maximum(columns, lows[at - head : stop - head], out=features[:, at:stop])
        at = stop
    np.maximum(around[:, head:], lowest, out=features[:, layout.seam : layout.silent])
    features[:, layout.silent :] = max(lowest, _scaled(np.float32(SILENT)))
    return features


def log_mel(audio: Samples, *, silence: int = 0, n_mels: int = 80) -> Features:
    """Compute the features of a whole recording followed by `silence` zero samples.

    Returns:
        Shape (n_mels, (len(audio) + silence) // HOP).
    """
    stream = LogMelStream(n_mels)
    stream.append(audio)
    return np.asarray(stream.window(0, len(audio), silence=silence))


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
