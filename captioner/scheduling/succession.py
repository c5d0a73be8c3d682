"""The engines of one batcher, one after another: the first, and another for each that is lost.

- An engine that is lost (`Station` says when: it fails over and over, or hangs) is replaced
  (``RESTARTING``).
- When none can be built (``BROKEN``), building is tried again with backoff. A hung engine keeps its
  memory, so after ``MAX_HUNG`` no more are built: the process has to be restarted, which is what a
  liveness check on ``state`` is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from enum import Enum
from typing import Final

import structlog

from captioner.asr.engine import Engine
from captioner.errors import CaptionerError, EngineFault, Unavailable
from captioner.metrics import Metrics
from captioner.scheduling.reasons import reason
from captioner.scheduling.station import Station, build_station

MAX_HUNG: Final = 3  # abandoned engines that may still hold memory
MAX_RETRY_DELAY: Final = 30.0  # seconds between two attempts to build an engine

log = structlog.get_logger(__name__)


class State(Enum):
    """What can be expected of the engine."""

    LOADING = "loading"
    READY = "ready"
    RESTARTING = "restarting"
    """The engine is being replaced; requests wait."""
    BROKEN = "broken"
    """The engine could not be replaced so far; requests are refused."""
    CLOSED = "closed"


class Succession:
    """The engine that serves, those that were lost, and how to build the next.

    Args:
        factory: builds and loads an engine; called in a thread, again after each loss.
        timeout: seconds after which a call of the engine counts as hung.
        start_timeout: seconds that building an engine may take.
        retry_delay: seconds between the first two attempts to rebuild; doubles each time.
        metrics: what to report to.
    """

    def __init__(
        self,
        factory: Callable[[], Engine],
        *,
        timeout: float,
        start_timeout: float,
        retry_delay: float,
        metrics: Metrics,
    ) -> None:
        self._factory = factory
        self._timeout = timeout
        self._start_timeout = start_timeout
        self._retry_delay = retry_delay
        self._metrics = metrics
        self._state = State.LOADING
        self._changed = asyncio.Event()
        self._station: Station | None = None
        self._lost: list[Station] = []

    @property
    def state(self) -> State:
        """What can be expected now."""
        return self._state

    async def state_changed(self) -> State:
        """Wait for the next change of state; returns the state after it."""
        await self._changed.wait()
        return self._state

    @property
    def station(self) -> Station:
        """The engine that serves, or the last that did.

        Raises:
            Unavailable: the first is loading.
        """
        if self._station is None:
            raise Unavailable("the engine is loading")
        return self._station

    async def begin(self) -> None:
        """Build the first engine.

        Raises:
            CaptionerError: what the factory raised, or `EngineFault` when that was no
                `CaptionerError` or took longer than ``start_timeout``, or `Unavailable` when
                ``close`` was called meanwhile.
        """
        station = await self._build()
        if self._state is State.CLOSED:
            await station.release()
            raise Unavailable("the service closed while the engine was loading")
        self._succeed(station)

    def notice_loss(self) -> bool:
        """Whether the engine that serves is lost: then it serves no more, and ``replace`` is due.

        True once for each engine.
        """
        if self._state is not State.READY or not self.station.lost:
            return False
        self._enter(State.RESTARTING)
        return True

    async def replace(self) -> AsyncIterator[float]:
        """Build another engine, however often it takes.

        Yields:
            The seconds until the next attempt, after each that failed.
        """
        lost = self.station
        self._lost.append(lost)
        # The memory of one engine may not suffice for two: wait, unless this one hangs anyway.
        await lost.release()
        delay = self._retry_delay
        while (station := await self._rebuild(delay)) is None:
            self._enter(State.BROKEN)
            yield delay
            await asyncio.sleep(delay)
            delay = min(2 * delay, MAX_RETRY_DELAY)
        self._succeed(station)
        self._metrics.engine_restarts.inc()
        log.info("engine_replaced", model=station.engine.info.model)

    def close(self) -> None:
        """Let no other engine follow; the one that serves is its user's to release."""
        self._enter(State.CLOSED)

    async def _rebuild(self, delay: float) -> Station | None:
        self._lost = [each for each in self._lost if not each.released]
        try:
            if len(self._lost) >= MAX_HUNG:
                raise EngineFault(f"{len(self._lost)} engines hang and hold their memory")
            return await self._build()
        except CaptionerError as error:
            log.critical("engine_not_replaced", retry_in=delay, **reason(error))
            return None

    async def _build(self) -> Station:
        return await build_station(
            self._factory, start_timeout=self._start_timeout, call_timeout=self._timeout
        )

    def _succeed(self, station: Station) -> None:
        self._station = station
        self._enter(State.READY)

    def _enter(self, state: State) -> None:
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()
