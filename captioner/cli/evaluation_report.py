"""The figures of an evaluation: for people on a terminal, and as JSON for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from captioner.evaluation.alignment import Column
from captioner.evaluation.comparison import Comparison
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.interval import FEWEST, LEVEL, Interval
from captioner.evaluation.tally import Figures, Tally
from captioner.evaluation.word_times import TimeErrors, WordTimeErrors

NAMELESS = "(nobody named)"
NONE = "—"
_LEVEL = f"{100 * LEVEL:.0f} %"
OFTEN = 2  # a confusion that occurs once is only seen in the diff


@dataclass(frozen=True, slots=True)
class Against:
    """How a hypothesis compares with an earlier one."""

    name: str
    difference: float
    """Of the word error rates: negative is better than the earlier one."""
    interval: Interval | None


def percent(rate: float) -> str:
    """``12.3 %``."""
    return f"{100 * rate:.1f} %"


def rate_of(counts: EditCounts) -> float | None:
    """The error rate; None where the reference is empty."""
    return counts.rate if counts.reference else None


def print_report(
    console: Console, tally: Tally, *, confusions: int, against: Against | None
) -> None:
    """Rates, counts, tables of files and speakers, and what was taken for what."""
    for label, text in _lines(tally, against):
        console.print(
            Text.assemble((f"{label:<13}", "bold"), text), soft_wrap=True, highlight=False
        )
    if tally.speakers:
        _print_table(console, "speaker", tally.speakers)
    if len(tally.files) > 1:
        _print_table(console, "file", tally.files)
    if rows := often_confused(tally, confusions):
        table = Table(
            "count", "reference", "hypothesis", box=None, pad_edge=False, header_style="dim"
        )
        table.columns[0].justify = "right"
        for (said, heard), count in rows:
            table.add_row(str(count), said or NONE, heard or NONE)
        console.print()
        console.print(table, highlight=False, markup=False)


def _lines(tally: Tally, against: Against | None) -> Iterator[tuple[str, str]]:
    words = tally.total.words
    right = f"{words.hits} right, {words.substitutions} substituted, {words.deletions} deleted"
    yield "WER", f"{percent(words.rate)}   {_likely(tally)}"
    yield "CER", percent(tally.total.characters.rate)
    yield "words", f"{words.reference} in the reference: {right}; {words.insertions} inserted"
    if tally.speakers:
        yield "as one text", f"WER {percent(tally.regardless.rate)}, whoever said the words"
    if times := tally.word_times():
        yield "starts", _offsets(times.start)
        yield "ends", _offsets(times.end)
    if against:
        yield "difference", _compared(against)


def _likely(tally: Tally) -> str:
    source = "files" if tally.by_file else "stretches of the text"
    interval = tally.interval()
    if interval is None:
        return f"(no interval: fewer than {FEWEST} {source})"
    count = sum(map(len, tally.blocks.values()))
    return f"({_LEVEL} interval {_range(interval)}, drawn from {count} {source})"


def _offsets(errors: TimeErrors) -> str:
    late = "late" if errors.bias >= 0 else "early"
    return (
        f"{errors.p50:.3f} s off at the median, {errors.p90:.3f} s at 90 %, "
        f"{abs(errors.bias):.3f} s {late} in the middle; {errors.count} words"
    )


def _compared(against: Against) -> str:
    interval = against.interval
    points = f"{100 * against.difference:+.1f} points against {against.name}"
    if interval is None:
        return f"{points}; too little text to tell whether that means anything"
    shown = f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"
    if interval.low <= 0 <= interval.high:
        verdict = "may be chance"
    else:
        verdict = "better" if against.difference < 0 else "worse"
    return f"{points}, {_LEVEL} interval {shown}: {verdict}"


def _range(interval: Interval) -> str:
    return f"{100 * interval.low:.1f} to {percent(interval.high)}"


def _print_table(console: Console, title: str, rows: Mapping[str, Figures]) -> None:
    """The worst first."""
    table = Table(title, box=None, pad_edge=False, header_style="dim")
    for name in ("words", "WER", "CER", "right", "sub", "del", "ins"):
        table.add_column(name, justify="right")
    ordered = sorted(rows.items(), key=lambda row: (-row[1].words.rate, row[0]))
    for name, figures in ordered:
        words = figures.words
        rates = (rate_of(counts) for counts in (words, figures.characters))
        counts = (words.hits, words.substitutions, words.deletions, words.insertions)
        table.add_row(
            Text(name or NAMELESS, overflow="fold"),
            str(words.reference),
            *(NONE if rate is None else percent(rate) for rate in rates),
            *map(str, counts),
        )
    console.print()
    console.print(table, highlight=False, markup=False)


def often_confused(tally: Tally, count: int) -> list[tuple[tuple[str, str], int]]:
    """The most frequent confusions, those that occur at least twice."""
    ordered = sorted(tally.confusions.items(), key=lambda item: (-item[1], item[0]))
    return [(pair, times) for pair, times in ordered[:count] if times >= OFTEN]


def to_json(
    tally: Tally,
    *,
    confusions: int,
    against: Against | None,
    errors: Mapping[str, list[dict[str, Any]]],
) -> dict[str, Any]:
    """The same for programs; what is not defined is null.

    ``errors`` has those of ``list_errors`` by file, where they are wanted.
    """
    values: dict[str, Any] = {
        **_figures(tally.total),
        "wer_interval": _pair(tally.interval()),
        "wer_regardless_of_speaker": _rate(tally.regardless),
        "speakers": [
            {"name": name, **_figures(figures)} for name, figures in tally.speakers.items()
        ],
        "files": [
            {"name": name, **_figures(figures)}
            | ({"errors": errors[name]} if name in errors else {})
            for name, figures in tally.files.items()
        ],
        "word_times": _times(tally.word_times()),
        "confusions": [
            {"reference": said, "hypothesis": heard, "count": count}
            for (said, heard), count in often_confused(tally, confusions)
        ],
    }
    if against:
        values["difference"] = {
            "baseline": against.name,
            "wer": round(against.difference, 6),
            "interval": _pair(against.interval),
        }
    return values


def list_errors(comparison: Comparison) -> list[dict[str, Any]]:
    """Each error of a comparison in plain values, by speaker, in order."""
    return [
        {
            "operation": column.operation,
            "reference": column.reference.text if column.reference else None,
            "hypothesis": column.hypothesis.text if column.hypothesis else None,
            "speaker": part.speaker,
            "start": _start(column),
        }
        for part in comparison.parts
        for column in part.columns
        if column.operation != "equal"
    ]


def _start(column: Column) -> float | None:
    words: Iterable[Any] = (column.reference, column.hypothesis)
    return next((word.start for word in words if word and word.start is not None), None)


def _times(errors: WordTimeErrors | None) -> dict[str, Any] | None:
    if errors is None:
        return None
    edges = {"start": errors.start, "end": errors.end}
    return {
        name: {key: _finite(value) for key, value in asdict(edge).items()}
        for name, edge in edges.items()
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "wer": _rate(figures.words),
        "cer": _rate(figures.characters),
        "words": _counts(figures.words),
        "characters": _counts(figures.characters),
    }


def _counts(counts: EditCounts) -> dict[str, int]:
    return {"reference": counts.reference, **asdict(counts)}


def _rate(counts: EditCounts) -> float | None:
    rate = rate_of(counts)
    return None if rate is None else round(rate, 6)


def _pair(interval: Interval | None) -> list[float] | None:
    return [round(interval.low, 6), round(interval.high, 6)] if interval else None


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
