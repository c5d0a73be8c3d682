"""What transcribing one recording tells its caller. Positions are 16 kHz samples."""

from __future__ import annotations

from dataclasses import dataclass

from captioner.errors import CaptionerError
from captioner.transcript import Word


@dataclass(frozen=True, slots=True)
class RecordingProgress:
    """How far the transcription has got."""

    transcribed: int
    duration: int | None
    """None while it is not known."""


@dataclass(frozen=True, slots=True)
class RecordingSegment:
    """One utterance of the recording, in order of start."""

    id: int
    """Counts up from 1."""
    start: int
    end: int
    words: tuple[Word, ...]
    language: str

    @property
    def text(self) -> str:
        """The words joined by spaces."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class RecordingEnded:
    """Everything was transcribed."""

    duration: int
    segments: int


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """The recording was transcribed only as far as it can be read, or not at all."""

    error: CaptionerError


TranscriptionEvent = RecordingProgress | RecordingSegment | RecordingEnded
