"""What a client has received and its application has not read yet."""

from __future__ import annotations

import asyncio
from collections import deque

from captioner import live

LIMIT = 10_000  # events that an application may leave unread before the stream stalls


class Inbox:
    """Events in order; a newer interim or progress takes the place of one just before it."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._events: deque[live.Event] = deque()
        self._limit = limit
        self._changed = asyncio.Condition()
        self._closed = False
        self._error: BaseException | None = None

    async def put(self, event: live.Event) -> None:
        """Add an event; waits while too many are unread."""
        async with self._changed:
            if self._events and _replaces(event, self._events[-1]):
                self._events[-1] = event
                return
            await self._changed.wait_for(lambda: len(self._events) < self._limit)
            self._events.append(event)
            self._changed.notify_all()

    async def close(self, error: BaseException | None = None) -> None:
        """No event will follow; `error` is raised once the others are read."""
        async with self._changed:
            self._closed = True
            self._error = error
            self._changed.notify_all()

    async def get(self) -> live.Event | None:
        """The next event; None after the last one.

        Raises:
            BaseException: what the inbox was closed with.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._events or self._closed)
            if not self._events:
                if self._error is not None:
                    raise self._error
                return None
            event = self._events.popleft()
            self._changed.notify_all()
            return event


def _replaces(new: live.Event, old: live.Event) -> bool:
    if isinstance(new, live.Progress):
        return isinstance(old, live.Progress)
    return (
        isinstance(new, live.Captioned)
        and isinstance(old, live.Captioned)
        and not old.caption.appended
        and not old.caption.final
        and new.caption.id == old.caption.id
    )
