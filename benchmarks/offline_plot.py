"""A plot of a result file of offline transcription: throughput, and the word errors at it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline_figures import GOAL
from offline_report import name_of
from offline_systems import COMMAND
from offline_worker import BATCHED, CAPTIONER, SCRIPTED, SEQUENTIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {CAPTIONER: "C3", SCRIPTED: "C3", BATCHED: "C0", COMMAND: "C1", SEQUENTIAL: "C7"}
COLUMNS = 2
BAR = 0.3  # inches
ROOM = 1.35  # of the longest bar: its label stands beside it


def plot_results(path: Path, content: dict[str, Any]) -> None:
    """Write a PNG: a panel for each data set in which something is said, a bar for each system.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    found = {name: data["results"] for name, data in content["data"].items()}
    known = {
        name: results
        for name, results in found.items()
        if any(result["wer"] is not None for result in results)
    }
    if not known:
        return
    columns = min(COLUMNS, len(known))
    rows = -(-len(known) // columns)
    height = max(len(results) + 1 for results in known.values()) * BAR + 1
    figure = Figure(figsize=(7.5 * columns, height * rows + 0.5), layout="constrained")
    figure.suptitle("Times real time, with word errors. Dotted: half of what Captioner does")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis, (name, results) in zip(axes, known.items(), strict=False):
        _plot(axis, name, results)
    for axis in axes[len(known) :]:
        axis.set_axis_off()
    figure.savefig(path, dpi=110)


def _plot(axis: Axes, name: str, results: Sequence[dict[str, Any]]) -> None:
    places = _places(results)
    for place, result in zip(places, results, strict=True):
        speed = result["speed"]
        axis.barh(
            place,
            speed["median"],
            color=COLOURS.get(result["system"], "C4"),
            alpha=1 if result["word_times"] else 0.5,
            xerr=[[speed["median"] - speed["least"]], [speed["most"] - speed["median"]]],
            error_kw={"ecolor": "0.3", "capsize": 2},
        )
        axis.annotate(_label(result), (speed["most"], place), (4, 0), **_BESIDE)
        if result["system"] == CAPTIONER:
            goal = speed["median"] / GOAL
            same_beam = [
                other
                for other, it in zip(places, results, strict=True)
                if it["beam_size"] == result["beam_size"]
            ]
            axis.vlines(goal, min(same_beam) - 0.5, max(same_beam) + 0.5, "k", "dotted")
    axis.set_yticks(places, [f"{name_of(it)}, beam {it['beam_size']}" for it in results])
    axis.tick_params("y", labelsize="small", length=0)
    axis.invert_yaxis()
    axis.set_xlim(0, ROOM * max(result["speed"]["most"] for result in results))
    axis.set_title(name)
    axis.grid(axis="x", alpha=0.3)
    axis.set_axisbelow(True)


_BESIDE: dict[str, Any] = {
    "textcoords": "offset points",
    "va": "center",
    "fontsize": "small",
}


def _places(results: Sequence[dict[str, Any]]) -> list[float]:
    """Where the bars are: those of one beam size together."""
    beams = list(dict.fromkeys(result["beam_size"] for result in results))
    return [
        number + 0.7 * beams.index(result["beam_size"]) for number, result in enumerate(results)
    ]


def _label(result: dict[str, Any]) -> str:
    errors = "" if result["wer"] is None else f", {100 * result['wer']:.1f} %"
    return f"{result['speed']['median']:.1f} x{errors}"
