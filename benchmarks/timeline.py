"""When was what late: the latencies of single words and finals, each with its moment.

By the rules of ``captioner.evaluation.score``, whose figures are those of a whole track.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from captioner.evaluation.display import Display
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.matching import LastText
from captioner.evaluation.score import measure
from captioner.evaluation.truth import TimedWord, split_truth

LOST_IN_A_ROW = 6  # words without a counterpart that count as lost rather than misheard


@dataclass(frozen=True, slots=True)
class Moment:
    """A figure and when it belongs; both in seconds."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was shown of one track, by the moment at which it was said."""

    displayed: tuple[Moment, ...]
    """Of words, at their end."""
    stable: tuple[Moment, ...]
    finalised: tuple[Moment, ...]
    """Of finals, at the end of their last word."""
    intervals: tuple[Moment, ...]
    """Between two interims of the same speech, at the later one."""
    lost: tuple[float, ...]
    """Ends of the words that are missing in a row: a misheard word mostly stands alone."""
    tail: int
    """Words at the end that have no counterpart in the last text."""
    words: EditCounts

    def shifted(self, seconds: float) -> Timeline:
        """The same on another clock."""
        return Timeline(
            displayed=_shift(self.displayed, seconds),
            stable=_shift(self.stable, seconds),
            finalised=_shift(self.finalised, seconds),
            intervals=_shift(self.intervals, seconds),
            lost=tuple(at + seconds for at in self.lost),
            tail=self.tail,
            words=self.words,
        )


def _shift(moments: Sequence[Moment], seconds: float) -> tuple[Moment, ...]:
    return tuple(Moment(moment.at + seconds, moment.value) for moment in moments)


def trace(displays: Sequence[Display], truth: Sequence[TimedWord]) -> Timeline:
    """Measure what was shown of one track; times are those of the displays and of the truth."""
    reference, owners = split_truth(truth)
    last = displays[-1].words if displays else ()
    found = LastText(last).match(reference)
    pairs = [*((index, index) for index in range(found.prefix)), *sorted(found.rest)]
    ends = {shown: truth[owners[spoken]].end for spoken, shown in pairs}
    heard = {owners[spoken] for spoken, _ in pairs}
    score = measure(displays, truth)
    # What is not stable yet stands at the end: the lists may be of different lengths.
    return Timeline(
        displayed=_moments(list(ends.values()), score.displayed),
        stable=_moments(list(ends.values()), score.stable),
        finalised=_moments(_last_words(displays, ends), score.finalised),
        intervals=_intervals(displays),
        lost=tuple(_lost(truth, heard)),
        tail=score.tail,
        words=score.words,
    )


def _moments(at: Sequence[float], values: Sequence[float]) -> tuple[Moment, ...]:
    return tuple(Moment(when, value) for when, value in zip(at, values, strict=False))


def _last_words(displays: Sequence[Display], ends: dict[int, float]) -> list[float]:
    """For each arrival of finals, the end of its last word that was said."""
    found: list[float] = []
    done = 0
    for display in displays:
        matched = [word for word in range(done, display.final) if word in ends]
        if matched:
            found.append(ends[matched[-1]])
        done = max(done, display.final)
    return found


def _intervals(displays: Sequence[Display]) -> tuple[Moment, ...]:
    """Between two displays with no final between them, both of which show something interim."""
    return tuple(
        Moment(after.time, after.time - before.time)
        for before, after in pairwise(displays)
        if before.final == after.final
        and len(before.words) > before.final
        and len(after.words) > after.final
    )


def _lost(truth: Sequence[TimedWord], heard: Container[int]) -> Iterator[float]:
    """The ends of words in runs of which nothing was understood."""
    for missing, run in groupby(range(len(truth)), key=lambda index: index not in heard):
        indices = list(run)
        if missing and len(indices) >= LOST_IN_A_ROW:
            yield from (truth[index].end for index in indices)


def within(moments: Iterable[Moment], start: float, end: float) -> list[float]:
    """The values of the moments in [start, end)."""
    return [moment.value for moment in moments if start <= moment.at < end]


def percentile(values: Sequence[float], rank: float) -> float:
    """A percentile, interpolated linearly; NaN of nothing."""
    return float(np.percentile(values, rank)) if len(values) else math.nan


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The robust slope of values against times: the median of the slopes of all pairs (Theil-Sen).

    NaN for fewer than two points, or when all have the same time.
    """
    known = [(at, value) for at, value in points if not math.isnan(value)]
    slopes = [
        (later - earlier) / (end - start)
        for index, (start, earlier) in enumerate(known)
        for end, later in known[index + 1 :]
        if end != start
    ]
    return percentile(slopes, 50)
