from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from captioner.asr.engine import DecodeRow, Engine
from captioner.asr.scripted import ScriptedEngine
from captioner.errors import EngineFault, ModelError, Unavailable
from captioner.metrics import Metrics
from captioner.scheduling.station import STRIKES
from captioner.scheduling.succession import State, Succession


def succession(factory: Callable[[], Engine], metrics: Metrics | None = None) -> Succession:
    return Succession(
        factory, timeout=30, start_timeout=30, retry_delay=0.001, metrics=metrics or Metrics()
    )


def broken(rows: Sequence[DecodeRow]) -> None:
    raise RuntimeError("illegal memory access")


async def lose(engines: Succession, row: DecodeRow) -> None:
    for _ in range(STRIKES):
        with pytest.raises(EngineFault):
            await engines.station.decode([row])


def test_there_is_no_station_before_the_first_engine() -> None:
    engines = succession(ScriptedEngine)
    assert engines.state is State.LOADING
    with pytest.raises(Unavailable, match="the engine is loading"):
        _ = engines.station


async def test_the_first_engine_serves_as_soon_as_it_is_built() -> None:
    engine = ScriptedEngine()
    engines = succession(lambda: engine)
    await engines.begin()
    assert engines.state is State.READY
    assert engines.station.engine is engine
    await engines.station.release()


async def test_a_first_engine_that_fails_is_not_tried_again() -> None:
    def factory() -> Engine:
        raise ModelError("model.bin is missing")

    engines = succession(factory)
    with pytest.raises(ModelError, match=r"model\.bin is missing"):
        await engines.begin()
    assert engines.state is State.LOADING


async def test_a_first_engine_that_comes_after_the_close_is_released() -> None:
    engine = ScriptedEngine()
    engines = succession(lambda: engine)
    engines.close()
    with pytest.raises(Unavailable, match="closed while the engine was loading"):
        await engines.begin()
    assert engine.closed


async def test_the_loss_of_an_engine_is_noticed_once(row: Callable[[str], DecodeRow]) -> None:
    engines = succession(lambda: ScriptedEngine(before=broken))
    await engines.begin()
    assert not engines.notice_loss()
    await lose(engines, row("a"))
    assert engines.notice_loss()
    assert engines.state is State.RESTARTING
    assert not engines.notice_loss()
    await engines.station.release()


async def test_a_lost_engine_is_closed_before_the_next_is_built(
    row: Callable[[str], DecodeRow],
) -> None:
    built: list[ScriptedEngine] = []
    metrics = Metrics()

    def factory() -> Engine:
        assert all(engine.closed for engine in built)
        built.append(ScriptedEngine(before=None if built else broken))
        return built[-1]

    engines = succession(factory, metrics)
    await engines.begin()
    await lose(engines, row("a"))
    assert engines.notice_loss()
    assert [delay async for delay in engines.replace()] == []
    assert engines.state is State.READY
    assert engines.station.engine is built[1]
    assert metrics.registry.get_sample_value("captioner_engine_restarts_total") == 1
    await engines.station.release()


async def test_each_attempt_that_fails_doubles_the_delay_to_the_next(
    row: Callable[[str], DecodeRow],
) -> None:
    built = 0

    def factory() -> Engine:
        nonlocal built
        built += 1
        if 1 < built < 5:
            raise OSError("out of memory")
        return ScriptedEngine(before=broken)

    engines = succession(factory)
    await engines.begin()
    await lose(engines, row("a"))
    assert engines.notice_loss()
    delays = []
    async for delay in engines.replace():
        assert engines.state is State.BROKEN
        delays.append(delay)
    assert delays == [0.001, 0.002, 0.004]
    assert engines.state is State.READY
    await engines.station.release()
