"""How far the times of recognised words are from the truth."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from captioner.evaluation.matching import LastText
from captioner.evaluation.truth import TimedWord, split_truth


@dataclass(frozen=True, slots=True)
class TimeErrors:
    """Errors of one edge of the matched words, in seconds."""

    count: int
    bias: float
    """Median of recognised minus true: negative is early. What a calibration takes away."""
    p50: float
    """Median of the absolute error."""
    p90: float

    @classmethod
    def of(cls, signed: Collection[float]) -> Self:
        """Of recognised minus true times; all but the count are NaN where there is none."""
        values = np.asarray(list(signed) or [np.nan])
        p50, p90 = np.percentile(np.abs(values), (50, 90))
        return cls(len(signed), bias=float(np.median(values)), p50=float(p50), p90=float(p90))


@dataclass(frozen=True, slots=True)
class WordTimeErrors:
    """Errors at the starts and at the ends of the matched words."""

    start: TimeErrors
    end: TimeErrors


def measure_word_times(
    recognised: Sequence[TimedWord], truth: Sequence[TimedWord], *, numbers: bool = False
) -> WordTimeErrors:
    """Compare the times of recognised words with the truth, where the words agree.

    Both are in seconds on one axis. A written word may be several compared words (``l'ordre``): its
    start counts where its first one matches the first of its counterpart, its end where its last
    one matches the last.
    """
    said, said_owner = split_truth(truth, numbers=numbers)
    heard, heard_owner = split_truth(recognised, numbers=numbers)
    match = LastText(heard).match(said)
    pairs = [*((index, index) for index in range(match.prefix)), *match.rest]
    starts = [
        recognised[heard_owner[b]].start - truth[said_owner[a]].start
        for a, b in pairs
        if _is_edge(said_owner, a, -1) and _is_edge(heard_owner, b, -1)
    ]
    ends = [
        recognised[heard_owner[b]].end - truth[said_owner[a]].end
        for a, b in pairs
        if _is_edge(said_owner, a, +1) and _is_edge(heard_owner, b, +1)
    ]
    return WordTimeErrors(TimeErrors.of(starts), TimeErrors.of(ends))


def _is_edge(owners: Sequence[int], index: int, step: int) -> bool:
    """Whether the neighbour on that side belongs to another written word."""
    neighbour = index + step
    return not 0 <= neighbour < len(owners) or owners[neighbour] != owners[index]
