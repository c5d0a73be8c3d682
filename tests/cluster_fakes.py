"""A cluster in this process, and an executor whose tracks say by their names what they do.

The module is importable on the workers of a real Ray cluster too, when tests/ is on their path.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from captioner.asr.engine import EngineInfo
from captioner.asr.scripted import SCRIPTED_INFO
from captioner.batch.cluster_ledger import Assignment
from captioner.batch.cluster_shape import Node, Shape
from captioner.batch.cluster_worker import (
    ActorLost,
    ExecutorFactory,
    Loaded,
    Message,
    Refused,
    Worker,
)
from captioner.batch.job import (
    Options,
    Shard,
    Track,
    TrackEvent,
    TrackFailed,
    TrackProgress,
    TrackTranscribed,
)
from captioner.config import Settings
from captioner.errors import CaptionerError, EngineFault, InvalidRequest
from captioner.transcript import Word
from captioner.transcription.events import RecordingSegment

Result = TypeVar("Result")

_die: ContextVar[Callable[[], None] | None] = ContextVar("die", default=None)


def track(name: str) -> Track:
    """A recording of that name, which is not there."""
    return Track(Path("/recordings") / name)


def shards(*names: str) -> list[Shard]:
    """One shard for each text, of the tracks that it names."""
    return [
        Shard(number, tuple(track(name) for name in text.split()))
        for number, text in enumerate(names, 1)
    ]


def outcomes(events: list[TrackEvent]) -> dict[str, str]:
    """What became of each track, by its name; each must have one answer."""
    answers = [event for event in events if not isinstance(event, TrackProgress)]
    assert set(Counter(event.track.path.name for event in answers).values()) <= {1}
    return {
        event.track.path.name: (
            event.segments[0].text if isinstance(event, TrackTranscribed) else event.reason
        )
        for event in answers
    }


class NamedExecutor:
    """Transcribes a track into the names of its shard, after doing what its own name says.

    poison: the process dies. fault: the engine does. hang: nothing ever comes. bad: the track
    fails. wrong: the whole job is refused. forgotten: there is no answer.
    """

    def __init__(self, error: CaptionerError | None = None) -> None:
        self._error = error
        self.info: EngineInfo = SCRIPTED_INFO

    async def __aenter__(self) -> Self:
        if self._error is not None:
            raise self._error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    async def run(
        self, shards: Sequence[Shard], options: Options
    ) -> AsyncGenerator[TrackEvent, None]:
        for shard in shards:
            for each in shard.tracks:
                yield TrackProgress(each, 1, 2)
                await asyncio.sleep(0)
                async for event in self._answer(each, shard, options):
                    yield event

    async def _answer(
        self, each: Track, shard: Shard, options: Options
    ) -> AsyncGenerator[TrackEvent, None]:
        match each.path.stem.partition("-")[0]:
            case "poison":
                (_die.get() or kill_this_process)()
                await asyncio.Event().wait()
            case "fault":
                raise EngineFault("the engine failed on everything")
            case "wrong":
                raise InvalidRequest("no such language")
            case "hang":
                await asyncio.Event().wait()
            case "bad":
                yield TrackFailed(each, "it is no recording")
            case "forgotten":
                pass
            case _:
                text = " ".join([options.language, *(one.path.name for one in shard.tracks)])
                yield TrackTranscribed(each, (segment(text),), 2)


def segment(text: str) -> RecordingSegment:
    return RecordingSegment(1, 0, 2, (Word(text, 0, 2, 0.9),), "fr")


def kill_this_process() -> None:
    """What the kernel does to a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def named_executor(settings: Settings) -> NamedExecutor:
    return NamedExecutor()


class FakeActor:
    """A `Worker` in this process, which can be killed like one that is elsewhere."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self._worker = Worker()
        self._dead = asyncio.Event()
        self.begun: list[Assignment] = []
        self.waits = False
        """Whether there is no room for it."""

    @property
    def dead(self) -> bool:
        return self._dead.is_set()

    async def identify(self) -> dict[str, str]:
        if self.waits:
            await self._dead.wait()
        return {**await self._call(self._worker.identify()), **self._cluster.identity}

    async def load(self, settings: Settings, factory: ExecutorFactory) -> Loaded | Refused:
        self._cluster.settings.append(settings)
        if self._cluster.deaths_in_load:
            self._cluster.deaths_in_load -= 1
            self.kill()
        return await self._call(self._worker.load(settings, self._cluster.factory or factory))

    async def begin(self, assignment: Assignment, options: Options) -> None:
        self.begun.append(assignment)
        if self._cluster.deaths_in_begin:
            self._cluster.deaths_in_begin -= 1
            self.kill()
        _die.set(self.kill)
        await self._call(self._worker.begin(assignment, options))

    async def more(self) -> list[Message]:
        return await self._call(self._worker.more())

    def kill(self) -> None:
        self._dead.set()
        for task in self._worker._running:
            task.cancel()

    async def _call(self, call: Awaitable[Result]) -> Result:
        """The answer, unless the actor dies before it is there."""
        answer = asyncio.ensure_future(call)
        death = asyncio.create_task(self._dead.wait())
        try:
            await asyncio.wait({answer, death}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answer.cancel()
            death.cancel()
        if self.dead:
            raise ActorLost("its process died")
        return answer.result()


class FakeCluster:
    """A cluster of this process, of as many one-core nodes as wanted."""

    def __init__(self, nodes: int = 2, **identity: str) -> None:
        self.is_local = True
        self.size = nodes
        self.identity = identity
        self.factory: ExecutorFactory | None = None
        """What the nodes use, whatever they are sent."""
        self.deaths_in_load = 0
        self.deaths_in_begin = 0
        self.actors: list[FakeActor] = []
        self.settings: list[Settings] = []
        self.connected = False

    def connect(self) -> None:
        self.connected = True

    def nodes(self) -> list[Node]:
        return [Node(f"node{number}", 1) for number in range(self.size)]

    def start(self, shape: Shape) -> FakeActor:
        self.actors.append(FakeActor(self))
        return self.actors[-1]

    def close(self) -> None:
        self.connected = False

    @property
    def alive(self) -> list[FakeActor]:
        return [actor for actor in self.actors if not actor.dead]

    @property
    def begun(self) -> list[list[str]]:
        """The names of what was given out."""
        return [
            [each.path.name for each in assignment.shard.tracks]
            for actor in self.actors
            for assignment in actor.begun
        ]
