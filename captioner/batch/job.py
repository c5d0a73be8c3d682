"""What a job is made of: tracks, the documents they become, and the shards that are worked on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from captioner.transcription.events import RecordingSegment


@dataclass(frozen=True, slots=True)
class Track:
    """One audio track of one file, or one channel of it."""

    path: Path
    stream: int = 0
    """Which of the file's audio tracks, from 0."""
    channel: int | None = None
    """Which channel of it, from 0; None: all of them, mixed."""
    speaker: str = ""
    """Who is heard on it; empty when nobody knows."""
    offset: int = 0
    """Samples of the document before this track begins."""


@dataclass(frozen=True, slots=True)
class Document:
    """What becomes one transcript, in any number of formats: one recording or one meeting."""

    name: str
    """What it is called in progress and reports."""
    tracks: tuple[Track, ...]
    outputs: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Shard:
    """What a worker does in one go: batches of rows are formed within it, never across.

    So its transcripts depend on its tracks alone, whoever works on it, when, and after what.
    """

    number: int
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """What all tracks of a job have in common."""

    language: str = ""
    """Empty: the one of the settings."""
    key_terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackProgress:
    """How far a track is transcribed. It may go back when another worker takes over."""

    track: Track
    transcribed: int
    duration: int | None
    """Samples; None while it is not known."""


@dataclass(frozen=True, slots=True)
class TrackTranscribed:
    """A track is done."""

    track: Track
    segments: tuple[RecordingSegment, ...]
    """In order of start, times counted from the start of the track."""
    duration: int


@dataclass(frozen=True, slots=True)
class TrackFailed:
    """A track cannot be transcribed, or only as far as it can be read."""

    track: Track
    reason: str
    """A sentence for the person who started the job."""
    segments: tuple[RecordingSegment, ...] = ()
    """What came before the place where it breaks off."""


TrackEvent = TrackProgress | TrackTranscribed | TrackFailed
