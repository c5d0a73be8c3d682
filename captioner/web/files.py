"""Files that are made on request: one at a time, and once for all who want the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from captioner.errors import ResourceExhausted

AT_WORK = 1  # made at once: it takes a processor, and captions are more urgent
WAITING = 20  # that may wait for that, or be made
KEPT = 10.0  # seconds: when a meeting ends, all who were in it want the same file
MOST_KEPT = 20


class Files:
    """Makes files in a thread, and remembers the latest for a moment."""

    def __init__(self) -> None:
        self._work = asyncio.Semaphore(AT_WORK)
        self._making: dict[Hashable, asyncio.Task[bytes]] = {}
        self._made: dict[Hashable, bytes] = {}

    async def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The file of a key; `make` is called for the first who asks.

        Raises:
            ResourceExhausted: too many files are being made.
        """
        if (made := self._made.get(key)) is not None:
            return made
        task = self._making.get(key)
        if task is None:
            if len(self._making) >= WAITING:
                raise ResourceExhausted(f"{len(self._making)} files are being made, the limit")
            task = self._making[key] = asyncio.create_task(self._make(key, make))
        return await asyncio.shield(task)  # who goes away does not take it from the others

    async def _make(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        try:
            async with self._work:
                body = await asyncio.to_thread(make)
        finally:
            del self._making[key]
        while len(self._made) >= MOST_KEPT:
            del self._made[next(iter(self._made))]
        self._made[key] = body
        asyncio.get_running_loop().call_later(KEPT, self._made.pop, key, None)
        return body
