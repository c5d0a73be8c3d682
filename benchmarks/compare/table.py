"""The table of a comparison: a line for each system and number of tracks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.table import Table
from rich.text import Text

Content = dict[str, Any]
LATENCIES = ("displayed", "stable", "finalised")
PERCENTILES = (50, 90, 95, 99)
HEADS = ("N", "WER %", *LATENCIES, "taken back", "lost", "CPU s/s", "MiB", "dropped", "holds")


def comparison_table(points: list[Content], tracks: str) -> Table:
    """What is known on a set. Latencies are p50 / p90 / p95 / p99 in seconds."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("system")
    for head in HEADS:
        table.add_column(head, justify="right")
    before = ""
    for entry in sorted(_of(points, tracks), key=lambda it: (it["system"], it["talkers"])):
        name = entry["system"]
        table.add_row(name if name != before else "", str(entry["talkers"]), *_cells(entry))
        before = name
    return table


def failures(points: list[Content], tracks: str) -> list[str]:
    """Why points of a set could not be measured: a line for each."""
    return [f"{it['system']}: {it['failed']}" for it in _of(points, tracks) if it.get("failed")]


def _of(points: list[Content], tracks: str) -> list[Content]:
    return [entry for entry in points if entry["set"] == tracks]


def _cells(entry: Content) -> list[str | Text]:
    if entry.get("failed"):
        return ["-"] * (len(HEADS) - 2) + [Text("not run", "red")]
    return [
        _shown(entry["wer"], lambda value: f"{100 * value:.1f}"),
        *(_percentiles(entry, name) for name in LATENCIES),
        _shown(entry["erasure"], lambda value: f"{value:.2f}"),
        str(entry["tail_words"]),
        _shown(entry["cpu_per_audio_second"], lambda value: f"{value:.3f}"),
        _shown(entry["peak_memory_mib"], lambda value: f"{value:.0f}"),
        _losses(entry),
        Text("yes", "green") if entry["sustained"] else Text("no", "red"),
    ]


def _percentiles(entry: Content, name: str) -> str:
    values = (entry[f"{name}_p{percentile}"] for percentile in PERCENTILES)
    return " / ".join(_shown(value, lambda it: f"{it:.2f}") for value in values)


def _shown(value: float | None, show: Callable[[float], str]) -> str:
    return "-" if value is None else show(value)


def _losses(entry: Content) -> str:
    found = [f"{count} {name}" for name, count in entry["losses"].items() if count]
    return ", ".join(found) or "no"
