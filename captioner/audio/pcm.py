"""Bytes of samples to float32 mono, one pure function."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from captioner.audio.format import AudioFormat, Encoding
from captioner.errors import UnsupportedAudio

Samples = npt.NDArray[np.float32]
"""Mono audio, shape (samples,), within [-1, 1]."""

INT16_SCALE = np.float32(1 / 32768)  # the full scale of 16-bit audio maps to [-1, 1)


def decode(data: bytes, audio_format: AudioFormat) -> tuple[Samples, int]:
    """Decode whole samples and mix them down.

    Returns:
        The samples at the rate of the format, and how many values were out of range and clamped.

    Raises:
        UnsupportedAudio: the bytes end inside a sample, or a float is not a number.
    """
    if audio_format.encoding is Encoding.OPUS:
        raise ValueError("Opus packets hold no plain samples")
    if len(data) % audio_format.frame_bytes:
        raise UnsupportedAudio(
            f"{len(data)} bytes of {audio_format.encoding.name} audio do not end with a whole "
            f"sample of {audio_format.channels} x {audio_format.encoding.sample_bytes} bytes",
            field="audio",
        )
    clamped = 0
    values: Samples
    match audio_format.encoding:
        case Encoding.LINEAR16:
            values = np.frombuffer(data, dtype="<i2") * INT16_SCALE
        case Encoding.FLOAT32:
            values, clamped = _decode_floats(data)
        case Encoding.MULAW:
            values = _mulaw_table()[np.frombuffer(data, dtype=np.uint8)]
        case Encoding.ALAW:
            values = _alaw_table()[np.frombuffer(data, dtype=np.uint8)]
    return _mix(values, audio_format.channels), clamped


def _decode_floats(data: bytes) -> tuple[Samples, int]:
    values = np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)
    peak = np.abs(values).max(initial=0.0)  # a NaN anywhere makes the maximum NaN
    if not np.isfinite(peak):
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise UnsupportedAudio(
            f"value {first} of {len(values)} in a FLOAT32 message is {values[first]}, "
            "expected a number in [-1, 1]",
            field="audio",
        )
    if peak <= 1:
        return values, 0
    return np.clip(values, -1, 1), int(np.count_nonzero(np.abs(values) > 1))


def _mix(values: Samples, channels: int) -> Samples:
    if channels == 1:
        return values
    mixed: Samples = values[0::2] + values[1::2]
    mixed *= np.float32(0.5)
    return mixed


@functools.cache
def _mulaw_table() -> Samples:
    """The 256 values of ITU-T G.711 mu-law (14-bit, shifted to 16)."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = (code >> 4 & 0x07).astype(np.int32)
    mantissa = (code & 0x0F).astype(np.int32)
    magnitude = ((mantissa << 3) + 0x84 << exponent) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float32) * INT16_SCALE


@functools.cache
def _alaw_table() -> Samples:
    """The 256 values of ITU-T G.711 A-law (13-bit, shifted to 16)."""
    code = np.arange(256, dtype=np.uint8) ^ np.uint8(0x55)  # even bits travel inverted
    exponent = (code >> 4 & 0x07).astype(np.int32)
    mantissa = (code & 0x0F).astype(np.int32)
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, linear, linear + 0x100 << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float32) * INT16_SCALE
