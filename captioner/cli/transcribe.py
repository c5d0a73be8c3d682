"""``captioner transcribe``: recordings to subtitle and text files, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from captioner import __version__
from captioner.cli.display import clock
from captioner.cli.exits import Failed
from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.terminal import messages
from captioner.cli.transcribing import Failure, Job, Watcher, plan, transcribe_all
from captioner.cli.transcripts import KINDS
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.errors import InvalidRequest
from captioner.subtitles.cues import Provenance

EXAMPLES = """\
captioner transcribe talk.mp3
captioner transcribe *.wav --format vtt --format json --output-dir texts
captioner transcribe council.mp4 --model small --key-term ANCT --key-term "Mme Lefèvre\""""


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path),
)
@click.option(
    "--format",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    default=("vtt",),
    show_default=True,
    help="What to write; may be repeated.",
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="here",
    help="Where to write; made when it is not there.",
)
@click.option(
    "--key-term",
    "key_terms",
    multiple=True,
    metavar="TEXT",
    help="A name or acronym to recognise; may be repeated.",
)
@settings_options("language", "Model", "final_beam_size", "final_window")
def transcribe(
    settings: Settings,
    *,
    files: tuple[Path, ...],
    kinds: tuple[str, ...],
    output_dir: Path,
    key_terms: tuple[str, ...],
) -> None:
    """Transcribe recordings with the model on this machine; no server is needed.

    Reads whatever has an audio track: wav, flac, mp3, ogg, m4a, mp4, webm... talk.mp3 becomes
    talk.vtt; a file of that name is replaced. A recording that cannot be read does not stop the
    others: it is told at the end, and the exit code is 1.
    """
    from captioner.logs import configure

    configure("warning", settings.log_format)
    try:
        jobs = plan(list(dict.fromkeys(files)), dict.fromkeys(kinds), output_dir)
    except InvalidRequest as error:
        raise click.UsageError(str(error)) from None
    failures = asyncio.run(_transcribe(settings, jobs, key_terms))
    if failures:
        lines = [f"{len(failures)} of {len(jobs)} could not be transcribed:"]
        raise Failed("\n".join([*lines, *(described(failure) for failure in failures)]))


def described(failure: Failure) -> str:
    """One line; the name of the file stands in it once."""
    named = str(failure.source) in failure.reason
    return failure.reason if named else f"{failure.source}: {failure.reason}"


async def _transcribe(
    settings: Settings, jobs: list[Job], key_terms: tuple[str, ...]
) -> list[Failure]:
    from captioner.service import CaptionService

    service = CaptionService(settings, offline=True)
    async with service:
        info = service.info
        with watching(messages()) as watcher:
            return await transcribe_all(
                service,
                jobs,
                watcher,
                provenance=Provenance(__version__, info.model, info.digest),
                key_terms=key_terms,
                clock=SystemClock(),
            )


@contextmanager
def watching(console: Console) -> Iterator[Watcher]:
    """A bar for each recording on a terminal, a line for each elsewhere."""
    if not console.is_terminal:
        yield PlainWatcher(console)
        return
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        Position(),
        Rate(),
        console=console,
        auto_refresh=False,
    )
    with bars:
        yield BarWatcher(bars)


class Position(ProgressColumn):
    """How much of the recording is done."""

    def render(self, task: Task) -> Text:
        """``01:07 / 03:04``."""
        total = clock(task.total) if task.total else "?"
        return Text(f"{clock(task.completed)} / {total}")


class Rate(ProgressColumn):
    """How much faster than listening, and what remains."""

    def render(self, task: Task) -> Text:
        """``12.3 x  00:10 left``."""
        if not task.elapsed or not task.completed:
            return Text("")
        text = f"{task.completed / task.elapsed:.1f} x"
        if task.total and not task.finished:
            left = (task.total - task.completed) * task.elapsed / task.completed
            text += f"  {clock(left)} left"
        return Text(text, style="dim")


class PlainWatcher:
    """A line for each recording when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, source: Path, seconds: float | None) -> None:
        """Nothing yet."""

    def advance(self, done: float, total: float | None) -> None:
        """Nothing yet."""

    def finish(self, job: Job, seconds: float, *, took: float) -> None:
        """What it was, how long it took, and what was written."""
        written = ", ".join(str(path) for path in job.outputs)
        rate = f", {seconds / took:.1f} times as fast as listening" if took else ""
        self._print(f"{job.source}: {clock(seconds)} in {took:.1f} s{rate}; wrote {written}")

    def fail(self, failure: Failure) -> None:
        """The reason."""
        self._print(described(failure))

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


class BarWatcher(PlainWatcher):
    """A bar for the recording at work, with the lines of those before it above."""

    def __init__(self, bars: Progress) -> None:
        super().__init__(bars.console)
        self._bars = bars
        self._task: TaskID | None = None

    def begin(self, source: Path, seconds: float | None) -> None:
        """Put its bar in place of the last one's."""
        self._remove()
        self._task = self._bars.add_task(source.name, total=seconds)
        self._bars.refresh()

    def advance(self, done: float, total: float | None) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total, refresh=True)

    def finish(self, job: Job, seconds: float, *, took: float) -> None:
        """Replace the bar by a line."""
        self._remove()
        super().finish(job, seconds, took=took)

    def fail(self, failure: Failure) -> None:
        """Replace the bar by the reason."""
        self._remove()
        super().fail(failure)

    def _remove(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
