"""Tables and plot of what happened beyond capacity."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from figures import CAPACITY_DISPLAYED_P50, CAPACITY_FINALISED_P95
from overload_figures import Figures, Stretch, refused
from reporting import seconds
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: tuple[tuple[str, Callable[[Stretch], str]], ...] = (
    ("in", lambda stretch: str(stretch.admitted)),
    ("refusals", lambda stretch: str(stretch.refusals or "")),
    ("interims every", lambda stretch: seconds(stretch.interval_p50)),
    ("displayed p50", lambda stretch: seconds(stretch.displayed_p50)),
    ("p90", lambda stretch: seconds(stretch.displayed_p90)),
    ("final p50", lambda stretch: seconds(stretch.finalised_p50)),
    ("words lost", lambda stretch: str(stretch.words_lost or "")),
    ("lag told", lambda stretch: seconds(stretch.largest_lag)),
    ("load", lambda stretch: seconds(stretch.load)),
    ("backlog", lambda stretch: seconds(stretch.backlog)),
)


def overload_tables(figures: Figures) -> list[Table]:
    """What happened over time, before and beyond capacity, and to those who were refused."""
    return [_stretches("", figures.buckets), _stretches("all", figures.phases), _sums(figures)]


def _stretches(title: str, stretches: Sequence[Stretch]) -> Table:
    table = Table(title or "s", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name, _ in COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("final p95", justify="right")
    for stretch in stretches:
        name = stretch.name or f"{stretch.start:.0f}"
        cells = [show(stretch) for _, show in COLUMNS]
        late = not stretch.finals_on_time
        mark = Text(seconds(stretch.finalised_p95) + (" !" if late else ""), "red" if late else "")
        table.add_row(name, *cells, mark)
    return table


def _sums(figures: Figures) -> Table:
    table = Table("", "", box=None, padding=(0, 2, 0, 0), show_header=False)
    found = refused(figures.members)
    table.add_row(
        "tracks that were let in", str(sum(m.joined is not None for m in figures.members))
    )
    table.add_row("tracks refused at first", str(found["tracks"]))
    if found["tracks"]:
        statuses = ", ".join(f"{count} x {name}" for name, count in found["by_status"].items())
        table.add_row("  answers", statuses)
        told = ", ".join(f"{value:g} s" for value in found["retry_after"])
        table.add_row("  told to try again after", told)
        table.add_row("  let in later", str(found["got_in_later"]))
        waited = ", ".join(f"{value:g}" for value in found["seconds_until_in"])
        table.add_row("  after so many seconds", waited or "-")
    broken = [
        f"{getattr(figures.losses, name)} {name}"
        for name in figures.losses.__slots__
        if getattr(figures.losses, name)
    ]
    table.add_row("dropped", ", ".join(broken) or "nothing")
    table.add_row("words never final", str(figures.never_final))
    table.add_row("words lost at the end", str(figures.tail))
    errors = figures.words.rate if figures.words.reference else math.nan
    table.add_row("word errors", "-" if math.isnan(errors) else f"{100 * errors:.1f} %")
    table.add_row("CPU s a second", seconds(figures.cpu_share))
    return table


def plot_overload(path: Path, figures: Figures) -> None:
    """Write a PNG: latencies over time above, who is in and how busy the server is below.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    _plot_latencies(above, figures.buckets)
    _plot_load(below, figures.buckets)
    for phase in figures.phases[1:]:
        for axes in (above, below):
            axes.axvline(phase.start, color="grey", linestyle="--", linewidth=1)
    figure.savefig(path, dpi=120)


def _plot_latencies(axes: Axes, buckets: Sequence[Stretch]) -> None:
    at = [(bucket.start + bucket.end) / 2 for bucket in buckets]
    for name, label, colour, line in (
        ("interval_p50", "between interims, p50", "C4", "-"),
        ("displayed_p50", "displayed p50", "C0", "-"),
        ("finalised_p50", "final p50", "C2", "-"),
        ("finalised_p95", "final p95", "C2", "--"),
    ):
        values = [getattr(bucket, name) for bucket in buckets]
        axes.plot(at, values, line, color=colour, marker="o", markersize=3, label=label)
    axes.axhline(CAPACITY_DISPLAYED_P50, color="C0", linewidth=0.8, linestyle=":")
    axes.axhline(CAPACITY_FINALISED_P95, color="C2", linewidth=0.8, linestyle=":")
    axes.set_ylabel("seconds")
    _finish(axes)


def _plot_load(axes: Axes, buckets: Sequence[Stretch]) -> None:
    at = [(bucket.start + bucket.end) / 2 for bucket in buckets]
    axes.step(at, [bucket.admitted for bucket in buckets], where="mid", label="tracks that are in")
    widths = [bucket.end - bucket.start for bucket in buckets]
    refusals = [bucket.refusals for bucket in buckets]
    axes.bar(at, refusals, width=widths, alpha=0.3, color="C3", label="refusals in 10 s")
    axes.set_xlabel("seconds")
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
