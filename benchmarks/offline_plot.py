"""A plot of a result file of offline transcription: throughput against word errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline_systems import COMMAND
from offline_worker import BATCHED, CAPTIONER, SCRIPTED, SEQUENTIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {CAPTIONER: "C3", SCRIPTED: "C3", BATCHED: "C0", COMMAND: "C1", SEQUENTIAL: "C7"}
COLUMNS = 3


def plot_results(path: Path, content: dict[str, Any]) -> None:
    """Write a PNG: for each data set that has errors, throughput against them.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    known = {
        name: [result for result in found["results"] if result["wer"] is not None]
        for name, found in content["data"].items()
    }
    known = {name: results for name, results in known.items() if results}
    if not known:
        return
    columns = min(COLUMNS, len(known))
    rows = -(-len(known) // columns)
    figure = Figure(figsize=(4.4 * columns, 3.8 * rows + 0.9), layout="constrained")
    figure.suptitle("Word errors against throughput: lower and further right is better")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    handles: dict[str, Any] = {}
    for axis, (name, results) in zip(axes, known.items(), strict=False):
        handles |= _plot(axis, name, results)
    for axis in list(axes)[len(known) :]:
        axis.set_axis_off()
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=120)


def _plot(axis: Axes, name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    handles = {}
    for result in results:
        greedy = result["beam_size"] == 1
        words = result["word_times"]
        label = result["system"] + ("" if words else ", no word times")
        speed = result["speed"]
        handles[label] = axis.errorbar(
            speed["median"],
            100 * result["wer"],
            xerr=[[speed["median"] - speed["least"]], [speed["most"] - speed["median"]]],
            fmt="o" if greedy else "s",
            color=COLOURS.get(result["system"], "C4"),
            markerfacecolor=None if words else "none",
            capsize=3,
        )
        axis.annotate(
            f"beam {result['beam_size']}",
            (speed["median"], 100 * result["wer"]),
            xytext=(5, 5),
            textcoords="offset points",
            fontsize="x-small",
        )
    axis.set_title(name)
    axis.set_xlabel("times real time")
    axis.set_ylabel("word errors, %")
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=0)
    axis.margins(0.15)
    axis.grid(alpha=0.3)
    return handles
