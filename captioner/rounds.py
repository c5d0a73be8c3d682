"""Sessions listen in rounds: one after the other, while the detector's weights are in the cache.

Heard one by one as their messages arrive, each pays for a cold cache: three frames of voice
detection then cost about three times as much. A round delays audio by `DELAY` a session, at most
`LONGEST_DELAY`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DELAY = 0.005  # seconds that a round waits for company, for each session in it last time
LONGEST_DELAY = 0.06  # seconds


class Rounds:
    """Calls what was asked for together, soon."""

    def __init__(self) -> None:
        self._waiting: dict[object, Callable[[], None]] = {}
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, who: object, listen: Callable[[], None]) -> None:
        """Call `listen` in the next round, once however often `who` asks for it."""
        self._waiting[who] = listen
        if self._timer is None:
            # alone in the last round: nobody to wait for
            delay = min(LONGEST_DELAY, DELAY * (self._last - 1)) if self._last > 1 else 0.0
            self._timer = asyncio.get_running_loop().call_later(delay, self._run)

    def leave(self, who: object) -> None:
        """Withdraw."""
        self._waiting.pop(who, None)

    def _run(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        # a round that was shorter than the last one's company allows for shrinks the next delay
        self._last = max(len(waiting), self._last - 1)
        for listen in waiting.values():
            listen()
