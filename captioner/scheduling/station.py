"""One engine with its threads, watched: it answers, fails, or is given up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from captioner.asr.engine import DecodeRow, Engine
from captioner.errors import CaptionerError, EngineFault
from captioner.scheduling.crew import Crew
from captioner.scheduling.policy import Priority
from captioner.transcript import Hypothesis

STRIKES: Final = 3  # single rows that fail one after another before the engine counts as broken

Answer = Hypothesis | CaptionerError


class EngineHung(EngineFault):
    """The engine did not answer in time."""


class Station:
    """An engine, the threads that call it, and what is known of its health.

    It is lost once ``STRIKES`` calls of a single row have failed with no good answer between them,
    or a call took longer than ``timeout`` seconds. A lost engine gets no more calls; it is closed
    when those that run have returned, which for one that hangs may be never.
    """

    def __init__(self, engine: Engine, *, timeout: float) -> None:
        self.engine = engine
        self.lost = False
        self.hung = False
        self.running: Counter[Priority] = Counter()
        """Batches being computed, by class; whoever gives it batches keeps the count."""
        self._timeout = timeout
        self._strikes = 0
        self._crew = Crew(engine.workers, name="captioner-decode")

    @property
    def released(self) -> bool:
        """Whether the engine has been closed."""
        return self._crew.gone.done()

    async def decode(self, rows: Sequence[DecodeRow]) -> list[Answer]:
        """Answer each row.

        Raises:
            EngineFault: the call failed.
            EngineHung: it did not return in time; the station is lost.
        """
        if self.lost:
            raise EngineFault("the engine was given up before this request")
        call = self._crew.run(lambda: _decode_checked(self.engine, rows))
        await asyncio.wait({call}, timeout=self._timeout)
        if call.cancel():  # true when it has not returned
            self.hung = True
            self._lose()
            raise EngineHung(f"{len(rows)} rows were not answered within {self._timeout:g} s")
        if (error := call.exception()) is None:
            self._strikes = 0
            return call.result()
        self._strikes += len(rows) == 1
        if self._strikes >= STRIKES:
            self._lose()
        raise EngineFault(f"the engine failed on {len(rows)} rows") from error

    async def release(self) -> None:
        """Give the engine up and wait until it is closed, but not for one that hangs."""
        self._lose()
        if not self.hung:
            await asyncio.wait({self._crew.gone}, timeout=self._timeout)

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._crew.dismiss(self.engine.close)


async def build_station(
    factory: Callable[[], Engine], *, start_timeout: float, call_timeout: float
) -> Station:
    """Build an engine in a thread and give it its own.

    Raises:
        CaptionerError: what the factory raised, or `EngineFault` when that was something else or
            nothing happened within ``start_timeout`` seconds.
    """
    loader = Crew(1, name="captioner-load")
    load = loader.run(factory, unwanted=_close)
    loader.dismiss()
    try:
        await asyncio.wait({load}, timeout=start_timeout)
    except asyncio.CancelledError:
        if not load.cancel() and load.exception() is None:
            load.result().close()
        raise
    if load.cancel():
        raise EngineFault(f"the engine did not load within {start_timeout:g} s")
    return Station(load.result(), timeout=call_timeout)


def _decode_checked(engine: Engine, rows: Sequence[DecodeRow]) -> list[Answer]:
    answers = engine.decode(rows)
    if len(answers) != len(rows):
        raise EngineFault(f"the engine gave {len(answers)} answers to {len(rows)} rows")
    return answers


def _close(engine: Engine) -> None:
    engine.close()
