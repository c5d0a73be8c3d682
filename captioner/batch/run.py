"""Runs a job: plans it, hands its shards to an executor, writes each document when it is complete.

    candidates ──plan──▶ shards ──▶ Executor ──events──▶ documents ──▶ files, then the manifest

A document is noted as done only when its files are on the disk. Whatever ends the job, its record
says what the next one need not do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, assert_never

from captioner import __version__
from captioner.asr.engine import EngineInfo
from captioner.batch.collector import Collector, samples_of
from captioner.batch.executor import Executor
from captioner.batch.files import (
    remove_staged,
    sampled_digest,
    write_whole,
)
from captioner.batch.job import (
    Document,
    Options,
    TrackEvent,
    TrackFailed,
    TrackProgress,
    TrackTranscribed,
)
from captioner.batch.journal import Journal
from captioner.batch.lock import locked
from captioner.batch.manifest import Asked, Entry, History, Manifest
from captioner.batch.progress import Progress
from captioner.batch.record import Record
from captioner.batch.report import Fate, Outcome, Report
from captioner.batch.resume import Candidate, Plan, plan
from captioner.clock import Clock
from captioner.errors import EngineFault
from captioner.subtitles.cues import Provenance
from captioner.subtitles.profiles import Profile
from captioner.transcription.pipeline import in_thread

MakeExecutor = Callable[[Journal | None], Executor]
"""Builds what works on the shards; it may keep its batches in the journal."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done, and how."""

    folder: Path
    """Where the outputs go, and what is known of earlier jobs."""
    documents: tuple[Document, ...]
    asked: Asked
    options: Options
    profile: Profile
    resume: bool = True
    """Whether a record is kept in the folder, and an interrupted job goes on."""
    overwrite: bool = False
    """Whether documents are done again that are done."""
    skip_existing: bool = False
    """Whether documents whose files are all there count as done, whoever wrote them."""
    keep_record: bool = True
    """Whether the record stays when all is done."""
    report: Path | None = None
    problems: tuple[str, ...] = ()
    """What went wrong before, for the report."""


class Watcher(Protocol):
    """Who is told how it goes."""

    def planned(self, job_plan: Plan, progress: Progress) -> None:
        """What will be done is known."""
        ...

    def moved(self, progress: Progress) -> None:
        """Some track is further than before."""
        ...

    def settled(self, outcome: Outcome, progress: Progress) -> None:
        """A document is done or failed."""
        ...


def plan_job(job: Job) -> Plan:
    """What a job would do now; nothing is written.

    Raises:
        InvalidRequest: the manifest of the folder cannot be used.
        OSError: it cannot be read.
    """
    history = Manifest(job.folder).read() if job.resume else History()
    if job.overwrite:
        names = {document.name for document in job.documents}
        others = {name: entry for name, entry in history.entries.items() if name not in names}
        history = History(others, history.asked)
    return plan(
        [Candidate.of(document) for document in job.documents],
        history,
        job.asked,
        folder=job.folder,
        digest_of=sampled_digest,
        skip_existing=job.skip_existing,
    )


class JobRun:
    """One run of a job."""

    def __init__(
        self, job: Job, make_executor: MakeExecutor, watcher: Watcher, *, clock: Clock
    ) -> None:
        self._job = job
        self._make_executor = make_executor
        self._watcher = watcher
        self._clock = clock
        self._began = clock.monotonic()
        self._started = clock.wall()
        self._outcomes: dict[str, Outcome] = {}
        self._info: EngineInfo | None = None

    async def run(self) -> Report:
        """Do what is to be done; failures of single documents do not stop it.

        The report file is written however it ends.

        Raises:
            FolderInUse: another job is working in the folder.
            FolderUnusable: nothing more can be written.
            InvalidRequest: the manifest of the folder cannot be used.
            ModelError: the model is missing, incomplete or altered.
            Unavailable: what does the work is gone.
            OSError: the folder cannot be used at all, or the report not be written.
        """
        job = self._job
        job.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            if job.resume:
                stack.enter_context(locked(job.folder))
            job_plan = plan_job(job)
            self._outcomes |= {
                each.name: kept(each, job_plan.history.entries.get(each.name))
                for each in job_plan.kept
            }
            stack.enter_context(self._reporting())
            record = stack.enter_context(Record(job.folder)) if job.resume else None
            progress = Progress((each.document, each.extents()) for each in job_plan.work)
            self._watcher.planned(job_plan, progress)
            if job_plan.work:
                await self._work(job_plan, record, progress)
            all_done = all(each.fate is not Fate.FAILED for each in self._outcomes.values())
            if record is not None and all_done and not job.keep_record:
                record.remove()
        return self.report()

    def report(self, *, stopped: str = "") -> Report:
        """What became of it, so far."""
        outcomes = {each.name: Outcome(each, Fate.WAITING) for each in self._job.documents}
        return Report(
            outcomes=tuple((outcomes | self._outcomes).values()),
            info=self._info,
            started=self._started,
            wall_seconds=self._clock.monotonic() - self._began,
            stopped=stopped,
            problems=self._job.problems,
        )

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            interrupted = isinstance(error, asyncio.CancelledError | KeyboardInterrupt)
            with suppress(OSError):  # of the two errors, the one that stopped the job matters
                self._write_report("interrupted" if interrupted else str(error))
            raise
        self._write_report()

    def _write_report(self, stopped: str = "") -> None:
        if self._job.report is not None:
            write_whole(self._job.report, self.report(stopped=stopped).render())

    async def _work(self, job_plan: Plan, record: Record | None, progress: Progress) -> None:
        remove_staged(output for each in job_plan.work for output in each.document.outputs)
        if record is not None:
            record.begin(job_plan.history)
        async with self._make_executor(record.journal if record else None) as executor:
            self._info = executor.info
            collector = self._collector(job_plan, record, executor.info)
            async with aclosing(executor.run(job_plan.shards, self._job.options)) as events:
                async for event in events:
                    await self._take(event, collector, progress)
        missing = len(self._job.documents) - len(self._outcomes)
        if missing:
            raise EngineFault(f"{missing} of {len(self._job.documents)} got no answer")
        if record is not None:
            record.end()

    async def _take(self, event: TrackEvent, collector: Collector, progress: Progress) -> None:
        match event:
            case TrackProgress():
                progress.move(event.track, event.transcribed, event.duration)
                self._watcher.moved(progress)
            case TrackTranscribed() | TrackFailed():
                progress.end(event.track, samples_of(event))
                if (complete := collector.take(event)) is None:
                    return
                outcome = await in_thread(lambda: collector.conclude(*complete))
                self._outcomes[outcome.document.name] = outcome
                self._watcher.settled(outcome, progress)
            case _:
                assert_never(event)

    def _collector(self, job_plan: Plan, record: Record | None, info: EngineInfo) -> Collector:
        return Collector(
            job_plan,
            self._job.folder,
            provenance=Provenance(__version__, info.model, info.digest),
            profile=self._job.profile,
            keep_partial=self._job.asked.keep_partial,
            record=record,
        )


def kept(document: Document, entry: Entry | None) -> Outcome:
    """A document that was done before, with what is known of it."""
    outcome = Outcome(document, Fate.KEPT, document.outputs)
    if entry is None:
        return outcome
    return replace(outcome, seconds=entry.seconds, words=entry.words, speakers=entry.speakers)
