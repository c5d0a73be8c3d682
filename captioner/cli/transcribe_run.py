"""A job of `captioner transcribe`: shown, run, and told of at the end."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import click

from captioner.batch.executor import Executor
from captioner.batch.journal import Journal
from captioner.batch.report import Report
from captioner.batch.run import Job, JobRun, plan_job
from captioner.cli.exits import ExitCode, Failed
from captioner.cli.interrupts import finishing_on_interrupt
from captioner.cli.job_display import summary, told, watching
from captioner.cli.terminal import messages, output
from captioner.cli.transcribing import Request
from captioner.clock import SystemClock
from captioner.config import Settings

MOST_TOLD = 20  # failures that are listed at the end; the report has them all


def show_plan(job: Job, *, standard_input: Path | None = None) -> None:
    """Print what would be done, a line for each document.

    Args:
        job: that is not done.
        standard_input: the file that stands for it; nobody knows it by that name.
    """
    job_plan = plan_job(job)
    console = output()
    lines = [*told(job_plan), *job.problems]
    lines += [f"kept: {', '.join(map(str, each.outputs))}" for each in job_plan.kept]
    for each in job_plan.work:
        missing = [source.path for source in each.sources if source.size < 0]
        lines += [f"{path} cannot be read" for path in dict.fromkeys(missing)]
        sources = ", ".join(dict.fromkeys(source.path for source in each.sources))
        if standard_input is not None:
            sources = sources.replace(str(standard_input), "standard input")
        lines.append(f"{sources} -> {', '.join(map(str, each.document.outputs))}")
    lines.append(f"{len(job_plan.work):,} to do")
    console.print("\n".join(lines), markup=False, soft_wrap=True)


async def transcribe_job(job: Job, request: Request, settings: Settings) -> Report:
    """Run a job; Ctrl-C stops it in good order, and a second one at once.

    Returns:
        What became of it, with `stopped` set if it was interrupted.

    Raises:
        CaptionerError: the job cannot be done, or not go on.
    """

    def make_executor(journal: Journal | None) -> Executor:
        return executor_of(request.cluster, settings, journal)

    console = messages()
    time = SystemClock()
    with watching(console, time, quiet=request.quiet) as watcher:
        run = JobRun(job, make_executor, watcher, clock=time)
        with finishing_on_interrupt() as stop:
            working = asyncio.create_task(run.run())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not working.done():
                leave_at_once_on_interrupt()
                working.cancel()
        try:
            return await working
        except asyncio.CancelledError:
            return run.report(stopped="interrupted")


def executor_of(cluster: str, settings: Settings, journal: Journal | None) -> Executor:
    """What does the work: this process, or a cluster."""
    if cluster:
        from captioner.batch.cluster import RayExecutor

        return RayExecutor(settings, address=cluster)
    from captioner.batch.local import LocalExecutor

    return LocalExecutor(settings, journal=journal)


def leave_at_once_on_interrupt() -> None:
    """From now on Ctrl-C ends the process where it is: what is on disk is whole at any time."""

    def leave(*_: object) -> None:
        messages().show_cursor()
        os._exit(ExitCode.INTERRUPTED)

    signal.signal(signal.SIGINT, leave)


def conclude(
    job: Job, report: Report, *, quiet: bool = False, standard_input: Path | None = None
) -> None:
    """Tell how it went, and end as it deserves.

    Args:
        job: that ended.
        report: what became of it.
        quiet: whether only failures are told.
        standard_input: the file that stood for it; nobody knows it by that name.

    Raises:
        Failed: a document could not be done.
        click.exceptions.Exit: it was interrupted.
    """
    console = messages()
    if not quiet:
        console.print(summary(report), markup=False, soft_wrap=True)
    if report.stopped:
        again = "goes on from there" if job.resume else "starts over"
        console.print(f"interrupted: the same command {again}", markup=False, soft_wrap=True)
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
    if failures := report.failures:
        if standard_input is not None:
            failures = [line.replace(str(standard_input), "standard input") for line in failures]
        raise Failed("\n".join(told_failures(failures, report, job.report)))


def told_failures(failures: list[str], report: Report, path: Path | None) -> list[str]:
    """What could not be done, and why, a line each."""
    documents = len(report.outcomes) + len(report.problems)
    lines = [f"{len(failures):,} of {documents:,} could not be transcribed:", *failures[:MOST_TOLD]]
    if len(failures) > MOST_TOLD:
        where = f": {path} has them all" if path else ""
        lines.append(f"and {len(failures) - MOST_TOLD:,} more{where}")
    return lines
