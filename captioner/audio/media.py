"""What a recording says of itself, before any of it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from captioner.transcript import SAMPLE_RATE

BLOCK: Final = SAMPLE_RATE
"""Samples of a decoded block, at least, but for the last: 1 s."""


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One audio track of a recording."""

    index: int
    """Among the audio tracks, from 0: what `track` chooses."""
    codec: str
    channels: int
    sample_rate: int
    language: str
    """As the file writes it, mostly ISO 639-2 ("fre"); empty when it does not say."""
    title: str
    duration: float | None
    """Seconds, for some formats an estimate; None when the file does not say."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A recording and its audio tracks."""

    format: str
    """FFmpeg's name for the container."""
    duration: float | None
    tracks: tuple[TrackInfo, ...]
