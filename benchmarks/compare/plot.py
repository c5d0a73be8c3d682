"""Plots of a comparison: latency against the number of tracks, errors against latency."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import CAPACITY_DISPLAYED_P50, CAPACITY_FINALISED_P95

from compare.results import series
from compare.systems import DEFAULTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Content = dict[str, Any]
LIMITS = {"displayed_p50": CAPACITY_DISPLAYED_P50, "finalised_p95": CAPACITY_FINALISED_P95}
_Plot = Callable[["Axes", str, list[Content], dict[str, Any]], None]
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


def _figure(path: Path, points: list[Content], tracks: str, plot: _Plot) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.5), layout="constrained")
    figure.suptitle(tracks)
    systems = list(series(points, tracks))
    peers = list(dict.fromkeys(_peer(system) for system, _ in systems))
    for axes, name in zip(figure.subplots(1, 2), LIMITS, strict=True):
        for system, entries in systems:
            known = [it for it in entries if it[name] is not None and it["wer"] is not None]
            plot(axes, name, known, _style(system, peers))
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize="x-small")
    figure.savefig(path, dpi=120)


def _peer(system: str) -> str:
    return system.partition(":")[0]


def _style(system: str, peers: list[str]) -> dict[str, Any]:
    """A colour for each peer, broken where it runs at its defaults."""
    line = "--" if system.endswith(DEFAULTS) else "-"
    colour = f"C{peers.index(_peer(system))}"
    return {"label": system, "color": colour, "linestyle": line, "marker": "o"}


def _plot_latency(axes: Axes, name: str, entries: list[Content], style: dict[str, Any]) -> None:
    axes.plot([it["talkers"] for it in entries], [it[name] for it in entries], **style)
    axes.axhline(LIMITS[name], color="black", linewidth=0.8, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("tracks")
    axes.set_ylabel(NAMES[name])


def _plot_errors(axes: Axes, name: str, entries: list[Content], style: dict[str, Any]) -> None:
    """A point for each number of tracks, which stands beside it."""
    axes.plot([it[name] for it in entries], [100 * it["wer"] for it in entries], **style)
    for it in entries:
        place = (it[name], 100 * it["wer"])
        axes.annotate(
            str(it["talkers"]), place, (4, 4), textcoords="offset points", fontsize="x-small"
        )
    axes.axvline(LIMITS[name], color="black", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(NAMES[name])
    axes.set_ylabel("word errors, %")
