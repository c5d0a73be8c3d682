"""One reader of a room: its place in it, and the waiting for more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

from captioner.errors import ResourceExhausted, Unavailable
from captioner.metrics import Metrics
from captioner.rooms.captions import Reset, RoomEvent
from captioner.rooms.cursor import Cursor
from captioner.rooms.log import RoomLog
from captioner.rooms.position import Position

GOING_AWAY = "this replica is going away: follow the room elsewhere"


class FollowedRoom:
    """The captions of a room that followers of this process share."""

    def __init__(self, *, known: bool = True) -> None:
        self.log = RoomLog()
        self.known = known
        """Whether the log is what the room is; False: it was not read yet."""
        self.dismissed = False
        self.followers = 0
        self._changed = asyncio.Event()

    @property
    def wanted(self) -> bool:
        """Whether anybody still waits for what is new."""
        return self.followers > 0 and not self.dismissed

    def notify(self) -> None:
        """Have all followers look again."""
        self._changed.set()  # wakes those that wait now
        self._changed.clear()

    async def change(self) -> None:
        """Wait until something may be new; nothing is missed without an await before this."""
        await self._changed.wait()


class Follower:
    """The events of a room for one reader; made by `RoomHub.follow`, used in a `with` statement.

    An event is decided when it is asked for, so it is as fresh as can be, and waiting for one can
    be cancelled without losing any.
    """

    def __init__(
        self,
        after: Position | None,
        *,
        interims: bool,
        enter: Callable[[], FollowedRoom],
        leave: Callable[[], None],
        on_reset: Callable[[], None],
    ) -> None:
        self._after = after
        self._interims = interims
        self._enter = enter
        self._leave = leave
        self._on_reset = on_reset
        self._room: FollowedRoom | None = None
        self._cursor: Cursor | None = None

    def __enter__(self) -> Self:
        """Take part; the hub keeps the room at hand until the end of the context.

        Raises:
            ResourceExhausted: there are too many followers.
            Unavailable: the replica goes away.
        """
        self._room = self._enter()
        return self

    def __exit__(self, *_: object) -> None:
        """Take part no more."""
        self._leave()

    @property
    def position(self) -> Position | None:
        """Where to go on from: `after` of the next following."""
        return self._after if self._cursor is None else self._cursor.position

    @property
    def over(self) -> bool:
        """Whether the room has ended and the follower was told."""
        return self._cursor is not None and self._cursor.over

    def __aiter__(self) -> Self:
        """The events until the room ends."""
        return self

    async def __anext__(self) -> RoomEvent:
        """The next event.

        Raises:
            Unavailable: the replica goes away.
        """
        event = await self.next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def next(self, timeout: float | None = None) -> RoomEvent | None:  # noqa: ASYNC109 - no event is an answer, not a failure
        """The next event; None when none came within `timeout` seconds, or when it is over.

        Raises:
            Unavailable: the replica goes away.
        """
        try:
            async with asyncio.timeout(timeout):
                while (event := self.ready()) is None and not self.over:
                    await self._followed.change()
        except TimeoutError:
            return None
        return event

    def ready(self) -> RoomEvent | None:
        """The next event, if there is one now.

        Raises:
            Unavailable: the replica goes away, and everything was read.
        """
        event = None
        if self._followed.known:
            if self._cursor is None:
                self._cursor = Cursor(self._followed.log, self._after, interims=self._interims)
            event = self._cursor.next()
        if event is None and self._followed.dismissed and not self.over:
            raise Unavailable(GOING_AWAY)
        if isinstance(event, Reset):
            self._on_reset()
        return event

    @property
    def _followed(self) -> FollowedRoom:
        if self._room is None:
            raise ValueError("a follower is used in a `with` statement")
        return self._room


class Followers:
    """The followers of a hub: how many there may be."""

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most = most
        self._metrics = metrics
        self.count = 0
        self.dismissed = False

    def enter(self, room: FollowedRoom) -> None:
        """Let one more in, or refuse it.

        Raises:
            ResourceExhausted: there are too many.
            Unavailable: the replica goes away.
        """
        if self.dismissed:
            raise Unavailable(GOING_AWAY)
        if self.count >= self._most:
            raise ResourceExhausted(
                f"{self.count} followers read rooms here, the limit",
                retry_after=5.0,
                subject="followers",
            )
        self.count += 1
        room.followers += 1
        self._metrics.room_followers.set(self.count)

    def leave(self, room: FollowedRoom) -> None:
        """Count one less."""
        self.count -= 1
        room.followers -= 1
        self._metrics.room_followers.set(self.count)

    def on_reset(self) -> None:
        """Count one that had to start afresh."""
        self._metrics.room_resets.inc()
