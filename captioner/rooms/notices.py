"""What a session tells the rooms: the values that a publisher hands to a hub, in order."""

from __future__ import annotations

from dataclasses import dataclass

from captioner.rooms.captions import RoomCaption, Speaker


@dataclass(frozen=True, slots=True)
class Voice:
    """One attachment of a session to its room."""

    room: str
    speaker: Speaker
    attachment: str
    """Another one each time the session is opened or resumed: the latest to join is heard."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The session was opened or resumed."""

    voice: Voice


@dataclass(frozen=True, slots=True)
class Present:
    """The session is still there; sent at every change, and often enough to be believed."""

    voice: Voice
    talking: bool


@dataclass(frozen=True, slots=True)
class Spoke:
    """A caption at a new revision."""

    voice: Voice
    said: RoomCaption


@dataclass(frozen=True, slots=True)
class Left:
    """The session is over, or goes on elsewhere."""

    voice: Voice


Notice = Joined | Present | Spoke | Left
