"""The queue between a session and the front door that carries it: bounded, finals never lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from captioner.errors import CaptionerError, ResourceExhausted
from captioner.live import Captioned, Ended, Event, Progress

MAX_WAITING = 4096  # events that may not be dropped, waiting for a reader: hours of finals


class EventQueue:
    """Events in order; a reader that lags misses interims and progress that newer ones replace."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._error: CaptionerError | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add an event, in place of an older one that it replaces."""
        if self._closed:
            return
        if self._events and _replaces(event, self._events[-1]):
            self._events.pop()
        self._events.append(event)
        if len(self._events) > MAX_WAITING:
            self.fail(ResourceExhausted(f"{MAX_WAITING} events wait for a reader", retry_after=1))
        self._changed.set()

    def close(self) -> None:
        """No event follows: readers end after those that wait."""
        self._closed = True
        self._changed.set()

    def fail(self, error: CaptionerError) -> None:
        """No event follows: readers get this error after those that wait."""
        if not self._closed:
            self._error = error
            self.close()

    async def read(self) -> AsyncIterator[Event]:
        """Events until `Ended`, the queue's closing or its failure. For one reader."""
        while True:
            while self._events:
                event = self._events.popleft()
                yield event
                if isinstance(event, Ended):
                    return
            if self._closed:
                if self._error is not None:
                    raise self._error
                return
            self._changed.clear()
            await self._changed.wait()


def _replaces(new: Event, old: Event) -> bool:
    """Whether nobody needs the old event once the new one is there."""
    match old, new:
        case Captioned(before), Captioned(after):
            # an append-only text is a difference: dropping one would lose words
            return before.id == after.id and not before.final and not before.appended
        case Progress(), Progress():
            return True
        case _:
            return False
