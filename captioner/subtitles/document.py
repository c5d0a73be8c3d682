"""What a file of subtitles or text holds once it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from captioner.subtitles.cues import Cue, Provenance, Segment


@dataclass(frozen=True, slots=True)
class Document:
    """The content of a file."""

    segments: tuple[Segment, ...]
    """In the order of their start: one for each turn of a cue, segment of JSON or line of text."""
    provenance: Provenance | None
    """None where the file does not tell."""
    cues: tuple[Cue, ...] = ()
    """As the file breaks and times them; none in formats without cues."""
    timed: bool = True
    """False: the file has no times, and those of the segments are all 0."""

    def by_cue(self) -> Iterator[tuple[Cue, tuple[Segment, ...]]]:
        """Each cue with the segments of its turns."""
        segments = iter(self.segments)
        for cue in self.cues:
            yield cue, tuple(islice(segments, len(cue.turns)))
