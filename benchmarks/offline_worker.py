"""A process that transcribes recordings with one system, its model loaded once.

Started by ``offline.py`` with a task; answers each line of file names on standard input with a line
of transcripts, and ends when standard input closes. What it answers is timed here, around the
transcription alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol, Self

from offline_watch import WatchedEngine

from captioner.asr.engine import Engine
from captioner.asr.scripted import ScriptedEngine
from captioner.batch.job import Options, Track, TrackFailed, TrackTranscribed
from captioner.batch.local import LocalExecutor
from captioner.batch.shards import Extent, estimated_seconds, into_shards
from captioner.config import Settings
from captioner.errors import InvalidRequest
from captioner.service import whisper_factory
from captioner.transcript import SAMPLE_RATE

CAPTIONER = "captioner"
SCRIPTED = "captioner, scripted"
BATCHED = "faster-whisper batched"
SEQUENTIAL = "faster-whisper sequential"


@dataclass(frozen=True, slots=True)
class Task:
    """Which system, and how."""

    system: str
    model: str
    """Directory of the model; empty when the system computes nothing."""
    threads: int
    language: str
    beam_size: int
    compute_type: str
    batch_size: int = 0
    """Of the systems that have one."""
    word_times: bool = True
    settings: str = ""
    """Those of Captioner, as JSON."""

    def to_json(self) -> str:
        """For the command line of the worker."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in one file."""

    text: str
    words: tuple[tuple[str, float, float], ...] = ()
    """With start and end in seconds; empty where no word times were asked for."""


Profile = dict[str, float]
"""Where the time went, in seconds; empty when the system does not tell."""


class Recogniser(Protocol):
    """A system with its model loaded."""

    def transcribe(self, files: Sequence[Path]) -> tuple[list[Transcript], Profile]:
        """Transcribe files, each to a transcript, in order."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class FasterWhisper:
    """faster-whisper, batched or sequential, with voice detection before either."""

    def __init__(self, task: Task) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        model = WhisperModel(
            task.model,
            device="cpu",
            compute_type=task.compute_type,
            cpu_threads=task.threads,
            local_files_only=True,
        )
        self._options: dict[str, Any] = {
            "language": task.language,
            "beam_size": task.beam_size,
            "word_timestamps": task.word_times,
            "vad_filter": True,
        }
        self._model: Any = model
        if task.system == BATCHED:
            self._model = BatchedInferencePipeline(model)
            self._options["batch_size"] = task.batch_size

    def transcribe(self, files: Sequence[Path]) -> tuple[list[Transcript], Profile]:
        """Transcribe files one after the other: it takes no more than one at a time."""
        return [self._transcribe(file) for file in files], {}

    def close(self) -> None:
        """Nothing to do: the process ends."""

    def _transcribe(self, file: Path) -> Transcript:
        segments = list(self._model.transcribe(str(file), **self._options)[0])
        words = tuple(
            (str(word.word).strip(), float(word.start), float(word.end))
            for segment in segments
            for word in segment.words or ()
        )
        return Transcript(" ".join(str(segment.text).strip() for segment in segments), words)


class Captioner:
    """Captioner, as ``captioner transcribe`` works on its shards on one machine."""

    def __init__(self, task: Task) -> None:
        settings = Settings.model_validate_json(task.settings)
        settings = settings.model_copy(
            update={"final_beam_size": task.beam_size, "compute_type": task.compute_type}
        )
        build = whisper_factory(settings)
        if task.system == SCRIPTED:
            build = _scripted
        self._engines: list[WatchedEngine] = []

        def watched() -> Engine:
            self._engines.append(WatchedEngine(build()))
            return self._engines[-1]

        self._executor = LocalExecutor(settings, engine_factory=watched)
        self._runner = asyncio.Runner()
        self._runner.run(self._open())

    async def _open(self) -> None:
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._executor)

    def transcribe(self, files: Sequence[Path]) -> tuple[list[Transcript], Profile]:
        """Transcribe files as one job."""
        (engine,) = self._engines
        with engine.watching() as profile:
            transcripts = self._runner.run(self._run(files))
        return [transcripts[file] for file in files], profile.to_json()

    def close(self) -> None:
        """Free the model."""
        self._runner.run(self._stack.aclose())
        self._runner.close()

    async def _run(self, files: Sequence[Path]) -> dict[Path, Transcript]:
        extents = [Extent(Track(file), _estimate(file)) for file in files]
        transcripts: dict[Path, Transcript] = {}
        async with aclosing(self._executor.run(into_shards(extents), Options())) as events:
            async for event in events:
                if isinstance(event, TrackFailed):
                    raise InvalidRequest(event.reason)
                if isinstance(event, TrackTranscribed):
                    transcripts[event.track.path] = _transcript(event)
        return transcripts


def _scripted() -> Engine:
    return ScriptedEngine(workers=len(os.sched_getaffinity(0)))


def _estimate(file: Path) -> float:
    return estimated_seconds(file.suffix, file.stat().st_size)


def _transcript(event: TrackTranscribed) -> Transcript:
    words = tuple(
        (word.text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE)
        for segment in event.segments
        for word in segment.words
    )
    return Transcript(" ".join(word for word, _, _ in words), words)


def load(task: Task) -> Recogniser:
    """Load the model of a system."""
    if task.system in (BATCHED, SEQUENTIAL):
        return FasterWhisper(task)
    return Captioner(task)


class Answers:
    """Lines of JSON to the parent, on what was standard output.

    Standard output itself goes to standard error: libraries print what they like.
    """

    def __init__(self) -> None:
        self._stream: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def tell(self, **fields: Any) -> None:  # noqa: ANN401 - plain values for JSON
        """Write one line."""
        self._stream.write(json.dumps(fields) + "\n")
        self._stream.flush()


def requests(lines: Iterable[str]) -> Iterator[list[Path]]:
    """The files of each request."""
    for line in lines:
        yield [Path(name) for name in json.loads(line)]


def main() -> None:
    """Load, say so, and answer until standard input closes."""
    task = Task(**json.loads(sys.argv[1]))
    with Answers() as answers:
        begin = time.perf_counter()
        recogniser = load(task)
        answers.tell(loading=time.perf_counter() - begin)
        for files in requests(sys.stdin):
            begin = time.perf_counter()
            transcripts, profile = recogniser.transcribe(files)
            seconds = time.perf_counter() - begin
            plain = [asdict(transcript) for transcript in transcripts]
            answers.tell(seconds=seconds, transcripts=plain, profile=profile)
        recogniser.close()


if __name__ == "__main__":
    main()
