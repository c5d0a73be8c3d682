"""The nouns of a room: what is said in it, what its followers are told, what it looks like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from captioner.rooms.position import Position
from captioner.transcript import SAMPLE_RATE, Caption


class CaptionKey(NamedTuple):
    """What makes two captions revisions of one."""

    session: str
    caption: int


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks on a track."""

    session: str
    track: str
    identity: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class RoomCaption:
    """A caption of one of the room's tracks."""

    speaker: Speaker
    caption: Caption
    origin: float
    """Wall time of sample 0 of the session, seconds since 1970."""

    @property
    def key(self) -> CaptionKey:
        """What its revisions have in common."""
        return CaptionKey(self.speaker.session, self.caption.id)

    @property
    def start_time(self) -> float:
        """Wall time of its start, seconds since 1970."""
        return self.origin + self.caption.start / SAMPLE_RATE

    @property
    def end_time(self) -> float:
        """Wall time of its end, seconds since 1970."""
        return self.origin + self.caption.end / SAMPLE_RATE


# --- What a follower is told


class ResetReason(Enum):
    """Why a follower must start afresh."""

    EPOCH = "epoch"
    """The room started afresh: what was received belongs to another meeting, or was deleted."""
    TRUNCATED = "truncated"
    """The history no longer reaches back to where the follower is."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget everything received: all that is kept follows."""

    reason: ResetReason


@dataclass(frozen=True, slots=True)
class Delivered:
    """A caption at a new revision; replaces the one of the same key."""

    position: Position
    """Where to go on from after this: grows with each final, stays with an interim."""
    said: RoomCaption


@dataclass(frozen=True, slots=True)
class Retracted:
    """An interim is gone without a final: its session was abandoned, or begins it again."""

    position: Position
    key: CaptionKey


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What was there when the following began (or after a `Reset`) was delivered: now live."""

    position: Position | None
    """None: nobody has spoken in the room yet."""


@dataclass(frozen=True, slots=True)
class RoomEnded:
    """The meeting is over: nothing follows."""

    position: Position


RoomEvent = Reset | Delivered | Retracted | CaughtUp | RoomEnded


# --- What a room looks like from outside


@dataclass(frozen=True, slots=True)
class Presence:
    """A speaker who is there now."""

    speaker: Speaker
    since: float
    """Wall time of arrival, seconds since 1970."""
    talking: bool


@dataclass(frozen=True, slots=True)
class RoomStatus:
    """A room that is there."""

    name: str
    since: float
    """Wall time at which it opened, seconds since 1970."""
    ended: float | None
    """Wall time at which it ended; None: it goes on."""
    speakers: tuple[Presence, ...]
    captions: int
    """Finals kept; over Redis there may be a few more than are delivered."""


@dataclass(frozen=True, slots=True)
class RoomHistory:
    """The finals of a room that are kept."""

    name: str
    since: float
    ended: float | None
    position: Position
    """Follow from here to get what comes next."""
    complete: bool
    """Whether it goes back to the opening of the room."""
    captions: tuple[Delivered, ...]
    """In the order of delivery; empty finals included."""

    def spoken(self) -> tuple[RoomCaption, ...]:
        """The transcript: captions with words, by the wall time of their start."""
        return in_spoken_order(delivered.said for delivered in self.captions)


def in_spoken_order(captions: Iterable[RoomCaption]) -> tuple[RoomCaption, ...]:
    """Captions with words by the wall time of their start; ties as they came."""
    return tuple(sorted((said for said in captions if said.caption.words), key=_start_time))


def _start_time(said: RoomCaption) -> float:
    return said.start_time
