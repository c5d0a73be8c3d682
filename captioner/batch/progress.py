"""How far a job is, in seconds of audio: what people are told while it works. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from captioner.batch.job import Document, Track
from captioner.batch.shards import Extent
from captioner.transcript import SAMPLE_RATE


@dataclass(slots=True)
class _Part:
    """One track. Whole samples: their sums are exact."""

    estimate: int
    duration: int | None = None
    position: int = 0
    over: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """How far something is, in seconds of audio."""

    done: float
    total: float | None
    """None while it is not known."""


class Progress:
    """The positions of all tracks of a job, and what they add up to.

    The length of a track is not known before it is opened. Until then it is estimated from the
    size of its file, corrected by how wrong the estimates of the opened ones were.
    """

    def __init__(self, documents: Iterable[tuple[Document, Iterable[Extent]]]) -> None:
        self._parts: dict[Track, _Part] = {}
        self._documents: dict[Track, Document] = {}
        self._working: dict[str, Document] = {}
        for document, extents in documents:
            for extent in extents:
                self._parts[extent.track] = _Part(max(1, round(extent.seconds * SAMPLE_RATE)))
                self._documents[extent.track] = document
        self._unopened = sum(part.estimate for part in self._parts.values())
        self._estimated = self._known = self._done = 0

    @property
    def position(self) -> Position:
        """That of the whole job."""
        if not self._known and self._unopened:
            return Position(self._done / SAMPLE_RATE, None)
        factor = self._known / self._estimated if self._estimated else 1.0
        total = self._known + self._unopened * factor
        return Position(self._done / SAMPLE_RATE, total / SAMPLE_RATE)

    def working(self) -> list[tuple[Document, Position]]:
        """The documents that were begun and are not over, in the order in which they began."""
        return [(document, self._position_of(document)) for document in self._working.values()]

    def move(self, track: Track, samples: int, duration: int | None) -> None:
        """A track is transcribed so far; it may go back. Tracks of other jobs are ignored."""
        part = self._parts.get(track)
        if part is None or part.over:
            return
        document = self._documents[track]
        self._working.setdefault(document.name, document)
        if duration is not None:
            self._open(part, duration)
        self._place(part, samples)

    def end(self, track: Track, duration: int) -> None:
        """A track is over, after so many samples (0: it could not be read)."""
        part = self._parts.get(track)
        if part is None or part.over:
            return
        self._open(part, duration)
        self._place(part, duration)
        part.over = True
        document = self._documents[track]
        if all(self._parts[other].over for other in document.tracks):
            self._working.pop(document.name, None)

    def _open(self, part: _Part, duration: int) -> None:
        if part.duration is None:
            self._unopened -= part.estimate
            # What could not be read says nothing about the others.
            self._estimated += part.estimate if duration else 0
        self._known += duration - (part.duration or 0)
        part.duration = duration

    def _place(self, part: _Part, position: int) -> None:
        self._done += position - part.position
        part.position = position

    def _position_of(self, document: Document) -> Position:
        parts = [self._parts[track] for track in document.tracks]
        durations = [part.duration for part in parts if part.duration is not None]
        total = sum(durations) / SAMPLE_RATE if len(durations) == len(parts) else None
        return Position(sum(part.position for part in parts) / SAMPLE_RATE, total)
