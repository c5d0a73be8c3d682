"""What goes into a subtitle file, and what a player shows of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from captioner.transcript import Caption, Word

_GENERATOR = "Captioner "
_NUMBERED = re.compile(r"(.+)\.(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one speaker's words: what all formats are written from."""

    id: str
    """Unique in the file."""
    start: int
    """Samples from the start of the recording or room, like ``end`` and the times of words."""
    end: int
    words: tuple[Word, ...]
    """May be empty where words were not timed; their times are then spread over the text."""
    speaker: str
    """The name shown to readers; empty when nobody knows."""
    text: str
    language: str = "fr"

    @classmethod
    def from_caption(cls, caption: Caption, *, speaker: str = "", track: str = "") -> Segment:
        """Take over a caption; ``track`` keeps ids apart in a file that has several tracks."""
        return cls(
            id=f"{track}-{caption.id}" if track else str(caption.id),
            start=caption.start,
            end=caption.end,
            words=caption.words,
            speaker=speaker,
            text=caption.text,
            language=caption.language,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says within a cue."""

    speaker: str
    """Empty when nobody knows."""
    lines: tuple[str, ...]
    """Ready to be shown, not yet escaped for any format; never empty, nor is any of them."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One timed block: the lines that are on screen together."""

    id: str
    start: int
    end: int
    turns: tuple[Turn, ...]
    """One, or several where speakers follow one another quickly; never empty."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of all turns, top to bottom."""
        return tuple(line for turn in self.turns for line in turn.lines)


def name_cue(segment: str, number: int) -> str:
    """The id of one of several cues that begin in a segment, counted from 1."""
    return f"{segment}.{number}"


def split_name(cue: str) -> tuple[str, int]:
    """The segment that the id of a cue names, and the number of the cue; 0: it is the only one."""
    named = _NUMBERED.fullmatch(cue)
    return (named[1], int(named[2])) if named else (cue, 0)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What produced a file. Readers are told that no human wrote it."""

    version: str
    """Of the service."""
    model: str
    digest: str
    """Of the model, with its algorithm: ``sha256:...``."""

    def fields(self) -> dict[str, str]:
        """For programs that read the file."""
        return {
            "machine-generated": "true",
            "generator": f"{_GENERATOR}{self.version}",
            "model": self.model,
            "model-digest": self.digest,
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Provenance | None:
        """What the fields of a file say; None when they are not ours."""
        generator = fields.get("generator", "")
        if not generator.startswith(_GENERATOR) or "model" not in fields:
            return None
        version = generator.removeprefix(_GENERATOR)
        return cls(version, fields["model"], fields.get("model-digest", ""))
