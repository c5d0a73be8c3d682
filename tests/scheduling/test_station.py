from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import pytest

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import Answer, ScriptedEngine
from captioner.errors import EngineFault, InvalidRequest, ModelError
from captioner.scheduling.station import STRIKES, EngineHung, Station, build_station
from captioner.transcript import Hypothesis

MakeRow = Callable[..., DecodeRow]
Echo = Callable[[DecodeRow], Hypothesis]


class GateLike(Protocol):
    def close(self) -> None: ...
    def open(self) -> None: ...
    async def entered(self) -> list[str]: ...
    def __call__(self, rows: Sequence[DecodeRow]) -> None: ...


def broken(rows: Sequence[DecodeRow]) -> None:
    raise RuntimeError("CUDA error")


async def test_each_row_gets_its_answer_in_order(row: MakeRow, echo: Echo) -> None:
    station = Station(ScriptedEngine(echo), timeout=30)
    rows = [row("un"), row("deux")]
    assert await station.decode(rows) == [echo(each) for each in rows]
    await station.release()


async def test_a_released_station_has_closed_its_engine_and_takes_no_more(row: MakeRow) -> None:
    engine = ScriptedEngine()
    station = Station(engine, timeout=30)
    await station.release()
    assert engine.closed
    assert station.released
    with pytest.raises(EngineFault, match="given up"):
        await station.decode([row("un")])


async def test_the_engine_is_closed_only_after_the_calls_that_run(
    row: MakeRow, gate: GateLike
) -> None:
    engine = ScriptedEngine(before=gate)
    station = Station(engine, timeout=30)
    gate.close()
    call = asyncio.create_task(station.decode([row("un")]))
    await gate.entered()
    release = asyncio.create_task(station.release())
    await asyncio.sleep(0)
    assert not station.released
    gate.open()
    assert len(await call) == 1
    await release
    assert engine.closed


async def test_single_rows_that_fail_one_after_another_lose_the_engine(row: MakeRow) -> None:
    engine = ScriptedEngine(before=broken)
    station = Station(engine, timeout=30)
    for strike in range(STRIKES):
        assert not station.lost, strike
        with pytest.raises(EngineFault, match="failed on 1 rows"):
            await station.decode([row("un")])
    assert station.lost
    await station.release()
    assert engine.closed


async def test_a_good_answer_between_failures_saves_the_engine(row: MakeRow, echo: Echo) -> None:
    def sometimes(rows: Sequence[DecodeRow]) -> None:
        if rows[0].key_terms[0] == "mauvais":
            broken(rows)

    station = Station(ScriptedEngine(echo, before=sometimes), timeout=30)
    for _ in range(3 * STRIKES):
        with pytest.raises(EngineFault):
            await station.decode([row("mauvais")])
        await station.decode([row("bon")])
    assert not station.lost
    await station.release()


async def test_failing_batches_are_no_proof_against_the_engine(row: MakeRow) -> None:
    station = Station(ScriptedEngine(before=broken), timeout=30)
    for _ in range(3 * STRIKES):
        with pytest.raises(EngineFault, match="failed on 2 rows"):
            await station.decode([row("un"), row("deux")])
    assert not station.lost
    await station.release()


async def test_a_call_that_does_not_return_loses_the_engine(row: MakeRow, gate: GateLike) -> None:
    engine = ScriptedEngine(before=gate)
    station = Station(engine, timeout=0.01)
    gate.close()
    with pytest.raises(EngineHung, match=r"^1 rows were not answered within 0.01 s$"):
        await station.decode([row("un")])
    assert station.lost
    assert station.hung
    await station.release()
    assert not station.released


async def test_an_engine_that_hung_is_closed_when_it_returns_after_all(
    row: MakeRow, gate: GateLike
) -> None:
    closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    class Telling(ScriptedEngine):
        def close(self) -> None:
            super().close()
            loop.call_soon_threadsafe(closed.set_result, None)

    engine = Telling(before=gate)
    station = Station(engine, timeout=0.01)
    gate.close()
    with pytest.raises(EngineHung):
        await station.decode([row("un")])
    gate.open()
    await closed
    assert engine.closed


async def test_too_few_answers_are_a_fault_and_not_a_mixup(row: MakeRow) -> None:
    class Short(ScriptedEngine):
        def decode(self, rows: Sequence[DecodeRow]) -> list[Answer]:
            return super().decode(rows)[1:]

    station = Station(Short(), timeout=30)
    with pytest.raises(EngineFault) as caught:
        await station.decode([row("un"), row("deux")])
    assert str(caught.value.__cause__) == "the engine gave 1 answers to 2 rows"
    await station.release()


async def test_building_passes_on_what_the_factory_says() -> None:
    def factory() -> ScriptedEngine:
        raise ModelError("model.bin is missing")

    with pytest.raises(ModelError, match=r"model\.bin is missing"):
        await build_station(factory, start_timeout=30, call_timeout=30)


async def test_building_turns_a_foreign_error_into_a_fault() -> None:
    def factory() -> ScriptedEngine:
        raise OSError("no device")

    with pytest.raises(EngineFault, match="OSError"):
        await build_station(factory, start_timeout=30, call_timeout=30)


async def test_an_engine_that_loads_too_late_is_closed_unused() -> None:
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()
    may_load = threading.Event()

    class Telling(ScriptedEngine):
        def close(self) -> None:
            super().close()
            closed.set_result(None)

    def factory() -> ScriptedEngine:
        may_load.wait()
        return Telling()

    with pytest.raises(EngineFault, match=r"did not load within 0.01 s"):
        await build_station(factory, start_timeout=0.01, call_timeout=30)
    may_load.set()
    await closed


async def test_an_engine_that_nobody_waits_for_any_more_is_closed_unused() -> None:
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()
    loading: asyncio.Future[None] = loop.create_future()
    may_load = threading.Event()

    class Telling(ScriptedEngine):
        def close(self) -> None:
            super().close()
            closed.set_result(None)

    def factory() -> ScriptedEngine:
        loop.call_soon_threadsafe(loading.set_result, None)
        may_load.wait()
        return Telling()

    build = asyncio.create_task(build_station(factory, start_timeout=30, call_timeout=30))
    await loading
    build.cancel()
    may_load.set()
    with pytest.raises(asyncio.CancelledError):
        await build
    await closed


async def test_an_engine_that_loads_just_as_nobody_waits_any_more_is_closed_unused() -> None:
    loop = asyncio.get_running_loop()
    loader: asyncio.Future[threading.Thread] = loop.create_future()
    may_load = threading.Event()
    engine = ScriptedEngine()

    def factory() -> ScriptedEngine:
        loop.call_soon_threadsafe(loader.set_result, threading.current_thread())
        may_load.wait()
        return engine

    build = asyncio.create_task(build_station(factory, start_timeout=30, call_timeout=30))
    thread = await loader
    may_load.set()
    thread.join(timeout=30)  # holds the loop: the engine is delivered, then the build cancelled
    loop.call_soon(build.cancel)
    with pytest.raises(asyncio.CancelledError):
        await build
    assert engine.closed


async def test_a_row_that_is_bad_is_answered_with_its_error(row: MakeRow, echo: Echo) -> None:
    bad = InvalidRequest("too long")
    station = Station(
        ScriptedEngine(lambda each: bad if each.key_terms[0] == "mauvais" else echo(each)),
        timeout=30,
    )
    answers = await station.decode([row("bon"), row("mauvais")])
    assert answers == [echo(row("bon")), bad]
    assert not station.lost
    await station.release()
