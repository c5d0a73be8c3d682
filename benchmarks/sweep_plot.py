"""Plots of a sweep: word errors against latency, and cost against latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from sweep import Point


def plot_sweep(path: Path, points: Sequence[Point], *, best: Sequence[Point]) -> None:
    """Write a PNG: a panel for each figure, a colour for each number of talkers.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.5), layout="constrained")
    errors, cost = figure.subplots(1, 2)
    counts = sorted({point.tracks for point in points})
    for index, tracks in enumerate(counts):
        colour = f"C{index}"
        for point in (point for point in points if point.tracks == tracks):
            full = point in best
            _mark(errors, point, 100 * point.summary.wer, colour=colour, full=full)
            _mark(cost, point, point.cost, colour=colour, full=full)
        for axes in (errors, cost):
            axes.plot([], [], "o", color=colour, label=f"{tracks} talking")
    errors.set_ylabel("word errors, %")
    cost.set_ylabel("seconds of a worker for a second of talk")
    for axes in (errors, cost):
        axes.set_xlabel("displayed, median: seconds after the end of the word")
        axes.grid(alpha=0.3)
        axes.legend(loc="best")
    figure.savefig(path, dpi=120)


def _mark(axes: Axes, point: Point, value: float, *, colour: str, full: bool) -> None:
    """A point: full where no other is better in everything, a star for what is shipped."""
    shipped = point.policy.name == "shipped"
    at = point.summary.displayed.p50
    fill = colour if full or shipped else "none"
    axes.plot([at], [value], "*" if shipped else "o", color=colour, markerfacecolor=fill)
    if full and not shipped:
        axes.annotate(point.policy.name, (at, value), fontsize=6, alpha=0.8)
