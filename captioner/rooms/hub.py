"""What every hub can do, whatever it keeps the rooms in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from captioner.rooms.captions import RoomHistory, RoomStatus
from captioner.rooms.follower import Follower
from captioner.rooms.notices import Notice
from captioner.rooms.position import Position


class RoomHub(Protocol):
    """Where the captions of rooms are published and read; used as an async context manager.

    Everything but `follow` and `dismiss` raises `Unavailable` when what keeps the rooms cannot be
    reached.
    """

    async def __aenter__(self) -> Self:
        """Begin; a hub that cannot be reached yet is no error."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Dismiss the followers that are left, and let go of everything."""
        ...

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Take in what sessions tell, in order; told again, it changes nothing.

        Raises:
            Unavailable: some of it may not have been taken in: tell it again.
        """
        ...

    def follow(
        self, room: str, after: Position | None = None, *, interims: bool = True
    ) -> Follower:
        """Follow a room, which need not be there yet; use the follower in a `with` statement.

        Args:
            room: its name.
            after: where an earlier following has got to; None: all that is kept.
            interims: False: finals only.

        Raises:
            InvalidRequest: the name is empty or too long.
        """
        ...

    async def history(self, room: str) -> RoomHistory | None:
        """The finals of a room that are kept; None: there is no such room."""
        ...

    async def rooms(self) -> tuple[RoomStatus, ...]:
        """The rooms that are there, ended ones as long as their history is kept; by name."""
        ...

    async def end(self, room: str) -> bool:
        """End a room: its followers are told. False: there is no such room, or it has ended."""
        ...

    async def delete(self, room: str) -> bool:
        """Forget what was said in a room: its followers start afresh. False: no such room."""
        ...

    async def sweep(self) -> None:
        """Do what time asks for: to be called every few seconds."""
        ...

    def dismiss(self) -> None:
        """Let followers read what is there and send them elsewhere; none may come any more."""
        ...
