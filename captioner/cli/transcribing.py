"""Recordings to files of text, one after the other; a bad one does not stop the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from captioner.audio.files import duration as duration_of
from captioner.cli.transcripts import save
from captioner.clock import Clock
from captioner.errors import CaptionerError, InvalidRequest
from captioner.subtitles.cues import Provenance, Segment
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.events import (
    RecordingEnded,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)


@dataclass(frozen=True, slots=True)
class Job:
    """One recording and the files that it becomes."""

    source: Path
    outputs: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A recording that could not be transcribed, or whose text could not be written."""

    source: Path
    reason: str


class Service(Protocol):
    """What transcribes: see ``captioner.service.CaptionService``."""

    def transcribe(
        self, recording: BinaryIO, *, language: str = "", key_terms: tuple[str, ...] = ()
    ) -> AsyncIterator[TranscriptionEvent]:
        """Transcribe a recording."""
        ...


class Watcher(Protocol):
    """Who is told how it goes."""

    def begin(self, source: Path, seconds: float | None) -> None:
        """A recording of that length, if it is known, is next."""
        ...

    def advance(self, done: float, total: float | None) -> None:
        """So many seconds of it are done."""
        ...

    def finish(self, job: Job, seconds: float, *, took: float) -> None:
        """Its files are there."""
        ...

    def fail(self, failure: Failure) -> None:
        """It could not be done."""
        ...


def plan(sources: Sequence[Path], kinds: Iterable[str], folder: Path) -> list[Job]:
    """Which files will be written.

    Raises:
        InvalidRequest: two recordings would be written to the same file.
    """
    jobs = [
        Job(source, tuple(folder / f"{source.stem}.{kind}" for kind in kinds)) for source in sources
    ]
    owners: dict[Path, Path] = {}
    for job in jobs:
        for output in job.outputs:
            if output in owners:
                raise InvalidRequest(
                    f"{owners[output]} and {job.source} would both be written to {output}"
                )
            owners[output] = job.source
    return jobs


async def transcribe_all(
    service: Service,
    jobs: Sequence[Job],
    watcher: Watcher,
    *,
    provenance: Provenance,
    key_terms: tuple[str, ...],
    clock: Clock,
) -> list[Failure]:
    """Transcribe recordings in order; what failed, and why."""
    failures: list[Failure] = []
    for job in jobs:
        began = clock.monotonic()
        try:
            segments, seconds = await _transcribe(service, job.source, watcher, key_terms)
            for output in job.outputs:
                save(output, segments, provenance)
        except (CaptionerError, OSError) as error:
            failures.append(Failure(job.source, _reason(error)))
            watcher.fail(failures[-1])
        else:
            watcher.finish(job, seconds, took=clock.monotonic() - began)
    return failures


async def _transcribe(
    service: Service, source: Path, watcher: Watcher, key_terms: tuple[str, ...]
) -> tuple[list[Segment], float]:
    """The segments of one recording, and its length in seconds."""
    watcher.begin(source, duration_of(source))
    segments: list[Segment] = []
    seconds = 0.0
    with source.open("rb") as recording:
        events = service.transcribe(recording, key_terms=key_terms)
        async for event in events:
            match event:
                case RecordingProgress():
                    total = event.duration / SAMPLE_RATE if event.duration else None
                    watcher.advance(event.transcribed / SAMPLE_RATE, total)
                case RecordingSegment():
                    segments.append(segment_of(event))
                case RecordingEnded():
                    seconds = event.duration / SAMPLE_RATE
    return segments, seconds


def segment_of(event: RecordingSegment) -> Segment:
    """An utterance of a recording as the formats take it."""
    return Segment(
        id=str(event.id),
        start=event.start,
        end=event.end,
        words=event.words,
        speaker="",
        text=event.text,
        language=event.language,
    )


def _reason(error: CaptionerError | OSError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
