"""``captioner transcribe``: recordings to subtitle and text files, without a server."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from captioner.batch.executor import Executor
from captioner.batch.journal import Journal
from captioner.batch.report import Report
from captioner.batch.run import Job, JobRun, plan_job
from captioner.cli.exits import ExitCode, Failed
from captioner.cli.files import spooled_input
from captioner.cli.interrupts import finishing_on_interrupt
from captioner.cli.job_display import summary, told, watching
from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.terminal import messages, output
from captioner.cli.transcribing import STANDARD, Request, check, job_of
from captioner.cli.transcripts import KINDS
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.errors import InvalidRequest
from captioner.subtitles.profiles import PROFILES

MOST_TOLD = 20  # failures that are listed at the end; the report has them all

EXAMPLES = """\
captioner transcribe talk.mp3                                 talk.vtt, here
captioner transcribe archive --output-dir texts               a folder, with what is below it
captioner transcribe 'archive/**/*.mp3' --output-dir texts    what a pattern matches
captioner transcribe council.mp4 --format vtt,ttml,json --profile arcom
captioner transcribe claire.flac julien.flac --meeting budget --offset julien.flac=12.5
captioner transcribe call.wav --split-channels --speaker call.wav=Anne --speaker call.wav=Luc
captioner transcribe visit.wav --model small --key-term ANCT --key-term "Mme Lefèvre"
ffmpeg -i rtsp://camera -f ogg - | captioner transcribe - --name camera"""


def kinds_of(
    ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """The formats, each once, whether repeated or with commas between them.

    Raises:
        click.BadParameter: one of them is unknown.
    """
    kinds = [kind.strip().lower() for text in value for kind in text.split(",")]
    for kind in kinds:
        if kind not in KINDS:
            known = ", ".join(KINDS)
            raise click.BadParameter(f"{kind!r} is none of {known}", ctx=ctx, param=parameter)
    return tuple(dict.fromkeys(kinds))


def audio_track_of(ctx: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """The number of an audio track; None for all.

    Raises:
        click.BadParameter: it is neither.
    """
    if value == "all":
        return None
    if not (value.isascii() and value.isdigit()):
        raise click.BadParameter(
            f"{value!r} is neither a number from 0 nor all", ctx=ctx, param=parameter
        )
    return int(value)


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(allow_dash=True)
)
@click.option(
    "--format",
    "kinds",
    multiple=True,
    default=("vtt",),
    show_default=True,
    metavar="NAME",
    callback=kinds_of,
    help=f"What to write: {', '.join(KINDS)}; several with commas, or repeated.",
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="web",
    show_default=True,
    help="How subtitles are laid out.",
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="here",
    help="Where to write; made when it is not there. Files of folders and patterns keep their "
    "place below it.",
)
@click.option("--name", default="", help="Name of the transcript of - (standard input).")
@click.option(
    "--meeting", default="", metavar="NAME", help="All FILEs are tracks of one meeting: NAME.vtt."
)
@click.option(
    "--speaker",
    "speakers",
    multiple=True,
    metavar="FILE=NAME",
    help="Who speaks in a file; again for its next track. [default: after the file's name]",
)
@click.option(
    "--offset",
    "offsets",
    multiple=True,
    metavar="FILE=SECONDS",
    help="When a file began, after the start of the meeting; may be repeated.",
)
@click.option(
    "--audio-track",
    default="0",
    show_default=True,
    metavar="N|all",
    callback=audio_track_of,
    help="Audio track of each file, counted from 0; all: each is a speaker.",
)
@click.option("--split-channels", is_flag=True, help="Each channel is a speaker.")
@click.option(
    "--key-term",
    "key_terms",
    multiple=True,
    metavar="TEXT",
    help="A name or acronym to recognise; may be repeated.",
)
@click.option("--overwrite", is_flag=True, help="Do again what was done before.")
@click.option("--skip-existing", is_flag=True, help="Leave out what has all its files already.")
@click.option(
    "--resume/--no-resume",
    default=True,
    help="Keep a record in the output folder, from which an interrupted run goes on. "
    "[default: --resume]",
)
@click.option(
    "--keep-partial", is_flag=True, help="Write what could be read of a recording that breaks off."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON about the run. [default: report.json in --output-dir, if that is given]",
)
@click.option(
    "--cluster", default="", metavar="ADDRESS", help="Work on a Ray cluster (extra `cluster`)."
)
@click.option("--dry-run", is_flag=True, help="Show what would be done; needs no model.")
@click.option("--quiet", is_flag=True, help="Tell nothing but failures.")
@settings_options("language", "Model", "final_beam_size", "final_window")
def transcribe(settings: Settings, **chosen: Any) -> None:  # noqa: ANN401 - the fields of Request
    """Transcribe recordings with the model on this machine; no server is needed.

    FILE is a recording, a folder, a pattern in quotes such as 'talks/**/*.mp3', or - for standard
    input. Reads whatever has an audio track: wav, flac, mp3, ogg, m4a, mp4, mkv, webm... talk.mp3
    becomes talk.vtt; a file of that name is replaced.

    A recording that cannot be read does not stop the others: it is told at the end and in the
    report, and the exit code is 1. A run that was interrupted goes on when it is started again
    with the same options.
    """
    from captioner.logs import configure

    configure("warning", settings.log_format)
    request = Request(**chosen)
    with ExitStack() as stack:
        try:
            check(request)
            spooled = None
            if STANDARD in request.files:
                spooled = stack.enter_context(spooled_input(request.name or "stdin"))
            job = job_of(request, settings, standard_input=spooled)
        except InvalidRequest as error:
            raise click.UsageError(str(error)) from None
        if request.dry_run:
            show_plan(job, standard_input=spooled)
        else:
            report = asyncio.run(transcribe_job(job, request, settings))
            conclude(job, report, quiet=request.quiet, standard_input=spooled)


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
