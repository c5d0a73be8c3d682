"""The figures of a GPU as tables and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import CAPACITY_DISPLAYED_P50, CAPACITY_FINALISED_P95
from gpu_results import ANCHOR
from gpu_timing import STAGES
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MILLISECONDS = 1e3
PLOTTED = {10: "-", 30: "--"}  # windows in seconds, and their lines
COLUMNS = ("people", "displayed p50", "final p95", "hop", "rows a batch", "rows/s")
SPENT = ("encode %", "greedy %", "beam %", "align %", "host %", "idle %", "loop %", "GPU %")

Entry = Mapping[str, Any]


def title(entry: Entry) -> str:
    """What a measurement of capacity is of."""
    window = "30 s" if entry["padded"] else "short"
    parts = [f"{entry['model']} {entry['compute_type']}, {window} windows"]
    parts += [f"{entry['workers']} workers"] if entry["workers"] > 1 else []
    parts += [f"{entry['processes']} processes"] if entry["processes"] > 1 else []
    parts += [f"{entry['threads']} threads"] if entry.get("threads", 1) > 1 else []
    return ", ".join(parts)


def capacity_table(entry: Entry) -> Table:
    """A line for each number of people; what holds is green."""
    verdict = f"{entry.get('capacity', 0)} people of {ANCHOR}"
    table = Table(title=f"{title(entry)}: {verdict}", box=None, padding=(0, 2, 0, 0))
    table.title_justify = "left"
    for name in (*COLUMNS, *SPENT):
        table.add_column(name, justify="right", header_style="dim")
    for step in entry.get("steps", []):
        table.add_row(*_step_cells(step), style="" if step["holds"] else "red")
    return table


def _step_cells(step: Entry) -> list[str]:
    shares = [100 * step["shares"][name] for name in (*STAGES, "host", "idle")]
    gpu = step["gpu"]["utilisation"] if step["gpu"] else None
    return [
        str(step["tracks"]),
        _number(step["displayed_p50"], 2),
        _number(step["finalised_p95"], 2),
        _number(step["hop_p50"], 1),
        _number(step["batch_rows"]["encode"], 1),
        _number(step["rows_per_second"], 0),
        *(_number(share, 0) for share in shares),
        _number(100 * step["loop_busy"], 0),
        _number(gpu, 0),
    ]


def stage_table(entry: Entry) -> Table:
    """Milliseconds a row, by window and batch."""
    table = Table(
        title=f"{entry['model']} {entry['compute_type']}: ms a row", box=None, padding=(0, 2, 0, 0)
    )
    table.title_justify = "left"
    for name in ("window", "batch", "tokens", *STAGES):
        table.add_column(name, justify="right", header_style="dim")
    for row in entry.get("timings", []):
        if "error" in row:
            failed = Text("too large", "red")
            table.add_row(f"{row['window']:g} s", str(row["batch"]), "", failed)
            continue
        per_row = (_number(row[stage] / row["batch"] * MILLISECONDS, 2) for stage in STAGES)
        table.add_row(f"{row['window']:g} s", str(row["batch"]), str(row["tokens"]), *per_row)
    return table


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def plot_results(path: Path, entries: Sequence[Entry], *, device: str) -> None:
    """Write a PNG: latencies against people on the left, the cost of a row on the right.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    latency, cost = figure.subplots(1, 2)
    figure.suptitle(f"People talking at once on {device}")
    _plot_capacity(latency, [entry for entry in entries if entry.get("steps")])
    _plot_stages(cost, next((entry for entry in entries if entry.get("timings")), None))
    figure.savefig(path, dpi=120)


def _plot_capacity(axes: Axes, entries: Sequence[Entry]) -> None:
    for number, entry in enumerate(entries):
        steps = [step for step in entry["steps"] if not step["given_up"]]
        people = [step["tracks"] for step in steps]
        for name, line in (("displayed_p50", "-"), ("finalised_p95", "--")):
            axes.plot(
                people,
                [step[name] for step in steps],
                linestyle=line,
                color=f"C{number}",
                marker="o",
                markersize=3,
                label=f"{title(entry)}: {entry['capacity']}" if line == "-" else None,
            )
    for limit, line in ((CAPACITY_DISPLAYED_P50, "-"), (CAPACITY_FINALISED_P95, "--")):
        axes.axhline(limit, color="grey", linewidth=0.8, linestyle=line)
    axes.axvline(ANCHOR, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 2 * CAPACITY_FINALISED_P95)
    people = sorted({step["tracks"] for entry in entries for step in entry["steps"]})
    axes.set_xticks([*people, ANCHOR], [str(number) for number in [*people, ANCHOR]], rotation=60)
    axes.minorticks_off()
    axes.set_xlabel("people talking")
    axes.set_ylabel("s: displayed p50 (line), final p95 (dashes)")
    axes.grid(alpha=0.3)
    if entries:
        axes.legend(loc="upper left", fontsize="small")


def _plot_stages(axes: Axes, entry: Entry | None) -> None:
    if entry is None:
        axes.set_axis_off()
        return
    rows = [row for row in entry["timings"] if "error" not in row]
    for window, line in PLOTTED.items():
        chosen = [row for row in rows if row["window"] == window]
        for number, stage in enumerate(STAGES):
            axes.plot(
                [row["batch"] for row in chosen],
                [row[stage] / row["batch"] * MILLISECONDS for row in chosen],
                linestyle=line,
                color=f"C{number}",
                marker=".",
                label=f"{stage}, {window:g} s",
            )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    batches = sorted({row["batch"] for row in rows})
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.set_xlabel("rows in a batch")
    axes.set_ylabel("ms a row")
    axes.set_title(f"{entry['model']} {entry['compute_type']}", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncols=2)
