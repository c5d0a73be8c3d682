"""Showing how a pull goes: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars

from captioner.models.sources import Progress

STEP = 10  # per cent between two lines of plain progress


class PlainProgress:
    """Lines for a log: one every tenth of each file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: dict[str, int] = {}

    def advance(self, label: str, done: int, total: int) -> None:
        """Print a line when another tenth is there; small files get one line at their end."""
        step = done * 100 // (total * STEP)
        if step > self._shown.get(label, 0):
            self._shown[label] = step
            self.note(f"{label}: {step * STEP} % of {total / 1e6:.1f} MB")

    def note(self, line: str) -> None:
        """Print the line."""
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class BarProgress:
    """One bar for each file, with its speed and the time it still takes."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def advance(self, label: str, done: int, total: int) -> None:
        """Move the bar of the file."""
        if label not in self._tasks:
            self._tasks[label] = self._bars.add_task(label, total=total)
        self._bars.update(self._tasks[label], completed=done)

    def note(self, line: str) -> None:
        """Print the line above the bars."""
        self._bars.console.print(line, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def pull_progress(console: Console | None = None) -> Iterator[Progress]:
    """Progress for the length of a pull, on standard error unless told otherwise."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield PlainProgress(console)
        return
    with Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        yield BarProgress(bars)
