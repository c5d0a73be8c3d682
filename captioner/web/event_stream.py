"""The events of a room as server-sent events. Pure. A caption is written once for all its readers.

    event: caption
    id: 4fz0-17
    data: {"id":"v9PH-3","revision":4,...}

An ``id`` stands where a reader may go on from: with finals and, for readers that skipped the
history, where they have caught up. Interims have none, so that a browser's ``Last-Event-ID`` stays
at what will not be sent again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from captioner.errors import Unavailable
from captioner.rooms.captions import (
    CaughtUp,
    Delivered,
    Reset,
    Retracted,
    RoomCaption,
    RoomEnded,
    RoomEvent,
)
from captioner.rooms.follower import Follower
from captioner.rooms.position import Position
from captioner.web.values import Values, caption_id, caption_values, dump

MEDIA_TYPE = "text/event-stream; charset=utf-8"
RETRY = 2000  # milliseconds after which browsers connect again
CHUNK = 16_384  # bytes written at once, at least when there is more
REMEMBERED = 4096  # captions whose bytes are kept for the next reader
KEPT = 60.0  # seconds, at most

HEARTBEAT = b": \n\n"
HINT = f"retry: {RETRY}\n\n".encode()


def event_bytes(name: str, values: Values, *, position: Position | None = None) -> bytes:
    """Write one event. JSON has no line ends, so its data is one line."""
    place = "" if position is None else f"id: {position}\n"
    return f"event: {name}\n{place}data: {dump(values)}\n\n".encode()


class EventWriter:
    """Writes what followers are told; remembers for a minute what captions look like.

    Args:
        later: calls a function after so many seconds. What was said is not kept longer than
            that on behalf of readers: rooms forget, and are deleted.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._later = later
        # By identity: one caption is one object for all followers, and comparing the words of
        # captions would cost more than writing them. The value keeps the object alive.
        self._written: dict[int, tuple[RoomCaption, bytes]] = {}

    def write(self, event: RoomEvent) -> bytes:
        """The bytes of an event."""
        match event:
            case Delivered(position=position, said=said):
                return self._caption(said, position)
            case Retracted(key=key):
                return event_bytes("retracted", {"id": caption_id(key)})
            case Reset(reason=reason):
                self._written.clear()
                return event_bytes("reset", {"reason": reason.value})
            case CaughtUp(position=reached):
                return event_bytes("caught_up", {}, position=reached)
            case RoomEnded():
                return event_bytes("ended", {})
            case _:
                assert_never(event)

    def gather(self, follower: Follower, first: RoomEvent | None = None) -> bytes:
        """All that a follower is told now, after `first`: at most a little more than `CHUNK`.

        Raises:
            Unavailable: the replica goes away, and everything was read.
        """
        pieces = [self.write(first)] if first else []
        size = sum(map(len, pieces))
        try:
            while size < CHUNK and (event := follower.ready()) is not None:
                pieces.append(self.write(event))
                size += len(pieces[-1])
        except Unavailable:
            if not pieces:  # else what was read goes out first
                raise
        return b"".join(pieces)

    def _caption(self, said: RoomCaption, position: Position) -> bytes:
        known = self._written.get(id(said))
        if known is not None:
            return known[1]
        place = position if said.caption.final else None
        written = event_bytes("caption", caption_values(said), position=place)
        if not self._written:
            self._later(KEPT, self._written.clear)
        while len(self._written) >= REMEMBERED:
            del self._written[next(iter(self._written))]
        self._written[id(said)] = said, written
        return written
