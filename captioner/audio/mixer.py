"""Decoded frames of any sample format and number of channels to mono float32 at their own rate."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from captioner.audio.pcm import Samples

_MOST_PLANES: Final = 8  # PyAV reads beyond its memory where a frame has more
# What silence is, and what full scale, where samples are integers.
_INTEGERS: Final = {"uint8": (128, 128), "int16": (0, 32768), "int32": (0, 2147483648)}

Values: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[str, int, int]


class Mixer:
    """Gathers frames that are alike, and mixes them in one go: frames are as short as 5 ms.

    Args:
        channel: The one that is wanted, from 0; None for the mean of all of them.
    """

    def __init__(self, channel: int | None) -> None:
        self.channel = channel
        self._converter: AudioResampler | None = None
        self._frames: list[Values] = []
        self._shape: Shape = ("", 0, 0)
        self._count = 0

    @property
    def seconds(self) -> float:
        """How much was gathered."""
        return self._count / self._shape[2] if self._count else 0.0

    def takes(self, frame: AudioFrame) -> bool:
        """Whether a frame is like those that were gathered."""
        return not self._count or self._shape == _shape_of(frame)

    def add(self, frame: AudioFrame) -> None:
        """Gather one more, which must be like the others.

        Raises:
            FFmpegError: it cannot be converted.
        """
        assert self.takes(frame)
        if not frame.samples:
            return
        shape = _shape_of(frame)
        if shape != self._shape:
            self._shape, self._converter = shape, None
        if frame.format.is_planar and frame.layout.nb_channels > _MOST_PLANES:
            if self._converter is None:
                self._converter = AudioResampler("flt", frame.layout, frame.sample_rate)
            self._frames += [part.to_ndarray() for part in self._converter.resample(frame)]
        else:
            self._frames.append(frame.to_ndarray())
        self._count += frame.samples

    def take(self) -> tuple[int, Samples]:
        """Mix what was gathered, and forget it: (rate, samples)."""
        _, channels, rate = self._shape
        values = np.concatenate(self._frames, axis=1)
        self._frames, self._count = [], 0
        # Shape (channels, samples) either way: planes, or one row in which channels alternate.
        planes = values if len(values) == channels else values.reshape(-1, channels).T
        with np.errstate(invalid="ignore", over="ignore"):  # of floats that are no audio
            return rate, _to_float(self._one(planes), planes.dtype.name)

    def _one(self, planes: Values) -> Values:
        """One channel of all; FFmpeg's own downmix to float adds 3 dB and may clip."""
        if self.channel is not None or len(planes) == 1:
            one: Values = planes[self.channel or 0]
            return one
        mean: Values = planes.mean(axis=0, dtype=np.float32)
        return mean


def _shape_of(frame: AudioFrame) -> Shape:
    return frame.format.name, frame.layout.nb_channels, frame.sample_rate


def _to_float(values: Values, kind: str) -> Samples:
    floats: Samples = values.astype(np.float32)
    if kind not in _INTEGERS:
        return np.clip(np.nan_to_num(floats, copy=False), -1, 1, out=floats)
    zero, scale = _INTEGERS[kind]
    if zero:
        floats -= np.float32(zero)
    floats *= np.float32(1 / scale)
    return floats
