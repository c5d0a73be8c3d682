"""What runs on the nodes of a cluster: one engine, and what it is told to transcribe.

Nothing here knows Ray: the methods of `Worker` are called from afar, and what they take and return
is values. Refusals are values too, because an exception would arrive wrapped in tracebacks.
"""

from __future__ import annotations

import asyncio
import platform
import socket
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from captioner import __version__
from captioner.asr.engine import Engine, EngineInfo
from captioner.batch.cluster_ledger import Assignment
from captioner.batch.executor import Executor
from captioner.batch.job import Options, Shard, Track, TrackEvent, TrackFailed, TrackProgress
from captioner.config import Settings
from captioner.errors import CaptionerError

EngineFactory = Callable[[], Engine]
ExecutorFactory = Callable[[Settings], Executor]


@dataclass(frozen=True, slots=True)
class Said:
    """What became of a track of an assignment."""

    assignment: int
    index: int
    """Which of its tracks, from 0."""
    event: TrackEvent


@dataclass(frozen=True, slots=True)
class Ended:
    """An assignment is done, or cannot be done here."""

    assignment: int
    error: CaptionerError | None = None


Message = Said | Ended


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is ready."""

    info: EngineInfo


@dataclass(frozen=True, slots=True)
class Refused:
    """The model cannot be used."""

    error: CaptionerError


class Actor(Protocol):
    """A `Worker` somewhere else. Each call may raise `ActorLost`."""

    async def identify(self) -> dict[str, str]:
        """See `Worker.identify`."""
        ...

    async def load(self, settings: Settings, factory: ExecutorFactory) -> Loaded | Refused:
        """See `Worker.load`."""
        ...

    async def begin(self, assignment: Assignment, options: Options) -> None:
        """See `Worker.begin`."""
        ...

    async def more(self) -> list[Message]:
        """See `Worker.more`."""
        ...

    def kill(self) -> None:
        """End its process now; whatever it does is lost."""
        ...


class ActorLost(Exception):
    """The process of an actor died, or cannot be reached, or failed in a way nobody foresaw.

    Its text is one line and quotes no speech.
    """


class Worker:
    """One engine on a node. Its methods are called in this order, `begin` and `more` repeatedly."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._executor: Executor | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._messages: list[Message] = []
        self._progress: dict[tuple[int, int], Said] = {}
        self._news = asyncio.Event()
        self._failure: BaseException | None = None

    async def identify(self) -> dict[str, str]:
        """Where it runs and on what, in words that every version understands."""
        return {
            "node": socket.gethostname(),
            "captioner": __version__,
            "python": platform.python_version(),
        }

    async def load(self, settings: Settings, factory: ExecutorFactory) -> Loaded | Refused:
        """Load the model, and keep it."""
        executor = factory(settings)
        try:
            self._executor = await self._stack.enter_async_context(executor)
        except CaptionerError as error:
            return Refused(error)
        return Loaded(executor.info)

    async def begin(self, assignment: Assignment, options: Options) -> None:
        """Start to work on an assignment; `more` tells what becomes of it."""
        task = asyncio.create_task(self._work(assignment, options))
        self._running.add(task)
        task.add_done_callback(self._stopped)

    async def more(self) -> list[Message]:
        """What happened since the last call; waits until something has.

        Only the newest progress of each track is kept, so a caller that lags loses nothing else.
        """
        await self._news.wait()
        self._news.clear()
        if self._failure is not None:
            raise self._failure
        # What a track became is told after how far it was.
        messages = [*self._progress.values(), *self._messages]
        self._progress.clear()
        self._messages = []
        return messages

    async def _work(self, assignment: Assignment, options: Options) -> None:
        assert self._executor is not None, "begin was called before load"
        number, shard = assignment.number, assignment.shard
        unanswered = _indices(shard)
        error: CaptionerError | None = None
        try:
            async with aclosing(self._executor.run([shard], options)) as events:
                await self._tell(number, unanswered, events)
        except CaptionerError as reason:
            error = reason
        self._say(Ended(number, error))

    async def _tell(
        self,
        number: int,
        unanswered: dict[Track, deque[int]],
        events: AsyncGenerator[TrackEvent, None],
    ) -> None:
        async for event in events:
            indices = unanswered[event.track]
            if not indices:
                continue  # it was answered already
            if isinstance(event, TrackProgress):
                self._progress[number, indices[0]] = Said(number, indices[0], event)
                self._news.set()
                continue
            index = indices.popleft()
            self._progress.pop((number, index), None)
            if isinstance(event, TrackFailed):
                self._say(Said(number, index, await asyncio.to_thread(named_node, event)))
            else:
                self._say(Said(number, index, event))

    def _say(self, message: Message) -> None:
        self._messages.append(message)
        self._news.set()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failure = failure
            self._news.set()


def named_node(event: TrackFailed) -> TrackFailed:
    """The same failure; when the file cannot be opened here, the reason says where "here" is."""
    path = event.track.path
    try:
        with path.open("rb"):
            return event
    except OSError as error:
        reason = f"{path} cannot be read on node {socket.gethostname()}: {error.strerror}"
        return replace(event, reason=reason)


def _indices(shard: Shard) -> dict[Track, deque[int]]:
    """For each track of a shard its places in it: more than one when it is there twice."""
    indices: dict[Track, deque[int]] = {}
    for index, track in enumerate(shard.tracks):
        indices.setdefault(track, deque()).append(index)
    return indices


@dataclass(frozen=True, slots=True)
class LocalExecutorFactory:
    """Makes what a worker works with; it travels to the node, the engine is built there."""

    engine_factory: EngineFactory | None = None

    def __call__(self, settings: Settings) -> Executor:
        """Make an executor that has this process to itself."""
        from captioner.batch.local import LocalExecutor
        from captioner.logs import configure

        configure("warning", "json")  # what a worker writes is kept in a file on its node
        return LocalExecutor(settings, engine_factory=self.engine_factory)
