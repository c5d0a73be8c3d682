"""Log-mel features, each frame computed once however many windows contain it.

The features are those of Whisper (https://github.com/openai/whisper, ``audio.py``): the power of a
25 ms Fourier transform every 10 ms, summed by Slaney's mel filters, in decibels relative to the
loudest value of the window. Only that last step and the edges depend on the window, so the rest is
kept for the next one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from captioner.audio.buffer import SampleBuffer
from captioner.audio.pcm import Samples
from captioner.transcript import SAMPLE_RATE

Features = npt.NDArray[np.float32]
"""Log-mel, shape (n_mels, frames) in windows and (frames, n_mels) inside this module."""

N_FFT = 400  # samples: 25 ms
HALF = N_FFT // 2  # a frame reaches this far to both sides of its centre
HOP = 160  # samples: frames are 10 ms apart, frame i is centred on sample i * HOP
FLOOR = 1e-10  # power that counts as silence
SILENT = -10.0  # log10 of FLOOR: every value of a frame of digital silence
DYNAMIC_RANGE = 8.0  # powers of ten kept below the loudest value of a window

# Frames are computed in blocks that lie at fixed places of the stream: the rounding of a frame
# then never depends on what else was computed with it. Of this size, the matrix product stays
# below the size from which OpenBLAS wakes up threads, which would cost more than it computes.
BLOCK = 20  # frames: 200 ms
_BLOCK_SAMPLES = (BLOCK - 1) * HOP + N_FFT


@dataclass(slots=True)
class _Block:
    rows: Features
    """Raw log10 mel, shape (BLOCK, n_mels)."""
    valid: int
    """How many leading rows were computed from samples that had all arrived."""


class LogMelStream:
    """The log-mel features of one stream, computed when a window first asks for them.

    Memory is bounded by what `forget` leaves. Not for use by two threads at a time.
    """

    def __init__(self, n_mels: int) -> None:
        self.n_mels = n_mels
        self._samples = SampleBuffer()
        self._blocks: dict[int, _Block] = {}

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
        first = self._samples.start // HOP // BLOCK
        for number in [number for number in self._blocks if number < first]:
            del self._blocks[number]

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
        rows = np.empty((silent, self.n_mels), dtype=np.float32)
        self._copy_frames(start // HOP + head, rows[head:seam])
        edges = np.concatenate((np.arange(head), np.arange(seam, silent)))
        rows[edges] = _edge_rows(speech, len(speech) + silence, edges, self.n_mels)
        return _normalise(rows, frames)

    def _copy_frames(self, first: int, rows: Features) -> None:
        """Fill `rows` with the frames of the stream from `first` on."""
        done = 0
        while done < len(rows):
            number, skip = divmod(first + done, BLOCK)
            count = min(BLOCK - skip, len(rows) - done)
            block = self._block(number, skip + count)
            rows[done : done + count] = block[skip : skip + count]
            done += count

    def _block(self, number: int, needed: int) -> Features:
        """Return the rows of a block, of which at least `needed` must be valid."""
        block = self._blocks.get(number)
        if block is None or block.valid < needed:
            begin = number * BLOCK * HOP - HALF
            valid = min(BLOCK, (self.end - begin - N_FFT) // HOP + 1)
            block = _Block(self._compute(begin), valid)
            self._blocks[number] = block
        return block.rows

    def _compute(self, begin: int) -> Features:
        """Compute the frames of the block whose first sample is at `begin`.

        Samples that are forgotten or have not arrived count as zero: the rows they spoil are not
        asked for, or are asked for again later.
        """
        samples = np.zeros(_BLOCK_SAMPLES, dtype=np.float32)
        low = max(begin, self._samples.start)
        high = min(begin + _BLOCK_SAMPLES, self._samples.end)
        samples[low - begin : high - begin] = self._samples.view(low, high)
        # as_strided would say the same, in a quarter of the time of the transform itself.
        frames = np.ndarray(
            (BLOCK, N_FFT),
            np.float32,
            buffer=samples,
            strides=(HOP * samples.itemsize, samples.itemsize),
        )
        return _raw_rows(frames, self.n_mels)


def log_mel(audio: Samples, *, silence: int = 0, n_mels: int = 80) -> Features:
    """Compute the features of a whole recording followed by `silence` zero samples.

    Returns:
        Shape (n_mels, (len(audio) + silence) // HOP).
    """
    stream = LogMelStream(n_mels)
    stream.append(audio)
    return stream.window(0, len(audio), silence=silence)


def _edge_rows(speech: Samples, length: int, frames: npt.NDArray[np.int_], n_mels: int) -> Features:
    """Compute frames of a window of `length` samples that reach beyond its speech.

    Beyond the window itself its samples are mirrored, at both ends, as often as it takes.
    """
    index = np.abs(frames[:, np.newaxis] * HOP + np.arange(-HALF, HALF))
    if length > 1:
        index %= 2 * (length - 1)
        index = np.minimum(index, 2 * (length - 1) - index)
    samples = np.zeros(index.shape, dtype=np.float32)
    spoken = index < len(speech)
    samples[spoken] = speech[index[spoken]]
    return _raw_rows(samples, n_mels)


def _raw_rows(samples: Samples, n_mels: int) -> Features:
    """Log10 mel of frames of samples, (frames, N_FFT) to (frames, n_mels)."""
    spectrum = np.fft.rfft(samples * _hann())
    power: Features = np.square(spectrum.real) + np.square(spectrum.imag)
    rows: Features = power @ _filters(n_mels)
    np.maximum(rows, FLOOR, out=rows)
    return np.log10(rows, out=rows)


def _normalise(rows: Features, frames: int) -> Features:
    """Append silent frames, clamp to the dynamic range, scale about [-1, 1], put mels first."""
    loudest = rows.max(initial=SILENT)
    lowest = loudest - np.float32(DYNAMIC_RANGE)
    np.maximum(rows, lowest, out=rows)
    rows += np.float32(4)
    rows *= np.float32(1 / 4)
    features = np.empty((rows.shape[1], frames), dtype=np.float32)
    features[:, : len(rows)] = rows.T
    features[:, len(rows) :] = (max(lowest, np.float32(SILENT)) + np.float32(4)) / np.float32(4)
    return features


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
