"""One room: who is there, what was said, when it is over. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from captioner.config import Settings
from captioner.rooms.captions import (
    Delivered,
    Presence,
    RoomCaption,
    RoomHistory,
    RoomStatus,
    Speaker,
)
from captioner.rooms.log import RoomLog
from captioner.rooms.notices import Joined, Left, Notice, Present, Spoke, Voice
from captioner.rooms.position import Position

LEASE = 45.0  # seconds after which a session that gives no sign of life counts as gone
REMEMBERED = 1000  # sessions of earlier meetings whose last final is known
TOLD_AGAIN = 60.0  # seconds for which finals of a deleted room may still be told again


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """How much is kept, for how long. Times in seconds."""

    history_age: float = 14_400.0
    history_size: int = 5000
    """Finals of one room."""
    grace: float = 300.0
    """For which a room without sessions does not end."""
    max_rooms: int = 1000
    max_followers: int = 10_000

    @classmethod
    def of(cls, settings: Settings) -> RoomLimits:
        """Those of the settings."""
        return cls(
            history_age=settings.room_history_age,
            history_size=settings.room_history_size,
            grace=settings.room_grace,
            max_rooms=settings.max_rooms,
            max_followers=settings.max_followers,
        )


@dataclass(slots=True)
class _Attendance:
    """A session that is there."""

    speaker: Speaker
    since: float
    expires: float
    talking: bool = False


class Room:
    """The state of a room, and what each notice changes in it."""

    def __init__(self, name: str, log: RoomLog, limits: RoomLimits) -> None:
        self.name = name
        self.log = log
        self._limits = limits
        self._since = 0.0
        self._ended: float | None = None
        self._deleted = 0.0
        self._empty_since = 0.0
        self._there: dict[str, _Attendance] = {}
        self._attachments: dict[str, str] = {}

    @property
    def is_there(self) -> bool:
        """Whether there is anything to see: False after it was deleted."""
        return bool(self.log.epoch)

    @property
    def ended(self) -> float | None:
        """When it ended, if it did."""
        return self._ended

    # --- what sessions tell

    def apply(self, notice: Notice, now: float, new_epoch: Callable[[], str]) -> None:
        """Take in a notice, unless its attachment was superseded or it says nothing new."""
        voice = notice.voice
        session = voice.speaker.session
        if not isinstance(notice, Joined) and not self._is_heard(voice):
            return
        match notice:
            case Joined():
                self._join(voice, now, new_epoch)
            case Present(talking=talking):
                self._join(voice, now, new_epoch)
                self._there[session].talking = talking
            case Spoke(said=said):
                if not self.log.is_final(said.key):
                    self._join(voice, now, new_epoch)
                    self._say(said, now)
            case Left():
                self._leave(session, now)
            case _:
                assert_never(notice)

    def _is_heard(self, voice: Voice) -> bool:
        known = self._attachments.get(voice.speaker.session, voice.attachment)
        return known == voice.attachment

    def _join(self, voice: Voice, now: float, new_epoch: Callable[[], str]) -> None:
        """Have the session there, in a room that is open."""
        session = voice.speaker.session
        known = self._there.get(session)
        if not self.log.epoch or (self._ended is not None and known is None):
            self._open(new_epoch(), now)
        if self._attachments.get(session) != voice.attachment:
            self._attachments[session] = voice.attachment
            self.log.retract(session)
        if known is None:
            self._there[session] = _Attendance(voice.speaker, now, now + LEASE)
        else:
            known.expires = now + LEASE

    def _open(self, epoch: str, now: float) -> None:
        self._since, self._ended = now, None
        if len(self._attachments) > REMEMBERED:
            known = {name: it for name, it in self._attachments.items() if name in self._there}
            self._attachments = known
            self.log.forget_all_but(known)
        self.log.begin(epoch)

    def _say(self, said: RoomCaption, now: float) -> None:
        if said.caption.final:
            self.log.append(self.log.last + 1, said, at=now)
            self.log.trim(self._limits.history_size, before=now - self._limits.history_age)
        else:
            self.log.show(said)

    def _leave(self, session: str, now: float) -> None:
        self.log.retract(session)
        if self._there.pop(session, None) is not None and not self._there:
            self._empty_since = now

    # --- what time and others do

    def end(self, now: float) -> None:
        """The meeting is over. Who is there may still say their last words."""
        if self._ended is None:
            self._ended = now
            self.log.ended = True

    def delete(self, now: float, new_epoch: Callable[[], str]) -> None:
        """Forget what was said; the room is gone when nobody is there."""
        self.log.begin(new_epoch() if self._there else "")
        self.log.ended = bool(self._there) and self._ended is not None
        self._deleted = now

    def sweep(self, now: float) -> None:
        """Miss who gives no sign of life, drop what is too old, end what nobody is in any more."""
        for session in [name for name, it in self._there.items() if it.expires <= now]:
            self._leave(session, now)
        self.log.trim(self._limits.history_size, before=now - self._limits.history_age)
        if self.is_there and not self._there and now - self._empty_since >= self._limits.grace:
            self.end(now)

    def is_forgotten(self, now: float) -> bool:
        """Whether the room ended so long ago, or was deleted, that nothing is left of it."""
        if not self.log.epoch:  # what is told again must not come back
            return now - self._deleted >= TOLD_AGAIN
        return self._ended is not None and now - self._ended >= self._limits.history_age

    # --- what it looks like

    def status(self) -> RoomStatus:
        """The room from outside."""
        return RoomStatus(
            name=self.name,
            since=self._since,
            ended=self._ended,
            speakers=tuple(
                Presence(it.speaker, it.since, it.talking) for it in self._there.values()
            ),
            captions=len(self.log),
        )

    def history(self) -> RoomHistory:
        """The finals that are kept."""
        log = self.log
        return RoomHistory(
            name=self.name,
            since=self._since,
            ended=self._ended,
            position=Position(log.epoch, log.last),
            complete=log.floor == 0,
            captions=tuple(
                Delivered(Position(log.epoch, kept.sequence), kept.said) for kept in log
            ),
        )
