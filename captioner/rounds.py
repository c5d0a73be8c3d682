"""Sessions listen in rounds: the voice detector hears all that have audio in one go.

    audio of many sessions ──▶ detector, in its own thread ──▶ each session, on the event loop

Heard one by one as their messages arrive, each would pay for a cold cache and for the calls: a
frame of voice detection then costs several times as much, and the event loop would do nothing else.
A round delays audio by `DELAY` a session, at most `LONGEST_DELAY`; the next one begins when it is
over, so that rounds grow with the load.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from captioner.asr.engine import Float32
from captioner.vad.ahead import AheadDetector, listen_ahead

DELAY = 0.005  # seconds that a round waits for company, for each session in it last time
LONGEST_DELAY = 0.06  # seconds
SLICE = 8  # sessions that take what was heard before the event loop does something else

Run = Callable[[Callable[[], None]], "asyncio.Future[None]"]
"""Runs a call in another thread."""


class Listener(Protocol):
    """A session, as rounds see it."""

    @property
    def detector(self) -> AheadDetector:
        """Its voice detector, which no one else uses while a round has it."""
        ...

    def gather(self) -> Float32:
        """The audio to be heard now; possibly none."""
        ...

    def take(self, samples: Float32) -> None:
        """Go on with what was gathered, which the detector has heard."""
        ...

    def fail(self, error: BaseException) -> None:
        """End: hearing, or what followed from it, failed."""
        ...


class Rounds:
    """Has the detector hear what sessions ask for, together, soon. Call it on the event loop."""

    def __init__(self, run: Run) -> None:
        self._thread = run
        self._waiting: dict[Listener, None] = {}
        self._flight: dict[Listener, Float32] = {}
        self._landed = asyncio.Event()
        self._last = 0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, who: Listener) -> None:
        """Hear what `who` has gathered in the next round, once however often it asks for it."""
        self._waiting[who] = None
        self._plan()

    def leave(self, who: Listener) -> None:
        """Withdraw from the next round."""
        self._waiting.pop(who, None)

    async def settled(self, who: Listener) -> None:
        """Wait until `who` has taken what a round is hearing for it, if one is."""
        while who in self._flight:
            await self._landed.wait()

    def _plan(self) -> None:
        if self._timer is not None or self._flight or not self._waiting:
            return
        # alone in the last round: nobody to wait for
        delay = min(LONGEST_DELAY, DELAY * (self._last - 1)) if self._last > 1 else 0.0
        self._timer = asyncio.get_running_loop().call_later(delay, self._begin)

    def _begin(self) -> None:
        self._timer = None
        waiting, self._waiting = self._waiting, {}
        # a round that was shorter than the last one's company allows for shrinks the next delay
        self._last = max(len(waiting), self._last - 1)
        gathered = {who: who.gather() for who in waiting}
        self._flight = {who: samples for who, samples in gathered.items() if len(samples)}
        if not self._flight:
            return
        heard = [(who.detector, samples) for who, samples in self._flight.items()]
        self._thread(lambda: listen_ahead(heard)).add_done_callback(self._end)

    def _end(self, run: asyncio.Future[None]) -> None:
        if run.cancelled():
            return
        self._hand_over(deque(self._flight), run.exception())

    def _hand_over(self, left: deque[Listener], error: BaseException | None) -> None:
        """Let some sessions go on, then the loop, then the others."""
        for _ in range(min(SLICE, len(left))):
            who = left.popleft()
            samples = self._flight.pop(who)
            if error is None:
                _go_on(who, samples)
            else:
                who.fail(error)
        self._landed.set()  # those who wait look again
        self._landed.clear()
        if left:
            asyncio.get_running_loop().call_soon(self._hand_over, left, error)
        else:
            self._plan()


def _go_on(who: Listener, samples: Float32) -> None:
    try:
        who.take(samples)
    except Exception as error:  # noqa: BLE001 - it must not keep the others from their audio
        who.fail(error)
