"""Plots of a comparison: latency against the number of tracks, errors against latency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import CAPACITY_DISPLAYED_P50, CAPACITY_FINALISED_P95

from compare.results import series

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Content = dict[str, Any]
LIMITS = {"displayed_p50": CAPACITY_DISPLAYED_P50, "finalised_p95": CAPACITY_FINALISED_P95}
NAMES = {"displayed_p50": "displayed p50, s", "finalised_p95": "final p95, s"}


def plot_comparison(stem: Path, points: list[Content], tracks: str) -> list[Path]:
    """Write two PNGs beside a result file.

    Args:
        stem: the result file; its name begins those of the plots.
        points: the entries of the result file.
        tracks: the set that is shown.

    Raises:
        OSError: they cannot be written.
    """
    name = f"{stem.stem}-{tracks.replace(', ', '-').replace(' ', '')}"
    latency, errors = stem.with_name(f"{name}-latency.png"), stem.with_name(f"{name}-errors.png")
    _figure(latency, points, tracks, _plot_latency)
    _figure(errors, points, tracks, _plot_errors)
    return [latency, errors]


def _figure(path: Path, points: list[Content], tracks: str, plot: Any) -> None:  # noqa: ANN401
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    figure.suptitle(tracks)
    for axes, figure_name in zip(figure.subplots(1, 2), LIMITS, strict=True):
        for index, (system, entries) in enumerate(series(points, tracks)):
            known = [it for it in entries if it[figure_name] is not None and it["wer"] is not None]
            plot(axes, figure_name, known, {"label": system, "color": f"C{index}", "marker": "o"})
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def _plot_latency(axes: Axes, name: str, entries: list[Content], style: dict[str, Any]) -> None:
    axes.plot([it["talkers"] for it in entries], [it[name] for it in entries], **style)
    axes.axhline(LIMITS[name], color="black", linewidth=0.8, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("tracks")
    axes.set_ylabel(NAMES[name])


def _plot_errors(axes: Axes, name: str, entries: list[Content], style: dict[str, Any]) -> None:
    """A point for each number of tracks, which stands beside it."""
    axes.plot([it[name] for it in entries], [100 * it["wer"] for it in entries], **style)
    for it in entries:
        axes.annotate(str(it["talkers"]), (it[name], 100 * it["wer"]), fontsize="x-small")
    axes.axvline(LIMITS[name], color="black", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlabel(NAMES[name])
    axes.set_ylabel("word errors, %")
