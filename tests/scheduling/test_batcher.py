from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from captioner.asr.engine import DecodeRow, Engine
from captioner.asr.scripted import ScriptedEngine
from captioner.clock import ManualClock
from captioner.errors import (
    Cancelled,
    CaptionerError,
    EngineFault,
    InvalidRequest,
    ModelError,
    ResourceExhausted,
    Unavailable,
)
from captioner.metrics import Metrics
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.policy import Priority, Rules
from captioner.scheduling.succession import MAX_HUNG, State
from captioner.transcript import Hypothesis

FINAL, INTERIM, RECORDING = Priority
HANG = 0.25  # seconds: much longer than any call that is not held
FEATURES = np.zeros((80, 1), np.float32)
MakeRow = Callable[..., DecodeRow]
Echo = Callable[[DecodeRow], Hypothesis]


class GateLike(Protocol):
    calls: list[list[str]]

    def close(self) -> None: ...
    def open(self) -> None: ...
    async def entered(self) -> list[str]: ...
    def __call__(self, rows: Sequence[DecodeRow]) -> None: ...


class Bench:
    """A running batcher, and what it was given."""

    def __init__(
        self, batcher: Batcher, clock: ManualClock, metrics: Metrics, row: MakeRow
    ) -> None:
        self.batcher, self.clock, self.metrics, self.row = batcher, clock, metrics, row

    def ask(
        self, name: str, priority: Priority = INTERIM, *, session: str = "", language: str = "fr"
    ) -> asyncio.Task[Hypothesis]:
        return asyncio.create_task(
            self.batcher.submit(
                self.row(name, language=language),
                session=session or name,
                priority=priority,
                deadline=self.clock.monotonic(),
            )
        )

    async def until(self, wanted: State) -> None:
        state = self.batcher.state
        while state is not wanted:
            state = await self.batcher.state_changed()

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"captioner_{name}", labels)


Running = Callable[..., AbstractAsyncContextManager[Bench]]


@pytest.fixture
def running(row: MakeRow) -> Running:
    @asynccontextmanager
    async def run(factory: Callable[[], Engine] | Engine, **settings: Any) -> Any:
        clock, metrics = ManualClock(), Metrics()
        build = factory if callable(factory) else lambda: factory
        given: dict[str, Any] = {"rules": Rules(), "timeout": 30.0, "retry_delay": 0.0}
        batcher = Batcher(build, clock, metrics=metrics, **(given | settings))
        await batcher.start()
        try:
            yield Bench(batcher, clock, metrics, row)
        finally:
            await batcher.close()

    return run


def failing_on(*names: str) -> Callable[[Sequence[DecodeRow]], None]:
    def before(rows: Sequence[DecodeRow]) -> None:
        if any(row.key_terms[0] in names for row in rows):
            raise RuntimeError("CUDA out of memory")

    return before


async def outcome(task: asyncio.Task[Hypothesis]) -> str:
    """The text of the answer, or the name of the error."""
    try:
        return (await task).text
    except CaptionerError as error:
        return type(error).__name__


async def outcomes(*tasks: asyncio.Task[Hypothesis]) -> list[str]:
    return [await outcome(task) for task in tasks]


# --- Answers


async def test_each_request_gets_the_answer_to_its_own_row(running: Running, echo: Echo) -> None:
    async with running(ScriptedEngine(echo, workers=2)) as bench:
        names = [f"mot {number}" for number in range(50)]
        assert await outcomes(*(bench.ask(name) for name in names)) == names


