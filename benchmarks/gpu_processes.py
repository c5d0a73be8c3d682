"""The load in processes of its own: one for each replica that shares the GPU.

A fault of the driver then ends a measurement and not the benchmark, and memory is freed between
models. Several replicas are what an operator runs where one process of Python cannot feed the GPU.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from gpu_checkpoint import Shape
from gpu_device import gauge
from gpu_load import Load, Seen
from gpu_stages import Stages, Timing, Window
from gpu_step import Step, step_of
from gpu_talk import Scripts, read_monologues

from captioner.asr.tokenizer import WhisperTokenizer
from captioner.asr.whisper import WhisperSettings
from captioner.errors import CaptionerError
from captioner.models.manifest import Manifest
from captioner.streaming.effort import EffortRule
from captioner.streaming.settings import StreamingSettings

LOADING = 180.0  # seconds that loading a model may take
GRACE = 90.0  # seconds beyond a step's length: what is computed at its end is computed to the end
TIMING = 120.0  # seconds that timing one batch may take
ENDING = 20.0  # seconds that a process may take to end


@dataclass(frozen=True, slots=True)
class Job:
    """What a process loads."""

    directory: Path
    manifest: Manifest
    whisper: WhisperSettings
    streaming: StreamingSettings
    monologues: Path
    max_batch: int = 0
    effort: EffortRule = field(default_factory=EffortRule)
    """What finals may cost."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to do next."""

    speakers: tuple[int, ...]
    seconds: float
    warm_up: float


class ReplicaFailed(Exception):
    """A process could not load the model, or broke."""


class Child:
    """A process of its own, and what it says."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
        self._process.start()
        theirs.close()  # else its end would go unnoticed

    def tell(self, order: object) -> None:
        """Send it something."""
        with contextlib.suppress(OSError):  # it has ended: the answer will tell
            self._pipe.send(order)

    def answer(self, *, within: float) -> object:
        """What it says next.

        Raises:
            ReplicaFailed: it said so, ended, or says nothing for so many seconds.
        """
        try:
            if not self._pipe.poll(within):
                raise ReplicaFailed(f"a process did not answer within {within:g} s")
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(ENDING)
            raise ReplicaFailed(f"a process ended with code {self._process.exitcode}") from error
        if isinstance(answer, ReplicaFailed):
            raise answer
        return answer

    def end(self, *, patience: float = ENDING) -> None:
        """Wait for it to end, but not for ever."""
        self._process.join(patience)
        self._process.kill()
        self._process.join()
        self._pipe.close()


class Replicas:
    """Processes with a loaded engine each: a context manager."""

    def __init__(self, job: Job, *, processes: int) -> None:
        self._job = job
        self._count = processes
        self._children: list[Child] = []
        self.compute_type = ""

    def __enter__(self) -> Self:
        """Load everywhere.

        Raises:
            ReplicaFailed: a model could not be loaded.
        """
        self._children = [Child(replica, self._job) for _ in range(self._count)]
        try:
            for child in self._children:
                self.compute_type = str(child.answer(within=LOADING))
        except ReplicaFailed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End them."""
        for child in self._children:
            child.tell(None)
        for child in self._children:
            child.end()

    def step(self, tracks: int, *, seconds: float, warm_up: float) -> Step:
        """So many people, shared between the processes.

        Raises:
            ReplicaFailed: a process broke.
        """
        shares = [tuple(range(number, tracks, self._count)) for number in range(self._count)]
        busy = [(child, who) for child, who in zip(self._children, shares, strict=True) if who]
        with gauge(seconds) as gpu:
            for child, who in busy:
                child.tell(Order(who, seconds, warm_up))
            answers = [child.answer(within=warm_up + seconds + GRACE) for child, _ in busy]
        seen = [answer for answer in answers if isinstance(answer, Seen)]
        return step_of(seen, tracks=tracks, gpu=gpu.read())


def replica(pipe: Connection, job: Job) -> None:
    """Load, then do what is ordered until told to end: what a process runs."""
    try:
        asyncio.run(_replica(pipe, job))
    except CaptionerError as error:
        pipe.send(ReplicaFailed(str(error)))


async def _replica(pipe: Connection, job: Job) -> None:
    scripts = Scripts(
        read_monologues(job.monologues), WhisperTokenizer.from_directory(job.directory)
    )
    load = Load(
        job.directory,
        job.manifest,
        job.whisper,
        scripts=scripts,
        streaming=job.streaming,
        max_batch=job.max_batch,
        effort=job.effort,
    )
    async with load:
        pipe.send(load.compute_type)
        while order := await asyncio.to_thread(pipe.recv):
            pipe.send(await load.step(order.speakers, seconds=order.seconds, warm_up=order.warm_up))


# --- Stages


@dataclass(frozen=True, slots=True)
class StageJob:
    """What a process times."""

    directory: Path
    shape: Shape
    whisper: WhisperSettings
    tokens_per_second: float
    todo: Sequence[tuple[Window, int]]


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A batch that the device could not compute."""

    window: Window
    batch: int
    reason: str


def time_stages(job: StageJob) -> Iterator[Timing | TooLarge]:
    """The timings of a job, each as soon as it is known.

    Raises:
        ReplicaFailed: the process broke.
    """
    child = Child(stages, job)
    try:
        child.answer(within=LOADING)
        for _ in job.todo:
            child.tell("next")
            answer = child.answer(within=TIMING)
            assert isinstance(answer, (Timing, TooLarge))
            yield answer
    finally:
        child.tell(None)
        child.end()


def stages(pipe: Connection, job: StageJob) -> None:
    """Time what is to do, one each time it is told to: what a process runs."""
    try:
        model = Stages(
            job.directory, job.shape, job.whisper, tokens_per_second=job.tokens_per_second
        )
    except (RuntimeError, ValueError) as error:
        pipe.send(ReplicaFailed(str(error)))
        return
    pipe.send(model.compute_type)
    for window, batch in job.todo:
        if not pipe.recv():
            break
        try:
            pipe.send(model.measure(window, batch))
        except RuntimeError as error:
            pipe.send(TooLarge(window, batch, str(error)))
    model.close()
