"""Rooms in the memory of one process: the default."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Self

import structlog

from captioner.clock import Clock
from captioner.metrics import Metrics
from captioner.rooms.captions import RoomHistory, RoomStatus
from captioner.rooms.follower import FollowedRoom, Follower, Followers
from captioner.rooms.notices import Left, Notice
from captioner.rooms.position import Position, check_room_name
from captioner.rooms.room import Room, RoomLimits

EPOCH_BYTES = 6

log = structlog.get_logger(__name__)


class MemoryHub:
    """A `RoomHub` for a single replica: gone with the process, nothing on disk."""

    def __init__(self, limits: RoomLimits, clock: Clock, metrics: Metrics) -> None:
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._rooms: dict[str, Room] = {}
        self._followed: dict[str, FollowedRoom] = {}
        self._followers = Followers(limits.max_followers, metrics)
        metrics.rooms.set_function(lambda: len(self._rooms))

    async def __aenter__(self) -> Self:
        """Nothing has to be reached."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Dismiss the followers that are left."""
        self.dismiss()

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Take in what sessions tell, in order."""
        now = self._clock.wall()
        changed: dict[str, Room] = {}
        for notice in notices:
            name = notice.voice.room
            room = self._rooms.get(name) or self._open(name, notice)
            if room is not None:
                room.apply(notice, now, _new_epoch)
                changed[name] = room
        for name in changed:
            self._notify(name)

    def _open(self, name: str, notice: Notice) -> Room | None:
        """Have a new room, in place of the one that ended first when there are too many."""
        if isinstance(notice, Left):
            return None
        if len(self._rooms) >= self._limits.max_rooms and not self._make_room():
            self._metrics.room_captions_dropped.labels("rooms").inc()
            log.warning("room_refused", rooms=len(self._rooms), limit=self._limits.max_rooms)
            return None
        followed = self._followed.get(name) or FollowedRoom()
        self._followed[name] = followed
        room = self._rooms[name] = Room(name, followed.log, self._limits)
        return room

    def _make_room(self) -> bool:
        over = [
            (room.ended or 0.0, name)
            for name, room in self._rooms.items()
            if room.ended is not None or not room.is_there
        ]
        if over:
            self._forget(min(over)[1])
        return bool(over)

    def follow(
        self, room: str, after: Position | None = None, *, interims: bool = True
    ) -> Follower:
        """Follow a room, which need not be there yet."""
        check_room_name(room)
        return Follower(
            after,
            interims=interims,
            enter=lambda: self._enter(room),
            leave=lambda: self._leave(room),
            on_reset=self._followers.on_reset,
        )

    def _enter(self, name: str) -> FollowedRoom:
        followed = self._followed.get(name) or FollowedRoom()
        self._followers.enter(followed)
        self._followed[name] = followed
        return followed

    def _leave(self, name: str) -> None:
        self._followers.leave(self._followed[name])
        self._tidy(name)

    async def history(self, room: str) -> RoomHistory | None:
        """The finals of a room that are kept."""
        found = self._find(room)
        return found.history() if found else None

    async def rooms(self) -> tuple[RoomStatus, ...]:
        """The rooms that are there."""
        there = sorted(name for name, room in self._rooms.items() if room.is_there)
        return tuple(self._rooms[name].status() for name in there)

    async def end(self, room: str) -> bool:
        """End a room."""
        found = self._find(room)
        if found is None or found.ended is not None:
            return False
        found.end(self._clock.wall())
        self._notify(room)
        return True

    async def delete(self, room: str) -> bool:
        """Forget what was said in a room."""
        found = self._find(room)
        if found is None:
            return False
        found.delete(self._clock.wall(), _new_epoch)
        self._notify(room)
        return True

    async def sweep(self) -> None:
        """Do what time asks for."""
        now = self._clock.wall()
        for name, room in list(self._rooms.items()):
            room.sweep(now)
            if room.is_forgotten(now):
                self._forget(name)
            self._notify(name)

    def dismiss(self) -> None:
        """Let followers read what is there and send them elsewhere."""
        self._followers.dismissed = True
        for followed in self._followed.values():
            followed.dismissed = True
            followed.notify()

    def _find(self, name: str) -> Room | None:
        room = self._rooms.get(name)
        return room if room and room.is_there else None

    def _forget(self, name: str) -> None:
        forgotten = self._rooms.pop(name).log
        forgotten.begin("")
        forgotten.forget_all_but(())
        self._tidy(name)

    def _tidy(self, name: str) -> None:
        """Let go of a room that is not there and that nobody follows."""
        followed = self._followed.get(name)
        if followed is not None and not followed.followers and name not in self._rooms:
            del self._followed[name]

    def _notify(self, name: str) -> None:
        if followed := self._followed.get(name):
            followed.notify()


def _new_epoch() -> str:
    return secrets.token_hex(EPOCH_BYTES)
