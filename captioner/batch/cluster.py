"""Works on shards with a Ray cluster: one worker a GPU, or one a few cores.

    shards ──▶ Ledger ──assignments──▶ workers ──messages──▶ Ledger ──▶ events

Each worker is looked after by a task here, which gives it at most two shards at a time and starts
another when it dies. So what waits in the cluster is bounded by its size, not by that of the job.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, assert_never

import structlog

from captioner import __version__
from captioner.asr.engine import EngineInfo
from captioner.batch.cluster_ledger import Assignment, Ledger
from captioner.batch.cluster_ray import RayCluster
from captioner.batch.cluster_shape import Node, Shape, capacity, shape_for, worker_settings
from captioner.batch.cluster_worker import (
    Actor,
    ActorLost,
    Ended,
    ExecutorFactory,
    Loaded,
    LocalExecutorFactory,
    Message,
    Refused,
    Said,
)
from captioner.batch.job import Options, Shard, TrackEvent, TrackFailed, TrackProgress
from captioner.config import Settings
from captioner.errors import ModelError, Unavailable
from captioner.models.store import ModelStore
from captioner.transcription.pipeline import in_thread

SPARE: Final = 1  # workers asked for beyond what fits: they make an autoscaler add a node
QUEUE: Final = 256  # events that may wait for their reader; then the workers are asked no more

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClusterLimits:
    """How far a job may spread, and how long it waits. Durations are in seconds."""

    workers: int = 0
    """Most workers at a time; 0: as many as there is room for."""
    patience: float = 600.0
    """How long to be without any worker: nodes may have to be started first."""
    failed_starts: int = 5
    """How many workers in a row may die before they are ready."""
    restart_delay: float = 1.0
    """Before a worker that died is replaced; more after each one that dies while it starts."""
    look_around: float = 5.0
    """Between two looks at the nodes, for those that joined."""


class Cluster(Protocol):
    """What `RayCluster` is to this module. Its calls block."""

    @property
    def is_local(self) -> bool:
        """Whether it cannot grow."""
        ...

    def connect(self) -> None:
        """Connect."""
        ...

    def nodes(self) -> list[Node]:
        """The nodes that are alive now."""
        ...

    def start(self, shape: Shape) -> Actor:
        """Ask for a worker."""
        ...

    def close(self) -> None:
        """Disconnect."""
        ...


@dataclass(frozen=True, slots=True)
class _Ready:
    """A worker that has loaded the model."""

    actor: Actor
    node: str
    info: EngineInfo


class RayExecutor:
    """An `Executor` on a Ray cluster.

    The nodes read the recordings and the model where the paths of this machine say: on a shared
    file system. They need the same versions of captioner and Python, and the same model.

    Args:
        settings: those of the model and of captions hold on the nodes too.
        address: see `RayCluster`.
        token_file: what lets us into the cluster; None: where Ray looks for it.
        limits: how far to spread.
        executor_factory: makes what each worker works with; None: the model of the settings.
        cluster: instead of a Ray cluster, for tests.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        address: str,
        token_file: Path | None = None,
        limits: ClusterLimits | None = None,
        executor_factory: ExecutorFactory | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self._settings = settings
        self._address = address
        self.limits = limits or ClusterLimits()
        self._factory = executor_factory or LocalExecutorFactory()
        # What an executor of somebody's own loads is not known here.
        self._checks_model = executor_factory is None
        self._cluster = cluster or RayCluster(address, token_file=token_file)
        self._digest = ""
        self._idle: list[_Ready] = []
        self._failed_starts = 0

    async def __aenter__(self) -> Self:
        """Connect, and start the first worker: what it says of the model holds for all.

        Raises:
            Unauthenticated: the cluster wants a token, or another one.
            Unavailable: it cannot be reached, has no room, or runs other versions.
            ModelError: the model is missing or altered, here or on the node.
        """
        if self._checks_model:
            store = ModelStore(self._settings.models_dir)
            # The nodes look at every byte; here the name of the bytes is enough.
            model = await in_thread(lambda: store.find(self._settings.model, verified=False))
            self._digest = model.manifest.digest
        try:
            await in_thread(self._cluster.connect)
            nodes = await in_thread(self._cluster.nodes)
            self._shape = shape_for(self._settings, nodes)
            first = await self._first_worker()
        except BaseException:
            await in_thread(self._cluster.close)
            raise
        self._info = first.info
        self._idle.append(first)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the workers, and disconnect."""
        for worker in self._idle:
            worker.actor.kill()
        self._idle.clear()
        await in_thread(self._cluster.close)

    @property
    def info(self) -> EngineInfo:
        """The model that does the work."""
        return self._info

    async def run(
        self, shards: Sequence[Shard], options: Options
    ) -> AsyncGenerator[TrackEvent, None]:
        """Work on shards; closing the generator ends the workers that are busy.

        Raises:
            Unavailable: no worker is left and none can be started, or one runs other versions.
            ModelError: a node has another model.
        """
        run = _Run(self, shards, options)
        try:
            while (event := await run.next()) is not None:
                yield event
        finally:
            await run.stop()

    # --- workers

    async def _first_worker(self) -> _Ready:
        while True:
            try:
                async with asyncio.timeout(self.limits.patience):
                    return await self.ready_worker()
            except TimeoutError:
                raise self.no_room() from None
            except ActorLost as loss:
                await self.after_failed_start(loss)

    def no_room(self) -> Unavailable:
        """No worker was to be had within the patience."""
        wanted = "a free GPU" if self._shape.gpus else f"{self._shape.cores} free cores"
        return Unavailable(
            f"no node of the cluster at {self._address} had {wanted} for {self.limits.patience:g} s"
        )

    async def after_failed_start(self, loss: ActorLost) -> None:
        """Wait before another try.

        Raises:
            Unavailable: there were enough of them.
        """
        self._failed_starts += 1
        log.warning("cluster_worker_not_started", times=self._failed_starts, reason=str(loss))
        if self._failed_starts >= self.limits.failed_starts:
            raise Unavailable(
                f"{self._failed_starts} workers in a row ended before they were ready on the "
                f"cluster at {self._address}: {loss}"
            )
        await asyncio.sleep(self.limits.restart_delay * 2 ** (self._failed_starts - 1))

    async def ready_worker(self) -> _Ready:
        """An idle worker, or a new one as soon as there is room for it.

        Raises:
            ActorLost: it died before it was ready.
            Unavailable: its versions are not ours.
            ModelError: its model is not ours.
        """
        if self._idle:
            return self._idle.pop()
        actor = self._cluster.start(self._shape)
        try:
            ready = await self._prepared(actor)
        except BaseException:
            actor.kill()
            raise
        self._failed_starts = 0
        return ready

    async def _prepared(self, actor: Actor) -> _Ready:
        identity = await actor.identify()
        node = identity["node"]
        ours = {"captioner": __version__, "python": platform.python_version()}
        for name, version in ours.items():
            if identity[name] != version:
                raise Unavailable(f"node {node} has {name} {identity[name]}, here it is {version}")
        answer = await actor.load(worker_settings(self._settings, self._shape), self._factory)
        match answer:
            case Loaded(info):
                if self._checks_model and info.digest != self._digest:
                    raise ModelError(
                        f"node {node} has {info.model} with digest {info.digest}, here it is "
                        f"{self._digest}"
                    )
                return _Ready(actor, node, info)
            case Refused(ModelError() as error):
                raise ModelError(f"node {node}: {error}")
            case Refused(error):
                raise ActorLost(f"on node {node} the engine could not be built: {error}")
            case _:
                assert_never(answer)

    def release(self, worker: _Ready) -> None:
        """Keep a worker that has nothing to do for the next run."""
        self._idle.append(worker)

    async def room(self) -> int:
        """How many workers there should be, however much there is to do.

        Raises:
            Unavailable: the cluster of this machine has ended.
        """
        nodes = await in_thread(self._cluster.nodes)
        if self._cluster.is_local and not nodes:
            raise Unavailable("the cluster that was started for this job has ended")
        room = max(1, capacity(self._shape, nodes))
        if not self._cluster.is_local:
            room += SPARE
        return min(room, self.limits.workers) if self.limits.workers else room


class _Run:
    """One job on its way through the cluster."""

    def __init__(self, executor: RayExecutor, shards: Sequence[Shard], options: Options) -> None:
        self._executor = executor
        self._limits = executor.limits
        self._options = options
        self._ledger = Ledger(shards)
        self._open = sum(len(shard.tracks) for shard in shards)
        """Tracks whose end nobody has been told yet."""
        self._events: asyncio.Queue[TrackEvent] = asyncio.Queue(QUEUE)
        self._changed = asyncio.Condition()
        self._working = 0
        self._places = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spawn(self._spread())

    async def next(self) -> TrackEvent | None:
        """The next event; None: every track was answered.

        Raises:
            CaptionerError: why the job cannot go on.
        """
        if not self._open:
            return None
        if self._events.empty():
            waiting = asyncio.create_task(self._events.get())
            try:
                both: set[asyncio.Future[Any]] = {waiting, self._failed}
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                if not waiting.done():
                    self._failed.result()
                event = waiting.result()
            finally:
                waiting.cancel()
        else:
            event = self._events.get_nowait()
        if not isinstance(event, TrackProgress):
            self._open -= 1
        return event

    async def stop(self) -> None:
        """End what is busy."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self._failed.done():
            self._failed.cancel()
        elif not self._failed.cancelled():
            self._failed.exception()  # told, or no matter any more

    # --- workers

    async def _spread(self) -> None:
        """Have as many workers as there is room and work for, as both change."""
        alone_since = asyncio.get_running_loop().time()
        while True:
            wanted = min(await self._executor.room(), self._ledger.unfinished)
            while self._places < wanted:
                self._places += 1
                self._spawn(self._serve(self._places))
            now = asyncio.get_running_loop().time()
            if self._working:
                alone_since = now
            elif now - alone_since > self._limits.patience:
                raise self._executor.no_room()
            await asyncio.sleep(self._limits.look_around)

    async def _serve(self, place: int) -> None:
        """Keep one worker busy, and replace it when it dies."""
        while not self._ledger.done:
            try:
                worker = await self._executor.ready_worker()
            except ActorLost as loss:
                await self._executor.after_failed_start(loss)
                continue
            self._working += 1
            lost = False
            try:
                await self._work(place, worker)
            except ActorLost as loss:
                lost = True
                log.warning("cluster_worker_lost", node=worker.node, reason=str(loss))
                await self._take_back(place, worker.node)
                await asyncio.sleep(self._limits.restart_delay)
            finally:
                self._working -= 1
                if lost or self._ledger.holds(place):
                    worker.actor.kill()
                else:
                    self._executor.release(worker)

    async def _work(self, place: int, worker: _Ready) -> None:
        """Give a worker all it can take, until there is nothing left to do for anybody."""
        while True:
            while (assignment := self._ledger.take(place)) is not None:
                await worker.actor.begin(absolute(assignment), self._options)
            if self._ledger.holds(place):
                for message in await worker.actor.more():
                    await self._hear(place, message)
            elif self._ledger.done:
                return
            else:  # what others have in hand may yet come back
                async with self._changed:
                    await self._changed.wait()

    async def _hear(self, place: int, message: Message) -> None:
        match message:
            case Said(number, index, event):
                told = self._ledger.heard(place, number, index, event)
                if told is not None:
                    await self._events.put(told)
            case Ended(number, error):
                if isinstance(error, Unavailable):  # the engine is broken: another may do it
                    raise ActorLost(str(error))
                if error is not None:
                    raise error
                await self._fail(self._ledger.finished(place, number))
            case _:
                assert_never(message)

    async def _take_back(self, place: int, node: str) -> None:
        await self._fail(self._ledger.lost(place, node))

    async def _fail(self, failures: Sequence[TrackFailed]) -> None:
        for failure in failures:
            await self._events.put(failure)
        async with self._changed:
            self._changed.notify_all()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._failed.done():
            self._failed.set_exception(error)


def absolute(assignment: Assignment) -> Assignment:
    """The same work with paths that mean the same in any directory."""
    tracks = tuple(replace(track, path=track.path.absolute()) for track in assignment.shard.tracks)
    return replace(assignment, shard=replace(assignment.shard, tracks=tracks))
