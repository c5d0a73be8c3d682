"""One line of figures over the tracks of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from captioner.errors import InvalidRequest
from captioner.evaluation.score import TrackScore

PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a set of seconds, interpolated linearly; NaN where the set is empty."""

    p50: float
    p90: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Take the percentiles of some values."""
        found = np.percentile(list(values) or [math.nan], PERCENTILES)
        return cls(*(float(value) for value in found))


@dataclass(frozen=True, slots=True)
class Summary:
    """The tracks of one run together."""

    tracks: int
    wer: float
    """Weighted by the words of each track; NaN when nothing was said at all."""
    cer: float
    displayed: Percentiles
    stable: Percentiles
    finalised: Percentiles
    erasure: float
    """Mean over the tracks."""
    tail_words: int
    words_final: int
    words_ref: int
    substitutions: int
    deletions: int
    insertions: int

    def to_json(self) -> dict[str, float | int | None]:
        """Flat and rounded: rates to 1e-4, seconds to 1e-2; no figure at all is null."""
        figures: dict[str, float | int] = {
            "tracks": self.tracks,
            "wer": round(self.wer, 4),
            "cer": round(self.cer, 4),
        }
        for name in ("displayed", "stable", "finalised"):
            for percentile in PERCENTILES:
                seconds = getattr(getattr(self, name), f"p{percentile}")
                figures[f"{name}_p{percentile}"] = round(seconds, 2)
        figures["erasure"] = round(self.erasure, 3)
        for name in _COUNTS:
            figures[name] = getattr(self, name)
        return {key: None if math.isnan(value) else value for key, value in figures.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Summary:
        """Read back what ``to_json`` wrote.

        Raises:
            InvalidRequest: when a figure is missing or is not of its kind.
        """
        return cls(
            tracks=_read_count(values, "tracks"),
            wer=_read_figure(values, "wer"),
            cer=_read_figure(values, "cer"),
            displayed=_read_percentiles(values, "displayed"),
            stable=_read_percentiles(values, "stable"),
            finalised=_read_percentiles(values, "finalised"),
            erasure=_read_figure(values, "erasure"),
            **{name: _read_count(values, name) for name in _COUNTS},
        )


_COUNTS = ("tail_words", "words_final", "words_ref", "substitutions", "deletions", "insertions")


def _read_figure(values: Mapping[str, Any], name: str) -> float:
    try:
        value = values[name]
        return math.nan if value is None else float(value)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"summary: {name} is missing or no number", field=name) from error


def _read_count(values: Mapping[str, Any], name: str) -> int:
    figure = _read_figure(values, name)
    if not figure.is_integer():
        raise InvalidRequest(f"summary: {name} is {figure}, expected a whole number", field=name)
    return int(figure)


def _read_percentiles(values: Mapping[str, Any], name: str) -> Percentiles:
    return Percentiles(*(_read_figure(values, f"{name}_p{value}") for value in PERCENTILES))


def summarise(scores: Sequence[TrackScore]) -> Summary:
    """Put the tracks of a run together.

    Raises:
        ValueError: when there is none.
    """
    if not scores:
        raise ValueError("no track to summarise")
    return Summary(
        tracks=len(scores),
        wer=_weighted([(score.words.rate, score.reference_words) for score in scores]),
        cer=_weighted([(score.characters.rate, score.characters.reference) for score in scores]),
        displayed=Percentiles.of(value for score in scores for value in score.displayed),
        stable=Percentiles.of(value for score in scores for value in score.stable),
        finalised=Percentiles.of(value for score in scores for value in score.finalised),
        erasure=float(np.mean([score.erasure for score in scores])),
        tail_words=sum(score.tail for score in scores),
        words_final=sum(score.final_words for score in scores),
        words_ref=sum(score.reference_words for score in scores),
        substitutions=sum(score.words.substitutions for score in scores),
        deletions=sum(score.words.deletions for score in scores),
        insertions=sum(score.words.insertions for score in scores),
    )


def _weighted(rates: Sequence[tuple[float, int]]) -> float:
    weights = [weight for _, weight in rates]
    if not sum(weights):
        return math.nan
    return float(np.average([rate for rate, _ in rates], weights=weights))
