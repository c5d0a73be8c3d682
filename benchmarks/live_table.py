"""The table of a benchmark of live captions: a column for each number of tracks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from baseline import Baseline
from figures import Run, rate
from reporting import percent, seconds, tracks_text
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of every run."""

    name: str
    value: Callable[[Run], float]
    show: Callable[[float], str]
    goal: float = math.inf
    """The most it should be with one track talking."""


def results_table(
    runs: Sequence[Run], baseline: Baseline | None, *, points: float = math.inf
) -> Table:
    """What is known of the runs; misses of a goal are marked and red, and so is what was lost.

    Args:
        runs: A column each.
        baseline: What an offline transcription made of their takes.
        points: How many points of word errors above it are allowed.
    """
    table = Table("", "goal", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for run in runs:
        table.add_column(tracks_text(run.tracks), justify="right")
    for row in _rows(baseline, points):
        if all(math.isnan(row.value(run)) for run in runs):
            continue
        goal = "" if math.isinf(row.goal) else f"≤ {row.show(row.goal)}"
        table.add_row(row.name, Text(goal, "dim"), *(_cell(row, run) for run in runs))
    table.add_row("dropped or refused", Text("no", "dim"), *(_losses(run) for run in runs))
    table.add_row("holds (capacity rule)", "", *("yes" if run.sustained else "no" for run in runs))
    return table


def _cell(row: Row, run: Run) -> Text:
    value = row.value(run)
    missed = value > row.goal
    return Text(row.show(value) + (" !" if missed else ""), "red" if missed else "")


def _losses(run: Run) -> Text:
    found = [
        f"{getattr(run.losses, name)} {name}"
        for name in run.losses.__slots__
        if getattr(run.losses, name)
    ]
    return Text(", ".join(found) or "no", "red" if found else "")


def _rows(baseline: Baseline | None, points: float) -> Iterator[Row]:
    yield Row("word errors, %", lambda run: run.summary.wer, percent)
    yield Row("  numbers in words, %", lambda run: run.wer_numbers, percent)
    if baseline is not None:
        yield Row("faster-whisper offline, %", _offline(baseline), percent)
        above = _offline(baseline)
        yield Row(
            "  points above it",
            lambda run: 100 * (run.summary.wer - above(run)),
            _points,
            points,
        )
    yield from _latencies()
    yield Row("words taken back, a word", lambda run: run.summary.erasure, seconds, 0.2)
    yield Row("words lost at the end", lambda run: run.summary.tail_words, _count, 0)
    yield Row("words on noise", lambda run: run.words_on_noise, _count, 0)
    if baseline is not None and baseline.words_on_noise:
        yield Row("  faster-whisper offline", lambda _: baseline.words_on_noise, _count)
    yield Row("word starts off, s (median)", _word_time("start_p50"), seconds, 0.1)
    yield Row("word ends off, s (median)", _word_time("end_p50"), seconds, 0.1)
    yield Row("CPU s per s of audio", lambda run: run.cpu_per_audio_second, _fine)
    yield Row("CPU s a second", lambda run: run.cpu_share, seconds)
    yield Row("peak memory, MiB", lambda run: run.usage.peak_memory or math.nan, _count)
    yield Row("largest lag told, s", lambda run: run.largest_lag, seconds)
    yield Row("driver late, s (p99)", lambda run: run.send_lateness_p99, _fine, 0.1)


def _latencies() -> Iterator[Row]:
    goals = {("displayed", 50): 0.9, ("stable", 50): 2.0, ("finalised", 95): 1.5}
    for name, what in (("displayed", "displayed"), ("stable", "stable"), ("finalised", "final")):
        for percentile in (50, 90, 95, 99):
            yield Row(
                f"{what} p{percentile}, s",
                _percentile(name, percentile),
                seconds,
                goals.get((name, percentile), math.inf),
            )


def _percentile(name: str, percentile: int) -> Callable[[Run], float]:
    return lambda run: float(getattr(getattr(run.summary, name), f"p{percentile}"))


def _word_time(name: str) -> Callable[[Run], float]:
    return lambda run: float(getattr(run.word_times, name)) if run.word_times else math.nan


def _offline(baseline: Baseline) -> Callable[[Run], float]:
    """The rate on the takes of a run that live captions had a part in."""

    def offline(run: Run) -> float:
        names = [log.take.name for log in run.logs if log.take.complete and not log.refused]
        return rate(baseline.edits(names))

    return offline


def _count(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0f}"


def _fine(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _points(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+.1f}"