async def test_what_is_asked_together_is_decoded_together(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        await outcomes(*(bench.ask(name) for name in "abc"))
        assert gate.calls == [["a", "b", "c"]]


async def test_the_turn_of_interims_is_known_and_that_of_finals_has_no_part_in_it(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        interim, final = bench.ask("a"), bench.ask("b", FINAL)
        await gate.entered()
        assert bench.batcher.interim_turn == 0
        bench.clock.advance(1.5)
        gate.open()
        assert await outcomes(interim, final) == ["a", "b"]
        assert bench.batcher.interim_turn == 1.5
        assert await outcome(bench.ask("c", FINAL)) == "c"
        assert bench.batcher.interim_turn == 1.5


async def test_idle_workers_share_what_waits(running: Running, echo: Echo, gate: GateLike) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate, workers=2)) as bench:
        tasks = [bench.ask(name) for name in "abcd"]
        both = [await gate.entered(), await gate.entered()]
        assert sorted(both) == [["a", "b"], ["c", "d"]]
        gate.open()
        await outcomes(*tasks)


async def test_finals_that_come_later_overtake_interims_that_wait(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate), rules=Rules(max_batch=1)) as bench:
        tasks = [bench.ask("running")]
        await gate.entered()
        tasks += [bench.ask("interim"), bench.ask("final", FINAL), bench.ask("file", RECORDING)]
        await asyncio.sleep(0)
        gate.open()
        await outcomes(*tasks)
        assert gate.calls == [["running"], ["final"], ["interim"], ["file"]]


async def test_a_row_that_waited_is_asked_anew_when_its_turn_comes(
    running: Running, echo: Echo, gate: GateLike, row: MakeRow
) -> None:
    newer = row("newer")
    suited: list[tuple[bool, bool]] = []

    def refresh(suits: Callable[[DecodeRow], bool]) -> DecodeRow | None:
        suited.append((suits(newer), suits(row("other", language="en"))))
        return newer

    gate.close()
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        running_row = bench.ask("running")
        await gate.entered()
        first = asyncio.create_task(
            bench.batcher.submit(
                row("older"), session="a", priority=INTERIM, deadline=0.0, refresh=refresh
            )
        )
        await asyncio.sleep(0)
        assert suited == []
        gate.open()
        assert await outcomes(running_row, first) == ["running", "newer"]
        assert suited == [(True, False)]


async def test_a_row_that_has_nothing_newer_stays_as_it_is(
    running: Running, echo: Echo, row: MakeRow
) -> None:
    async with running(ScriptedEngine(echo)) as bench:
        answer = await bench.batcher.submit(
            row("first"), session="a", priority=INTERIM, deadline=0.0, refresh=lambda _: None
        )
        assert answer.text == "first"


