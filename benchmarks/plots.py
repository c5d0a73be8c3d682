"""Plots of result files: latency, errors and cost against the number of tracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from figures import CAPACITY_DISPLAYED_P50, CAPACITY_FINALISED_P95, Run

if TYPE_CHECKING:
    from endurance_figures import Course
    from matplotlib.axes import Axes

LATENCIES = (
    ("displayed", "p50", "C0", "-"),
    ("displayed", "p90", "C0", "--"),
    ("stable", "p50", "C1", "-"),
    ("stable", "p95", "C1", "--"),
    ("finalised", "p50", "C2", "-"),
    ("finalised", "p95", "C2", "--"),
)
LIMITS = ((CAPACITY_DISPLAYED_P50, "C0"), (CAPACITY_FINALISED_P95, "C2"))


def plot_runs(path: Path, runs: Sequence[Run], *, title: str) -> None:
    """Write a PNG: latencies against tracks on the left, errors and CPU on the right.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    latency, cost = figure.subplots(1, 2)
    figure.suptitle(title)
    _plot_latencies(latency, runs)
    _plot_cost(cost, runs)
    figure.savefig(path, dpi=120)


def plot_course(path: Path, course: Course) -> None:
    """Write a PNG: latencies and memory of a long session against its minutes.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    at = [(bucket.start + bucket.end) / 120 for bucket in course.buckets]
    for name, colour, line in (
        ("displayed_p50", "C0", "-"),
        ("displayed_p90", "C0", "--"),
        ("stable_p50", "C1", "-"),
        ("finalised_p50", "C2", "-"),
        ("finalised_p95", "C2", "--"),
    ):
        values = [getattr(bucket, name) for bucket in course.buckets]
        axes.plot(at, values, line, color=colour, marker="o", label=name.replace("_", " "))
    axes.set_xlabel("minutes")
    axes.set_ylabel("seconds after the end of the word")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    memory = axes.twinx()
    memory.plot(at, [bucket.memory for bucket in course.buckets], color="C7", label="MiB")
    memory.set_ylim(bottom=0)
    memory.set_ylabel("MiB")
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=120)


def _plot_latencies(axes: Axes, runs: Sequence[Run]) -> None:
    for name, percentile, colour, line in LATENCIES:
        values = [getattr(getattr(run.summary, name), percentile) for run in runs]
        axes.plot(values, line, color=colour, marker="o", label=f"{name} {percentile}")
    for limit, colour in LIMITS:
        axes.axhline(limit, color=colour, linewidth=0.8, linestyle=":")
    axes.set_ylabel("seconds after the end of the word")
    axes.set_ylim(bottom=0)
    _finish(axes, runs)


def _plot_cost(axes: Axes, runs: Sequence[Run]) -> None:
    errors = [100 * run.summary.wer for run in runs]
    axes.plot(errors, color="C3", marker="o", label="word errors, %")
    axes.set_ylabel("%")
    axes.set_ylim(bottom=0)
    shares = axes.twinx()
    shares.plot([run.cpu_share for run in runs], color="C4", marker="s", label="CPU s a second")
    shares.set_ylim(bottom=0)
    shares.set_ylabel("CPU s a second")
    shares.legend(loc="lower right")
    _finish(axes, runs)


def _finish(axes: Axes, runs: Sequence[Run]) -> None:
    # As far apart as they stand in the list: runs double, and lines do not bend for it.
    axes.set_xticks(range(len(runs)), [str(run.tracks) for run in runs])
    axes.set_xlabel("tracks")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
