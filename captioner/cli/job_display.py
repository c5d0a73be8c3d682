"""A job on the terminal: one bar for the whole, one for each file in work; lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from captioner.batch.progress import Position, Progress
from captioner.batch.report import Fate, Outcome, Report
from captioner.batch.resume import Plan
from captioner.batch.run import Watcher
from captioner.cli.display import clock
from captioner.clock import Clock

SHOWN = 8  # files in work that have a bar of their own
EVERY = 30.0  # seconds between two lines about the whole job, where there are no bars
REDRAW = 0.1  # seconds between two states of the bars
FIRST = 5.0  # seconds of audio, before which a rate means nothing


@contextmanager
def watching(console: Console, time: Clock, *, quiet: bool = False) -> Iterator[Watcher]:
    """Bars on a terminal, lines elsewhere, or nothing."""
    if quiet:
        yield QuietWatcher()
    elif not console.is_terminal:
        yield PlainWatcher(console, time)
    else:
        bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[position]}", markup=False),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        with bars:
            yield BarWatcher(bars, time)


class QuietWatcher:
    """Tells nothing."""

    def planned(self, job_plan: Plan, progress: Progress) -> None:
        """Nothing."""

    def moved(self, progress: Progress) -> None:
        """Nothing."""

    def settled(self, outcome: Outcome, progress: Progress) -> None:
        """Nothing."""


class PlainWatcher:
    """A line for each document that is done, and now and then one about the whole job."""

    def __init__(self, console: Console, time: Clock) -> None:
        self._console = console
        self._time = time
        self._began = self._told = time.monotonic()
        self._settled = self._total = 0

    def planned(self, job_plan: Plan, progress: Progress) -> None:
        """What was done before, and why it is perhaps done again."""
        del progress
        self._began = self._told = self._time.monotonic()
        self._settled = len(job_plan.kept)
        self._total = len(job_plan.kept) + len(job_plan.work)
        for line in told(job_plan):
            self._print(line)

    def moved(self, progress: Progress) -> None:
        """A line, if the last one is long ago."""
        if self._time.monotonic() - self._told >= EVERY:
            self._print(self._status(progress))

    def settled(self, outcome: Outcome, progress: Progress) -> None:
        """What was written. Failures are told at the end, all together."""
        del progress
        self._settled += 1
        if outcome.fate is Fate.DONE:
            written = ", ".join(str(path) for path in outcome.outputs)
            words = "1 word" if outcome.words == 1 else f"{outcome.words:,} words"
            self._print(f"{outcome.document.name}: {clock(outcome.seconds)}, {words}; {written}")

    def _status(self, progress: Progress) -> str:
        elapsed = self._time.monotonic() - self._began
        return status(self._settled, self._total, progress.position, elapsed)

    def _print(self, text: str) -> None:
        self._told = self._time.monotonic()
        self._console.print(text, markup=False, soft_wrap=True)


class BarWatcher(PlainWatcher):
    """Bars, with the lines of those that are done above."""

    def __init__(self, bars: Bars, time: Clock) -> None:
        super().__init__(bars.console, time)
        self._bars = bars
        self._drawn = float("-inf")
        self._job: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}

    def planned(self, job_plan: Plan, progress: Progress) -> None:
        """The bar of the job."""
        super().planned(job_plan, progress)
        if job_plan.work:
            self._job = self._bars.add_task("", total=None, position="")
            self._draw(progress)

    def moved(self, progress: Progress) -> None:
        """Move the bars, unless they were moved just now."""
        if self._time.monotonic() - self._drawn >= REDRAW:
            self._draw(progress)

    def settled(self, outcome: Outcome, progress: Progress) -> None:
        """Replace its bar by its line."""
        super().settled(outcome, progress)
        self._draw(progress)

    def _draw(self, progress: Progress) -> None:
        self._drawn = self._time.monotonic()
        working = {document.name: at for document, at in progress.working()[:SHOWN]}
        for name in [name for name in self._tasks if name not in working]:
            self._bars.remove_task(self._tasks.pop(name))
        for name, at in working.items():
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=None, position="")
            total = clock(at.total) if at.total is not None else "?"
            self._bars.update(
                self._tasks[name],
                completed=at.done,
                total=at.total,
                position=f"{clock(at.done)} / {total}",
            )
        if self._job is not None:
            at = progress.position
            count, _, rest = self._status(progress).partition(" · ")
            self._bars.update(
                self._job, description=count, completed=at.done, total=at.total, position=rest
            )
        self._bars.refresh()


def told(job_plan: Plan) -> list[str]:
    """What people should know before a job works."""
    lines = []
    if job_plan.kept:
        total = len(job_plan.kept) + len(job_plan.work)
        lines.append(f"{len(job_plan.kept):,} of {total:,} were done before and are kept")
    if job_plan.changed:
        lines.append(f"done again, because of other options: {', '.join(job_plan.changed)}")
    if job_plan.resumed:
        lines.append("the interrupted job goes on")
    return lines


def status(settled: int, total: int, position: Position, elapsed: float) -> str:
    """``12 of 10,000 · 3:12:45 of 120:00:00 · 38.2 x · 1:52:10 left``."""
    parts = [f"{settled:,} of {total:,}"]
    whole = f" of {clock(position.total)}" if position.total is not None else ""
    parts.append(f"{clock(position.done)}{whole}")
    if elapsed > 0 and position.done >= FIRST:
        rate = position.done / elapsed
        parts.append(f"{rate:.1f} x")
        if position.total is not None:
            parts.append(f"{clock((position.total - position.done) / rate)} left")
    return " · ".join(parts)


def summary(report: Report) -> str:
    """The line that ends a job."""
    counts = {fate.value: report.count(fate) for fate in Fate}
    text = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    if report.audio_seconds:
        text += (
            f"; {clock(report.audio_seconds)} of audio in {clock(report.wall_seconds)}, "
            f"{report.rate:.1f} times as fast as listening"
        )
    return text
