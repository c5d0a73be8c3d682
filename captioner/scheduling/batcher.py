"""The one loop that owns the engine: requests in, batches to the workers, each answered once.

What happens when the engine misbehaves:

- A row whose answer is an error fails alone; its neighbours keep their answers.
- A call that raises is repeated on each half of its rows, and so on, until the bad row is alone: it
  gets an `EngineFault`, its neighbours their answers. (A batch too large for the memory of a GPU is
  served the same way.)
- An engine that is lost is replaced (`Succession`). The rows that it was working on get an
  `EngineFault`. While it is replaced (``RESTARTING``) requests wait.
- While no engine can be built (``BROKEN``), those that wait get an `EngineFault`, new ones
  `Unavailable`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog

from captioner.asr.engine import DecodeRow, Engine, EngineInfo
from captioner.clock import Clock
from captioner.errors import Cancelled, CaptionerError, EngineFault, Unavailable
from captioner.metrics import Metrics
from captioner.scheduling.load import LoadMeter, TurnMeter
from captioner.scheduling.policy import Batch, Priority, Queue, Request, Rules, Workers
from captioner.scheduling.reasons import reason
from captioner.scheduling.station import Answer, EngineHung, Station
from captioner.scheduling.succession import State, Succession
from captioner.transcript import Hypothesis

log = structlog.get_logger(__name__)


Suits = Callable[[DecodeRow], bool]
Refresh = Callable[[Suits], DecodeRow | None]


@dataclass(frozen=True, slots=True)
class _Waiter:
    request: Request
    future: asyncio.Future[Answer]
    refresh: Refresh | None


class Batcher:
    """Decodes rows for everybody, through one engine.

    Call its methods on the event loop that ``start`` ran on.

    Args:
        factory: builds and loads an engine; called in a thread, again after each loss.
        clock: for queue waits and load; deadlines are in its monotonic time.
        rules: the numbers of the policy.
        timeout: seconds after which a call of the engine counts as hung.
        start_timeout: seconds that building an engine may take.
        retry_delay: seconds between the first two attempts to rebuild; doubles each time.
        metrics: what to report to.
    """

    def __init__(
        self,
        factory: Callable[[], Engine],
        clock: Clock,
        *,
        rules: Rules,
        timeout: float,
        metrics: Metrics,
        start_timeout: float = 300.0,
        retry_delay: float = 1.0,
    ) -> None:
        self._engines = Succession(
            factory,
            timeout=timeout,
            start_timeout=start_timeout,
            retry_delay=retry_delay,
            metrics=metrics,
        )
        self._clock = clock
        self._rules = rules
        self._metrics = metrics
        self._queue = Queue(rules)
        now = clock.monotonic()
        self._live, self._recordings = LoadMeter(now), LoadMeter(now)
        self._turns = TurnMeter()
        self._waiters: dict[int, _Waiter] = {}
        self._ids = itertools.count(1)
        self._started = False
        self._wake = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None
        self._replacing: asyncio.Task[None] | None = None

    # --- Lifecycle

    async def start(self) -> None:
        """Load the engine and begin to serve.

        Raises:
            CaptionerError: the engine could not be built: what the factory raised, or `EngineFault`
                when that was no `CaptionerError` or took longer than ``start_timeout``, or
                `Unavailable` when ``close`` was called meanwhile.
        """
        if self._started:
            raise ValueError(f"a batcher is started once, this one is {self.state.value}")
        self._started = True
        await self._engines.begin()
        self._queue = Queue(self._rules.on(self.info.device))
        self._metrics.decode_load.set_function(lambda: self.load)
        self._metrics.decode_backlog_seconds.set_function(lambda: self.backlog)
        self._serving = asyncio.create_task(self._serve(), name="batcher")

    async def close(self) -> None:
        """Answer what waits with `Unavailable`, let running batches end, free the engine."""
        self._engines.close()
        self._refuse_waiting(Unavailable("the service is closing"))
        if self._replacing is not None:
            self._replacing.cancel()
        self._wake.set()
        if self._serving is not None:
            await self._serving

    async def _serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                while self.state is not State.CLOSED:
                    await self._wake.wait()
                    self._wake.clear()
                    self._dispatch(tasks)
        except BaseExceptionGroup as errors:
            # Not the engine's fault but ours: stop, visibly, rather than leave requests waiting.
            log.critical("batcher_failed", **reason(errors.exceptions[0]))
            raise
        finally:
            self._engines.close()
            self._answer_all(self._waiters, Unavailable("the service is closing"))
            await self._engines.station.release()

    # --- Requests

    async def submit(
        self,
        row: DecodeRow,
        *,
        session: str,
        priority: Priority,
        deadline: float,
        refresh: Refresh | None = None,
    ) -> Hypothesis:
        """Decode one row; cancel the task that awaits this to withdraw the request.

        Args:
            row: what to decode.
            session: whose it is: the unit of ``cancel`` and of coalescing interims.
            priority: its class.
            deadline: when it is wanted, in monotonic time; orders requests of a class.
            refresh: asked once, right before the row is decoded, for one that knows more; it is
                told whether a row suits the batch, and answers None to leave it at the first.

        Raises:
            Cancelled: by ``cancel``, by a newer interim of the session, or because too many wait.
            EngineFault: the engine failed or hung on this row; it may be tried again.
            ResourceExhausted: too many requests of the class wait.
            Unavailable: not started, closed, or no engine can be built.
            CaptionerError: the row itself is bad.
        """
        request = self._request(row, session=session, priority=priority, deadline=deadline)
        answer = await self._answer_to(request, refresh)
        if isinstance(answer, CaptionerError):
            raise answer.with_traceback(None)  # rows of one batch may share their error
        if priority is Priority.INTERIM:
            self._turns.answered(self._clock.monotonic(), asked=request.submitted)
        return answer

    def _request(
        self, row: DecodeRow, *, session: str, priority: Priority, deadline: float
    ) -> Request:
        if self.state not in (State.READY, State.RESTARTING):
            raise Unavailable(f"the engine is {self.state.value}", retry_after=2.0)
        return Request(
            id=next(self._ids),
            session=session,
            priority=priority,
            deadline=deadline,
            submitted=self._clock.monotonic(),
            # A row's group depends on the row alone, so an engine that is lost can still tell.
            group=self._engines.station.engine.group(row),
            row=row,
        )

    async def _answer_to(self, request: Request, refresh: Refresh | None) -> Answer:
        """Put the request into the queue, and wait; withdraw it when the wait is cancelled."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        displaced = self._queue.add(request)
        self._answer_all((each.id for each in displaced), Cancelled("a newer request came"))
        self._waiters[request.id] = _Waiter(request, future, refresh)
        self._wake.set()
        try:
            return await future
        finally:
            self._waiters.pop(request.id, None)
            self._queue.cancel(request.id)

    def cancel(self, session: str, priority: Priority | None = None) -> int:
        """Answer a session's requests, of one class or all, with `Cancelled`.

        Those that are being computed are computed to the end, for nobody.

        Returns:
            How many there were.
        """
        ids = [
            waiter.request.id
            for waiter in self._waiters.values()
            if waiter.request.session == session and priority in (None, waiter.request.priority)
        ]
        self._answer_all(ids, Cancelled(f"the requests of session {session} were cancelled"))
        return len(ids)

    # --- What is known

    @property
    def state(self) -> State:
        """Whether requests are served."""
        return self._engines.state

    async def state_changed(self) -> State:
        """Wait for the next change of state; returns the state after it."""
        return await self._engines.state_changed()

    @property
    def info(self) -> EngineInfo:
        """What the engine is; the same after it was rebuilt."""
        return self._engines.station.engine.info

    @property
    def workers(self) -> int:
        """Batches computed at the same time: the load at saturation."""
        return self._engines.station.engine.workers

    @property
    def load(self) -> float:
        """Worker-seconds a second spent on live batches over the last 10 s."""
        return self._live.load(self._clock.monotonic())

    @property
    def recording_load(self) -> float:
        """Worker-seconds a second spent on recordings over the last 10 s."""
        return self._recordings.load(self._clock.monotonic())

    @property
    def row_seconds(self) -> float | None:
        """Worker time a live row has taken lately; None before the first."""
        return self._live.row_seconds

    @property
    def interim_turn(self) -> float:
        """Seconds from the request for an interim to its answer, lately; 0 when there was none."""
        return self._turns.mean(self._clock.monotonic())

    @property
    def backlog(self) -> float:
        """Seconds that the oldest waiting live request has waited; 0 when none waits."""
        oldest = self._queue.oldest_live()
        return 0.0 if oldest is None else self._clock.monotonic() - oldest

    # --- Batches

    def _dispatch(self, tasks: asyncio.TaskGroup) -> None:
        """Give every idle worker what the policy decides."""
        station = self._engines.station
        if self._engines.notice_loss():
            self._replacing = tasks.create_task(self._replace())
        while self.state is State.READY:
            now = self._clock.monotonic()
            running = station.running
            idle = station.engine.workers - running.total()
            workers = Workers(station.engine.workers, idle, running[Priority.RECORDING])
            if (batch := self._queue.next_batch(now, workers)) is None:
                return
            self._observe_start(batch, now)
            batch = Batch(tuple(self._refreshed(station, each) for each in batch.requests))
            running[batch.priority] += 1
            tasks.create_task(self._compute(station, batch))

    def _refreshed(self, station: Station, request: Request) -> Request:
        """The request with the newest row that suits its batch."""
        refresh = self._waiters[request.id].refresh
        if refresh is None:
            return request
        row = refresh(lambda newer: station.engine.group(newer) == request.group)
        return request if row is None else replace(request, row=row)

    async def _compute(self, station: Station, batch: Batch) -> None:
        meter = self._recordings if batch.priority is Priority.RECORDING else self._live
        key = meter.begin(self._clock.monotonic())
        try:
            await self._resolve(station, batch.requests)
        finally:
            seconds = meter.end(key, self._clock.monotonic(), rows=len(batch.requests))
            self._metrics.decode_seconds.labels("batch").observe(seconds)
            station.running[batch.priority] -= 1
            self._wake.set()

    async def _resolve(self, station: Station, requests: Sequence[Request]) -> None:
        """Answer each request; when a call fails, its halves are called in its place."""
        requests = [each for each in requests if each.id in self._waiters]
        if station.lost:
            self._answer_all((each.id for each in requests), EngineFault("the engine failed"))
        if not requests or station.lost:
            return
        try:
            answers = await station.decode([each.row for each in requests])
        except EngineFault as fault:
            self._observe_fault(fault, rows=len(requests))
            if len(requests) == 1 or station.lost:
                self._answer_all((each.id for each in requests), fault)
                return
        else:
            for request, answer in zip(requests, answers, strict=True):
                self._answer(request.id, answer)
            return
        middle = len(requests) // 2
        await self._resolve(station, requests[:middle])
        await self._resolve(station, requests[middle:])

    def _answer(self, request_id: int, answer: Answer) -> None:
        """Answer one request: it has a waiter until it was answered, and none after."""
        waiter = self._waiters.pop(request_id, None)
        if waiter is not None and not waiter.future.done():
            waiter.future.set_result(answer)

    def _answer_all(self, ids: Iterable[int], error: CaptionerError) -> None:
        for request_id in list(ids):
            self._queue.cancel(request_id)
            self._answer(request_id, error)

    def _refuse_waiting(self, error: CaptionerError) -> None:
        """Answer the requests that no worker has begun on."""
        self._answer_all([each for each in self._waiters if self._queue.cancel(each)], error)

    async def _replace(self) -> None:
        """Have another engine; those that wait for it are refused when it cannot be built."""
        async for delay in self._engines.replace():
            self._refuse_waiting(EngineFault("no engine could be built", retry_after=delay))
        self._wake.set()

    # --- What is reported

    def _observe_start(self, batch: Batch, now: float) -> None:
        self._metrics.decode_batches.labels(batch.priority.name.lower()).inc()
        self._metrics.decode_batch_rows.observe(len(batch.requests))
        for request in batch.requests:
            waited = self._metrics.decode_queue_seconds.labels(request.priority.name.lower())
            waited.observe(now - request.submitted)

    def _observe_fault(self, fault: EngineFault, *, rows: int) -> None:
        kind = "hung" if isinstance(fault, EngineHung) else "raised"
        self._metrics.engine_faults.labels(kind).inc()
        log.error("engine_fault", kind=kind, rows=rows, **reason(fault))
