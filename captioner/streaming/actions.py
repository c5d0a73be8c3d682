"""What a session asks of whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from captioner.asr.engine import DecodeRow
from captioner.transcript import Caption


class Purpose(Enum):
    """What a decode is for."""

    INTERIM = "interim"
    FINAL = "final"
    """The words of a final, perhaps on the speculation that the pause is an endpoint."""


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode this row and answer with `Session.decoded` or `Session.failed`."""

    id: int
    purpose: Purpose
    edge: int
    """End of the audio in the window."""
    row: DecodeRow = field(repr=False)


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nobody waits any more for the decode of this id."""

    id: int


@dataclass(frozen=True, slots=True)
class Restart:
    """Where the session begins anew after a final: all that a resumption needs to know."""

    position: int = 0
    next_caption: int = 1
    continuing: bool = False
    """The utterance was cut at `position` amid speech."""
    has_text: bool = False
    """Whether any final had text: the next append-only text then begins with a space."""
    speaker_power: float = 0.0
    """How loud the speaker is, as `VoiceActivity` found it; 0 until somebody has spoken."""


@dataclass(frozen=True, slots=True)
class Emit:
    """Send a caption."""

    caption: Caption
    restart: Restart | None = None
    """Finals only."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A hypothesis was not shown because it looked invented."""

    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody began to talk."""

    position: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """The utterance ended."""

    position: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The stream ended and everything in it is final."""


Action = Decode | Abandon | Emit | Dropped | Started | Stopped | Finished