async def test_groups_are_the_engines_and_do_not_mix(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        await outcomes(bench.ask("un"), bench.ask("one", language="en"), bench.ask("deux"))
        assert gate.calls == [["un", "deux"], ["one"]]


async def test_a_bad_row_fails_alone(running: Running, echo: Echo) -> None:
    def answer(row: DecodeRow) -> Hypothesis | CaptionerError:
        return InvalidRequest("too long") if row.key_terms[0] == "b" else echo(row)

    async with running(ScriptedEngine(answer)) as bench:
        answers = await outcomes(*(bench.ask(name) for name in "abc"))
        assert answers == ["a", "InvalidRequest", "c"]
        assert bench.batcher.state is State.READY


async def test_a_row_that_has_no_group_is_refused_at_once(running: Running) -> None:
    class Picky(ScriptedEngine):
        def group(self, row: DecodeRow) -> tuple[object, ...]:
            raise InvalidRequest(f"no language {row.language}", field="language")

    async with running(Picky()) as bench:
        assert await outcome(bench.ask("un")) == "InvalidRequest"


async def test_too_many_requests_of_a_class_are_refused(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    rules = Rules(max_finals=2)
    async with running(ScriptedEngine(echo, before=gate), rules=rules) as bench:
        first = bench.ask("a", FINAL)
        await gate.entered()
        tasks = [bench.ask(name, FINAL) for name in "bc"]
        with pytest.raises(ResourceExhausted, match="2 finals wait already"):
            await bench.ask("d", FINAL)
        gate.open()
        assert await outcomes(first, *tasks) == ["a", "b", "c"]


async def test_one_recording_at_a_time_takes_the_last_idle_worker(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate, workers=3)) as bench:
        tasks = [bench.ask("live")]
        await gate.entered()
        tasks.append(bench.ask("file 1", RECORDING, language="en"))
        assert await gate.entered() == ["file 1"]
        tasks.append(bench.ask("file 2", RECORDING))
        await asyncio.sleep(0)
        bench.clock.advance(60)
        tasks.append(bench.ask("file 3", RECORDING))
        await asyncio.sleep(0)  # it is submitted
        await asyncio.sleep(0)  # it is considered
        assert bench.sample("decode_batches_total", priority="recording") == 1
        tasks.append(bench.ask("interim"))
        assert await gate.entered() == ["interim"]
        gate.open()
        await outcomes(*tasks)


# --- Cancellation


async def test_a_newer_interim_of_a_session_cancels_the_waiting_one(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        first = bench.ask("a")
        await gate.entered()
        older, newer = bench.ask("old", session="s"), bench.ask("new", session="s")
        assert await outcome(older) == "Cancelled"
        gate.open()
        assert await outcomes(first, newer) == ["a", "new"]


async def test_a_cancelled_session_is_answered_while_it_waits_and_while_it_is_computed(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        computed = bench.ask("a", FINAL, session="s")
        await gate.entered()
        waiting, other = bench.ask("b", FINAL, session="s"), bench.ask("c", session="other")
        await asyncio.sleep(0)
        assert bench.batcher.cancel("s") == 2
        assert await outcomes(computed, waiting) == ["Cancelled", "Cancelled"]
        assert bench.batcher.cancel("s") == 0
        gate.open()
        assert await outcome(other) == "c"
        assert gate.calls == [["a"], ["c"]]


async def test_a_session_can_cancel_its_interims_and_keep_its_finals(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        first = bench.ask("a")
        await gate.entered()
        final, interim = bench.ask("f", FINAL, session="s"), bench.ask("i", session="s")
        await asyncio.sleep(0)
        assert bench.batcher.cancel("s", INTERIM) == 1
        gate.open()
        assert await outcomes(first, final, interim) == ["a", "f", "Cancelled"]


async def test_a_request_whose_task_is_cancelled_is_withdrawn(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        first = bench.ask("a")
        await gate.entered()
        waiting, last = bench.ask("b"), bench.ask("c")
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        last.cancel()
        with pytest.raises(asyncio.CancelledError):
            await last
        bench.clock.advance(1)
        assert bench.batcher.backlog == 0
        last = bench.ask("c")
        await asyncio.sleep(0)
        gate.open()
        assert await outcomes(first, last) == ["a", "c"]
        assert gate.calls == [["a"], ["c"]]


# --- Faults


@pytest.mark.parametrize("bad", "abcdefg")
async def test_a_row_that_makes_the_engine_raise_fails_alone(
    running: Running, echo: Echo, bad: str
) -> None:
    async with running(ScriptedEngine(echo, before=failing_on(bad))) as bench:
        answers = await outcomes(*(bench.ask(name) for name in "abcdefg"))
        assert answers == ["EngineFault" if name == bad else name for name in "abcdefg"]
        assert bench.batcher.state is State.READY
        assert bench.sample("engine_restarts_total") == 0


async def test_a_batch_that_is_too_large_is_served_in_parts(running: Running, echo: Echo) -> None:
    def before(rows: Sequence[DecodeRow]) -> None:
        if len(rows) > 3:
            raise RuntimeError("CUDA out of memory")

    async with running(ScriptedEngine(echo, before=before)) as bench:
        assert await outcomes(*(bench.ask(name) for name in "abcdefgh")) == list("abcdefgh")


async def test_a_row_that_was_cancelled_is_not_tried_again(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    def before(rows: Sequence[DecodeRow]) -> None:
        gate(rows)
        if len(rows) > 1:
            raise RuntimeError

    gate.close()
    async with running(ScriptedEngine(echo, before=before)) as bench:
        tasks = [bench.ask(name) for name in "ab"]
        await gate.entered()
        bench.batcher.cancel("a")
        gate.open()
        assert await outcomes(*tasks) == ["Cancelled", "b"]
        assert gate.calls == [["a", "b"], ["b"]]


async def test_an_engine_that_fails_on_everything_is_replaced(running: Running, echo: Echo) -> None:
    def broken(rows: Sequence[DecodeRow]) -> None:
        raise RuntimeError("illegal memory access")

    engines = [ScriptedEngine(echo, before=broken), ScriptedEngine(echo)]
    left = iter(engines)
    async with running(lambda: next(left)) as bench:
        answers = await outcomes(*(bench.ask(name) for name in "abcd"))
        assert answers == ["EngineFault"] * 4
        assert await outcome(bench.ask("e")) == "e"
        assert engines[0].closed
        assert not engines[1].closed
        assert bench.sample("engine_restarts_total") == 1
        assert bench.sample("engine_faults_total", reason="raised") == 6  # of 4 rows, 2, 1, 1, 2, 1
    assert engines[1].closed


async def test_requests_wait_while_the_engine_is_replaced(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    loading, may_load = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    engines = iter([ScriptedEngine(echo, before=gate), ScriptedEngine(echo)])

    def factory() -> Engine:
        engine = next(engines)
        if gate.calls:
            loop.call_soon_threadsafe(loading.set)
            may_load.wait()
        return engine

    gate.close()
    async with running(factory, timeout=HANG) as bench:
        assert await outcome(bench.ask("hangs")) == "EngineHung"
        await loading.wait()
        assert bench.batcher.state is State.RESTARTING
        waits = bench.ask("waits")
        await asyncio.sleep(0)
        assert not waits.done()
        may_load.set()
        assert await outcome(waits) == "waits"
        assert bench.sample("engine_faults_total", reason="hung") == 1


async def test_a_hung_batch_fails_and_the_other_workers_batch_is_still_answered(
    running: Running, echo: Echo
) -> None:
    leave, hang = threading.Event(), threading.Event()

    def before(rows: Sequence[DecodeRow]) -> None:
        if rows[0].key_terms[0] == "hangs":
            hang.wait()
        elif rows[0].key_terms[0] == "slow":
            leave.wait()

    engines = iter([ScriptedEngine(echo, before=before, workers=2), ScriptedEngine(echo)])
    try:
        async with running(lambda: next(engines), timeout=HANG) as bench:
            hangs = bench.ask("hangs")
            await asyncio.sleep(0)
            slow = bench.ask("slow")
            leave.set()
            assert await outcomes(slow, hangs) == ["slow", "EngineHung"]
            assert await outcome(bench.ask("next")) == "next"
    finally:
        hang.set()


async def test_every_row_of_a_hung_batch_fails_and_none_is_tried_again(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    engines = iter([ScriptedEngine(echo, before=gate), ScriptedEngine(echo)])
    gate.close()
    async with running(lambda: next(engines), timeout=HANG) as bench:
        tasks = [bench.ask(name) for name in "abc"]
        assert await outcomes(*tasks) == ["EngineHung"] * 3
        assert gate.calls == [["a", "b", "c"]]


async def test_while_no_engine_can_be_built_requests_are_refused(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    attempts = 0
    tried = asyncio.Event()
    may_load = threading.Event()
    loop = asyncio.get_running_loop()

    def factory() -> Engine:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            return ScriptedEngine(echo, before=gate)
        if attempts == 2:
            raise OSError("out of memory")
        loop.call_soon_threadsafe(tried.set)
        may_load.wait()
        return ScriptedEngine(echo)

    gate.close()
    async with running(factory, timeout=HANG, rules=Rules(max_batch=1)) as bench:
        hangs, waits = bench.ask("hangs"), bench.ask("waits")
        with capture_logs() as logs:
            assert await outcomes(hangs, waits) == ["EngineHung", "EngineFault"]
            await tried.wait()
        assert [each["detail"] for each in logs][-1] == "out of memory"
        await bench.until(State.BROKEN)
        with pytest.raises(Unavailable, match="the engine is broken"):
            await bench.ask("refused")
        may_load.set()
        await bench.until(State.READY)
        assert await outcome(bench.ask("back")) == "back"


async def test_engines_that_hang_are_not_piled_up(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    built = 0

    def factory() -> Engine:
        nonlocal built
        built += 1
        return ScriptedEngine(echo, before=gate)

    gate.close()
    async with running(factory, timeout=HANG) as bench:
        for _ in range(MAX_HUNG):
            await bench.until(State.READY)
            assert await outcome(bench.ask("hangs")) == "EngineHung"
        await bench.until(State.BROKEN)
        assert built == MAX_HUNG
        gate.open()  # the calls return after all, and their engines are closed
        await bench.until(State.READY)
        assert await outcome(bench.ask("back")) == "back"
        assert built == MAX_HUNG + 1


async def test_what_a_foreign_error_says_is_not_logged_because_it_may_quote_speech(
    running: Running, echo: Echo
) -> None:
    def before(rows: Sequence[DecodeRow]) -> None:
        raise ValueError("cannot decode 'mot secret'")

    async with running(ScriptedEngine(echo, before=before)) as bench:
        with capture_logs() as logs:
            with pytest.raises(EngineFault) as caught:
                await bench.ask("mot secret")
            assert "secret" not in str(caught.value)
    assert logs[0]["error"] == "ValueError"
    assert logs[0]["rows"] == 1
    assert any("test_batcher" in frame for frame in logs[0]["frames"])
    assert "secret" not in str(logs)


# --- Start and close


def test_a_batcher_needs_no_loop_to_be_built(echo: Echo) -> None:
    batcher = Batcher(
        lambda: ScriptedEngine(echo), ManualClock(), rules=Rules(), timeout=1, metrics=Metrics()
    )
    assert batcher.state is State.LOADING


async def test_requests_before_the_start_are_refused(row: MakeRow) -> None:
    batcher = Batcher(ScriptedEngine, ManualClock(), rules=Rules(), timeout=1, metrics=Metrics())
    with pytest.raises(Unavailable, match="the engine is loading"):
        await batcher.submit(row("a"), session="a", priority=FINAL, deadline=0)
    with pytest.raises(Unavailable, match="the engine is loading"):
        _ = batcher.info


async def test_a_start_that_fails_says_why() -> None:
    def factory() -> Engine:
        raise ModelError("model.bin is missing")

    batcher = Batcher(factory, ManualClock(), rules=Rules(), timeout=1, metrics=Metrics())
    with pytest.raises(ModelError, match=r"model\.bin is missing"):
        await batcher.start()
    await batcher.close()


async def test_a_batcher_is_started_once(running: Running) -> None:
    async with running(ScriptedEngine()) as bench:
        with pytest.raises(ValueError, match="started once, this one is ready"):
            await bench.batcher.start()


async def test_closing_while_the_engine_loads_ends_the_start_and_frees_the_engine() -> None:
    loading, may_load = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    engine = ScriptedEngine()

    def factory() -> Engine:
        loop.call_soon_threadsafe(loading.set)
        may_load.wait()
        return engine

    batcher = Batcher(factory, ManualClock(), rules=Rules(), timeout=1, metrics=Metrics())
    start = asyncio.create_task(batcher.start())
    await loading.wait()
    await batcher.close()
    may_load.set()
    with pytest.raises(Unavailable, match="closed while the engine was loading"):
        await start
    assert engine.closed


async def test_closing_refuses_what_waits_and_answers_what_is_computed(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    engine = ScriptedEngine(echo, before=gate)
    async with running(engine) as bench:
        computed = bench.ask("a")
        await gate.entered()
        waiting = bench.ask("b")
        await asyncio.sleep(0)
        closing = asyncio.create_task(bench.batcher.close())
        assert await outcome(waiting) == "Unavailable"
        assert not closing.done()
        gate.open()
        await closing
        assert await outcome(computed) == "a"
        assert engine.closed
        assert bench.batcher.state is State.CLOSED
        with pytest.raises(Unavailable, match="the engine is closed"):
            await bench.ask("c")
        await bench.batcher.close()


async def test_closing_does_not_wait_for_a_hung_engine_or_its_replacement(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    may_load = threading.Event()
    built = 0

    def factory() -> Engine:
        nonlocal built
        built += 1
        if built > 1:
            may_load.wait()
        return ScriptedEngine(echo, before=gate)

    gate.close()
    async with running(factory, timeout=HANG) as bench:
        assert await outcome(bench.ask("hangs")) == "EngineHung"
        await asyncio.wait_for(bench.batcher.close(), 30)
        assert bench.batcher.state is State.CLOSED
    may_load.set()


# --- What is observed


async def test_the_load_is_the_time_that_workers_spend_on_live_batches(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate, workers=2)) as bench:
        bench.clock.advance(10)
        live = bench.ask("live", FINAL)
        await gate.entered()
        bench.clock.advance(4)
        gate.open()
        await live
        bench.clock.advance(6)
        gate.close()
        recording = bench.ask("file", RECORDING)
        await gate.entered()
        assert bench.batcher.load == pytest.approx(0.4)
        assert bench.batcher.row_seconds == pytest.approx(4.0)
        bench.clock.advance(5)
        assert bench.batcher.recording_load == pytest.approx(0.5)
        assert bench.sample("decode_load") == pytest.approx(bench.batcher.load)
        gate.open()
        await recording


async def test_the_backlog_is_the_age_of_the_oldest_waiting_live_request(
    running: Running, echo: Echo, gate: GateLike
) -> None:
    gate.close()
    async with running(ScriptedEngine(echo, before=gate)) as bench:
        assert bench.batcher.backlog == 0
        tasks = [bench.ask("a")]
        await gate.entered()
        tasks.append(bench.ask("b"))
        await asyncio.sleep(0)
        bench.clock.advance(1.5)
        assert bench.batcher.backlog == 1.5
        assert bench.sample("decode_backlog_seconds") == 1.5
        gate.open()
        await outcomes(*tasks)
        assert bench.sample("decode_queue_seconds_sum", priority="interim") == 1.5


async def test_batches_are_counted_with_their_rows(running: Running, echo: Echo) -> None:
    async with running(ScriptedEngine(echo)) as bench:
        await outcomes(bench.ask("a", FINAL), bench.ask("b"), bench.ask("c"))
        assert bench.sample("decode_batches_total", priority="final") == 1
        assert bench.sample("decode_batches_total", priority="interim") == 0
        assert bench.sample("decode_batch_rows_sum") == 3
        assert bench.sample("decode_queue_seconds_count", priority="interim") == 2
        assert bench.sample("decode_seconds_count", stage="batch") == 1


async def test_what_the_engine_is_can_be_asked(running: Running) -> None:
    engine = ScriptedEngine(workers=3)
    async with running(engine) as bench:
        assert bench.batcher.info is engine.info
        assert bench.batcher.workers == 3


async def test_a_mistake_of_the_batcher_itself_fails_its_requests_instead_of_hanging(
    running: Running, echo: Echo
) -> None:
    engine = ScriptedEngine(echo)
    async with running(engine) as bench:
        bench.batcher._queue.next_batch = None  # type: ignore[method-assign,assignment]
        with capture_logs() as logs:
            assert await outcome(bench.ask("a")) == "Unavailable"
        assert logs[0]["event"] == "batcher_failed"
        assert bench.batcher.state is State.CLOSED
        with pytest.raises(ExceptionGroup):
            await bench.batcher.close()
        bench.batcher._serving = None
    assert engine.closed


# --- Every accepted request is answered exactly once

ACTIONS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(Priority), st.sampled_from("stuv")),
    st.tuples(st.sampled_from(["cancel", "withdraw", "yield"]), st.just(FINAL), st.just("s")),
)
CALLS = st.sampled_from(["good", "good", "raise", "hang"])
REFUSALS = (Cancelled, EngineFault, ResourceExhausted, Unavailable)


class Scenario:
    """An engine that does what the script says, and requests that come and go."""

    def __init__(self, calls: list[str], builds: list[bool], workers: int) -> None:
        self.calls, self.builds, self.workers = iter(calls), iter([True, *builds]), workers
        self.lock, self.released = threading.Lock(), threading.Event()
        self.many_hang = calls.count("hang") >= MAX_HUNG
        self.tasks: list[asyncio.Task[Hypothesis]] = []
        self.withdrawn: set[int] = set()

    def build(self) -> Engine:
        if not next(self.builds, True):
            raise OSError("no memory")
        return ScriptedEngine(self.answer, before=self.act, workers=self.workers)

    def act(self, rows: Sequence[DecodeRow]) -> None:
        with self.lock:
            step = next(self.calls, "good")
        if step == "raise":
            raise RuntimeError("failed")
        if step == "hang":
            self.released.wait()

    def answer(self, row: DecodeRow) -> Hypothesis | CaptionerError:
        if row.speech_frames % 7 == 6:
            return InvalidRequest("bad row")
        return Hypothesis((), ((row.speech_frames,),), 0.0, 0.0, "fr")

    async def play(self, batcher: Batcher, action: tuple[str, Priority, str]) -> None:
        match action:
            case "ask", priority, session:
                row = DecodeRow(FEATURES, speech_frames=len(self.tasks), language="fr")
                request = batcher.submit(row, session=session, priority=priority, deadline=0)
                self.tasks.append(asyncio.create_task(request))
            case "cancel", _, session:
                batcher.cancel(session)
            case "withdraw", _, _ if self.tasks:
                self.tasks[-1].cancel()
                self.withdrawn.add(len(self.tasks) - 1)
            case _:
                await asyncio.sleep(0)

    def check(self, number: int, result: Hypothesis | BaseException) -> None:
        match result:
            case Hypothesis(word_tokens=((token,),)):
                assert token == number
                assert number % 7 != 6
            case asyncio.CancelledError():
                assert number in self.withdrawn
            case InvalidRequest():
                assert number % 7 == 6
            case _:
                assert isinstance(result, REFUSALS), result

    async def run(self, actions: list[tuple[str, Priority, str]], *, closes: bool) -> None:
        rules = Rules(max_batch=3, max_finals=4, max_interims=2, max_recordings=2)
        batcher = Batcher(
            self.build,
            ManualClock(),
            rules=rules,
            timeout=0.02,
            metrics=Metrics(),
            retry_delay=0.001,
        )
        await batcher.start()
        for action in actions:
            await self.play(batcher, action)
        if closes:
            await asyncio.sleep(0)
            await batcher.close()
        elif self.many_hang:
            self.released.set()  # no engine would ever be built again
        async with asyncio.timeout(30):
            results = await asyncio.gather(*self.tasks, return_exceptions=True)
        for number, result in enumerate(results):
            self.check(number, result)
        assert not batcher._waiters
        assert len(batcher._queue) == 0
        await batcher.close()


@settings(max_examples=60, deadline=None)
@given(
    actions=st.lists(ACTIONS, max_size=30),
    calls=st.lists(CALLS, max_size=12),
    workers=st.integers(1, 3),
    builds=st.lists(st.booleans(), max_size=4),
    closes=st.booleans(),
)
def test_every_request_is_answered_exactly_once(
    actions: list[tuple[str, Priority, str]],
    calls: list[str],
    workers: int,
    builds: list[bool],
    closes: bool,
) -> None:
    scenario = Scenario(calls, builds, workers)
    try:
        with capture_logs():
            asyncio.run(scenario.run(actions, closes=closes))
    finally:
        scenario.released.set()
