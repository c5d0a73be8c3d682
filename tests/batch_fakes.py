"""An executor without a model, and jobs for it.

What is heard on a track is its file: each word of its text lasts a second. So what was lost, moved
or done twice shows in the transcript. A file that begins with "bad" cannot be read, one that begins
with "broken" only as far as its last word.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Self

from captioner.asr.engine import EngineInfo
from captioner.asr.scripted import SCRIPTED_INFO
from captioner.audio.media import MediaInfo
from captioner.batch.documents import Wishes, documents_of
from captioner.batch.job import (
    Document,
    Options,
    Shard,
    Track,
    TrackEvent,
    TrackFailed,
    TrackProgress,
    TrackTranscribed,
)
from captioner.batch.manifest import Asked
from captioner.batch.progress import Progress
from captioner.batch.report import Outcome, Report
from captioner.batch.resume import Plan
from captioner.batch.run import Job, JobRun
from captioner.batch.sources import Found
from captioner.clock import ManualClock
from captioner.subtitles.profiles import WEB
from captioner.transcript import SAMPLE_RATE, Word
from captioner.transcription.events import RecordingSegment

ASKED = Asked(
    model="scripted",
    digest="sha256:0",
    compute_type="auto",
    language="fr",
    beam_size=5,
    window="auto",
    key_terms=(),
    profile="web",
    keep_partial=False,
)


class Interrupted(BaseException):
    """Stands for whatever ends a process in the middle."""


class ScriptedExecutor:
    """An `Executor` that reads what is said in the files.

    Args:
        before: called with each track before it is worked on; may raise, or change the disk.
    """

    def __init__(self, before: Callable[[Track], None] = lambda _: None) -> None:
        self._before = before
        self.entered = 0
        self.shards: list[Shard] = []
        self.worked: list[Track] = []
        self.options: Options | None = None

    @property
    def info(self) -> EngineInfo:
        return replace(SCRIPTED_INFO, digest="sha256:0")

    async def __aenter__(self) -> Self:
        self.entered += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.entered -= 1

    async def run(
        self, shards: Sequence[Shard], options: Options
    ) -> AsyncGenerator[TrackEvent, None]:
        assert self.entered == 1
        self.options = options
        for shard in shards:
            self.shards.append(shard)
            for track in shard.tracks:
                self._before(track)
                self.worked.append(track)
                for event in events_of(track):
                    yield event


def events_of(track: Track) -> list[TrackEvent]:
    """What transcribing a track tells."""
    try:
        words = track.path.read_text().split()
    except OSError as error:
        return [TrackFailed(track, f"{track.path} cannot be read: {error.strerror}")]
    kind = words[0] if words else ""
    if kind == "bad":
        return [TrackFailed(track, f"{track.path} is not a recording")]
    segments = tuple(spoken(number, word) for number, word in enumerate(words, start=1))
    duration = len(words) * SAMPLE_RATE
    moves: list[TrackEvent] = [
        TrackProgress(track, second * SAMPLE_RATE, duration) for second in range(len(words))
    ]
    if kind == "broken":
        return [*moves, TrackFailed(track, f"{track.path} breaks off", segments)]
    return [*moves, TrackTranscribed(track, segments, duration)]


def spoken(number: int, text: str) -> RecordingSegment:
    """A segment of one word, in its own second."""
    start, end = (number - 1) * SAMPLE_RATE, number * SAMPLE_RATE
    return RecordingSegment(number, start, end, (Word(text, start, end, 0.5),), "fr")


class WatcherLog:
    """A watcher that writes down what it is told."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.moves: list[tuple[float, float | None]] = []
        self.outcomes: list[Outcome] = []

    def planned(self, job_plan: Plan, progress: Progress) -> None:
        self.plans.append(job_plan)

    def moved(self, progress: Progress) -> None:
        self.moves.append((progress.position.done, progress.position.total))

    def settled(self, outcome: Outcome, progress: Progress) -> None:
        self.outcomes.append(outcome)


def recordings_in(folder: Path, texts: dict[str, str]) -> list[Document]:
    """Files that say these texts, by name, as documents that become ``texts/NAME.txt``."""
    found = []
    for name, text in texts.items():
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        found.append(Found(path, PurePath(name)))
    return documents_of(found, Wishes(folder / "texts", ("txt",)), probe=no_probe)


def no_probe(path: Path) -> MediaInfo:
    raise AssertionError(f"{path} need not be opened")


def job_of(folder: Path, documents: Sequence[Document], **changes: object) -> Job:
    """A job that writes into ``texts``, with its report."""
    job = Job(
        folder=folder / "texts",
        documents=tuple(documents),
        asked=ASKED,
        options=Options(),
        profile=WEB,
        report=folder / "texts" / "report.json",
    )
    return replace(job, **changes)  # type: ignore[arg-type]


async def run_job(
    job: Job, executor: ScriptedExecutor | None = None, watcher: WatcherLog | None = None
) -> Report:
    """Run a job to its end."""
    executor = executor or ScriptedExecutor()
    run = JobRun(job, lambda _: executor, watcher or WatcherLog(), clock=ManualClock())
    return await run.run()


def texts_in(folder: Path) -> dict[str, str]:
    """The transcripts below a folder, by path."""
    return {
        str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.txt"))
    }
