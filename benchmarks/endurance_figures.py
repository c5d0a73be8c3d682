"""The figures of a long session: by stretches of minutes, and how they change with the hours."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from endurance_talk import Heard
from timeline import percentile, slope, within

from captioner.evaluation.edits import EditCounts

HOUR = 3600.0
LATENCIES = ("displayed", "stable", "finalised")
GROWTH_LIMIT = 50.0  # ms an hour


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server's process had used by a moment."""

    at: float
    """Seconds after the session began."""
    cpu: float
    """CPU seconds."""
    memory: float
    """Resident set, MiB."""
    lag: float = 0.0
    """The largest that was told since the sample before."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some minutes. Latencies in seconds, NaN where nothing is known."""

    start: float
    """Seconds after the session began."""
    end: float
    words: int
    """Whose latency is known."""
    displayed_p50: float
    displayed_p90: float
    stable_p50: float
    finalised_p50: float
    finalised_p95: float
    memory: float
    """MiB, at its end."""
    cpu_per_audio_second: float
    largest_lag: float


@dataclass(frozen=True, slots=True)
class Course:
    """How a session went so far."""

    buckets: tuple[Bucket, ...]
    slopes: dict[str, float]
    """Of each latency, in ms an hour; NaN before any recording came twice."""
    memory_slope: float
    """MiB an hour, after the first bucket."""
    cpu_per_audio_second: float
    words: EditCounts
    words_lost: int
    """In a row: not just misheard."""
    never_final: int

    @property
    def steady(self) -> bool:
        """Whether no latency grows by more than the limit; not known counts as no."""
        return all(value < GROWTH_LIMIT for value in self.slopes.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        errors = self.words.rate if self.words.reference else math.nan
        return {
            "slopes_ms_per_hour": {name: _plain(value, 1) for name, value in self.slopes.items()},
            "limit_ms_per_hour": GROWTH_LIMIT,
            "steady": self.steady,
            "memory_mib_per_hour": _plain(self.memory_slope, 2),
            "cpu_per_audio_second": _plain(self.cpu_per_audio_second, 4),
            "word_errors": _plain(errors, 4),
            "words_lost": self.words_lost,
            "never_final": self.never_final,
            "buckets": [
                {name: _plain(value, 4) for name, value in asdict(bucket).items()}
                for bucket in self.buckets
            ],
        }


def measure_course(
    heard: Sequence[Heard], samples: Sequence[Sample], *, bucket: float, tracks: int
) -> Course:
    """Measure what is known of a session so far.

    Args:
        heard: The recordings that are over.
        samples: Of the server's process, in the order of time; none when it is not ours.
        bucket: Seconds.
        tracks: That talk at once.
    """
    watched = samples[-1].at if samples else 0.0
    until = max((each.end for each in heard), default=watched)
    buckets = tuple(
        _bucket(heard, samples, start, min(until, start + bucket), tracks)
        for start in (bucket * index for index in range(math.ceil(until / bucket)))
    )
    return Course(
        buckets=buckets,
        slopes={name: 1000 * HOUR * growth(heard, name) for name in LATENCIES},
        memory_slope=HOUR * slope([(s.at, s.memory) for s in samples if s.at >= bucket]),
        cpu_per_audio_second=_cpu(samples, tracks),
        words=sum((each.line.words for each in heard), start=EditCounts(0, 0, 0, 0)),
        words_lost=sum(len(each.line.lost) for each in heard),
        never_final=sum(each.interim_words for each in heard),
    )


def growth(heard: Sequence[Heard], latency: str) -> float:
    """Seconds by which a latency grows each second: the slope of the medians of the recordings.

    Recordings differ by more than a session changes, so each is compared with itself: what counts
    is how far a median lies from the middle of those of the same recording.
    """
    medians: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in heard:
        values = [moment.value for moment in getattr(each.line, latency)]
        if values:
            medians[each.take].append(((each.start + each.end) / 2, percentile(values, 50)))
    points: list[tuple[float, float]] = []
    for repeated in medians.values():
        if len(repeated) > 1:
            middle = percentile([value for _, value in repeated], 50)
            points += [(at, value - middle) for at, value in repeated]
    return slope(points)


def _bucket(
    heard: Sequence[Heard], samples: Sequence[Sample], start: float, end: float, tracks: int
) -> Bucket:
    of = {
        name: [value for each in heard for value in within(getattr(each.line, name), start, end)]
        for name in LATENCIES
    }
    inside = [sample for sample in samples if start <= sample.at <= end]
    return Bucket(
        start=start,
        end=end,
        words=len(of["displayed"]),
        displayed_p50=percentile(of["displayed"], 50),
        displayed_p90=percentile(of["displayed"], 90),
        stable_p50=percentile(of["stable"], 50),
        finalised_p50=percentile(of["finalised"], 50),
        finalised_p95=percentile(of["finalised"], 95),
        memory=inside[-1].memory if inside else math.nan,
        cpu_per_audio_second=_cpu(inside, tracks),
        largest_lag=max((sample.lag for sample in inside), default=math.nan),
    )


def _cpu(samples: Sequence[Sample], tracks: int) -> float:
    if not samples or samples[-1].at <= samples[0].at:
        return math.nan
    first, last = samples[0], samples[-1]
    return (last.cpu - first.cpu) / (last.at - first.at) / tracks


def _plain(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits)
