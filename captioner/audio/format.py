"""What the bytes of a live track mean."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from captioner.errors import InvalidRequest

MIN_RATE = 8_000  # samples a second: telephony
MAX_RATE = 48_000  # samples a second: WebRTC
MAX_CHANNELS = 2
OPUS_RATE = 48_000  # samples a second: the clock of every Opus stream


class Encoding(Enum):
    """How samples are written."""

    LINEAR16 = "linear16"
    """Signed 16-bit little-endian integers."""
    FLOAT32 = "float32"
    """32-bit little-endian IEEE floats, nominally within [-1, 1]."""
    MULAW = "mulaw"
    """G.711 mu-law, one byte a sample."""
    ALAW = "alaw"
    """G.711 A-law, one byte a sample."""
    OPUS = "opus"
    """Raw Opus packets (RFC 6716), exactly one a message."""

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample of one channel; 0 where samples have no fixed size."""
        return _SAMPLE_BYTES[self]


_SAMPLE_BYTES = {
    Encoding.LINEAR16: 2,
    Encoding.FLOAT32: 4,
    Encoding.MULAW: 1,
    Encoding.ALAW: 1,
    Encoding.OPUS: 0,
}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding, rate and channels of one live track, checked when built.

    Raises:
        InvalidRequest: a value is out of range; its violation names the field of the request.
    """

    encoding: Encoding
    sample_rate: int
    """Samples a second of each channel."""
    channels: int = 1
    """1, or 2 interleaved and mixed down."""

    def __post_init__(self) -> None:
        if not MIN_RATE <= self.sample_rate <= MAX_RATE:
            raise InvalidRequest(
                f"sample rate is {self.sample_rate} Hz, expected {MIN_RATE} to {MAX_RATE} Hz",
                field="audio_format.sample_rate_hertz",
            )
        if self.encoding is Encoding.OPUS and self.sample_rate != OPUS_RATE:
            raise InvalidRequest(
                f"sample rate is {self.sample_rate} Hz, Opus packets are always {OPUS_RATE} Hz",
                field="audio_format.sample_rate_hertz",
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise InvalidRequest(
                f"{self.channels} channels, expected 1 or {MAX_CHANNELS}",
                field="audio_format.channels",
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels; 0 for Opus."""
        return self.encoding.sample_bytes * self.channels
