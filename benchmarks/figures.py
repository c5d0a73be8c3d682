"""The figures of a run of live tracks, by the rules of ``captioner.evaluation``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from meter import Usage
from tracks import TrackLog

from captioner.evaluation.edits import EditCounts, count_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.score import TrackScore, measure
from captioner.evaluation.summary import Summary, summarise
from captioner.evaluation.truth import TimedWord, split_truth
from captioner.evaluation.word_times import WordTimeErrors, measure_word_times
from captioner.transcript import SAMPLE_RATE

# The rule for capacity: the largest number of tracks with nothing dropped and these held.
CAPACITY_DISPLAYED_P50 = 1.5  # seconds
CAPACITY_FINALISED_P95 = 2.0  # seconds
PACE_TOLERANCE = 0.1  # seconds: a driver later than this measures itself


@dataclass(frozen=True, slots=True)
class WordTimes:
    """Errors of the words' times: means over the tracks, weighted by their matched words."""

    start_p50: float
    """Of the medians of absolute errors, in seconds."""
    end_p50: float
    start_bias: float
    """Of the medians of recognised minus true: negative is early."""
    end_bias: float


@dataclass(frozen=True, slots=True)
class Losses:
    """What did not go as it should; all zero in a good run."""

    refused: int
    """Tracks that the server did not take."""
    broken: int
    """Tracks that broke off."""
    unfinished: int
    """Tracks taken, whose end the server did not confirm."""
    gaps: int
    reconnections: int

    @property
    def any(self) -> bool:
        """Whether something was dropped."""
        return any((self.refused, self.broken, self.unfinished, self.gaps, self.reconnections))


@dataclass(frozen=True, slots=True)
class Run:
    """The figures of so many tracks at once."""

    tracks: int
    summary: Summary
    """Of the tracks that were taken."""
    wer_numbers: float
    """Word error rate with the numbers of both sides in words."""
    word_times: WordTimes | None
    words_on_noise: int
    """Words in finals of takes in which nothing is said."""
    losses: Losses
    usage: Usage
    audio_seconds: float
    send_lateness_p99: float
    """Seconds that the driver was late: figures of a run far above 0.1 are its own."""
    largest_lag: float
    counters: dict[str, float]
    """What the server counted meanwhile."""
    scores: tuple[TrackScore, ...]
    logs: tuple[TrackLog, ...]

    @property
    def cpu_per_audio_second(self) -> float:
        """CPU seconds of the server for a second of audio; NaN when its process is not ours."""
        if not (self.usage.wall and self.audio_seconds):
            return math.nan
        return self.usage.cpu / self.audio_seconds

    @property
    def cpu_share(self) -> float:
        """CPU seconds a second; NaN when the process of the server is not ours."""
        return self.usage.cpu / self.usage.wall if self.usage.wall else math.nan

    @property
    def sustained(self) -> bool:
        """Whether the rule for capacity holds."""
        return (
            not self.losses.any
            and self.summary.displayed.p50 <= CAPACITY_DISPLAYED_P50
            and self.summary.finalised.p95 <= CAPACITY_FINALISED_P95
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``: the figures, then those of each track, then its text."""
        measured = bool(self.usage.wall)
        return {
            "tracks": self.tracks,
            **{key: value for key, value in self.summary.to_json().items() if key != "tracks"},
            "wer_numbers": _rounded(self.wer_numbers, 4),
            "word_times": _plain(self.word_times) if self.word_times else None,
            "words_on_noise": self.words_on_noise,
            "losses": _plain(self.losses),
            "sustained": self.sustained,
            "audio_seconds": round(self.audio_seconds, 1),
            "cpu_seconds": round(self.usage.cpu, 2) if measured else None,
            "cpu_per_audio_second": _rounded(self.cpu_per_audio_second, 4),
            "cpu_share": _rounded(self.cpu_share, 3),
            "peak_memory_mib": round(self.usage.peak_memory) if measured else None,
            "send_lateness_p99": _rounded(self.send_lateness_p99, 4),
            "largest_lag": round(self.largest_lag, 2),
            "server": self.counters,
            "per_track": [
                _track_json(log, score) for log, score in zip(self.logs, self.scores, strict=True)
            ],
        }


def score_run(
    logs: Sequence[TrackLog], usage: Usage, *, counters: dict[str, float] | None = None
) -> Run:
    """Measure what the tracks of a run showed.

    Tracks that were refused have no part in the rates and latencies: they count as lost.
    """
    taken = [log for log in logs if not log.refused]
    scores = [_score(log) for log in logs]
    lateness = [late for log in logs for late in log.lateness]
    of_taken = [score for log, score in zip(logs, scores, strict=True) if not log.refused]
    return Run(
        tracks=len(logs),
        summary=summarise(of_taken or scores),
        wer_numbers=rate(total(_edits_with_numbers(log) for log in taken if log.take.complete)),
        word_times=_word_times(taken),
        words_on_noise=sum(len(final_text(log).split()) for log in taken if not log.take.words),
        losses=count_losses(logs),
        usage=usage,
        audio_seconds=sum(log.take.seconds for log in taken),
        send_lateness_p99=float(np.percentile(lateness, 99)) if lateness else math.nan,
        largest_lag=max((log.largest_lag for log in logs), default=0.0),
        counters=counters or {},
        scores=tuple(scores),
        logs=tuple(logs),
    )


def final_text(log: TrackLog) -> str:
    """What the finals of a track say."""
    return " ".join(filter(None, (final.text for final in log.finals)))


def total(edits: Iterable[EditCounts]) -> EditCounts:
    """All edits together."""
    return sum(edits, start=EditCounts(0, 0, 0, 0))


def rate(edits: EditCounts) -> float:
    """The word error rate; NaN where nothing was said."""
    return edits.rate if edits.reference else math.nan


def _score(log: TrackLog) -> TrackScore:
    score = measure(log.displays, log.take.words)
    if log.take.timed:
        return score
    unknown: dict[str, Any] = {"displayed": (), "stable": (), "finalised": ()}
    if not log.take.complete:  # nor is it known what was said
        nothing = EditCounts(0, 0, 0, 0)
        unknown |= {"words": nothing, "characters": nothing, "tail": 0, "reference_words": 0}
    return replace(score, **unknown)


def _edits_with_numbers(log: TrackLog) -> EditCounts:
    reference, _ = split_truth(log.take.words, numbers=True)
    return count_word_edits(reference, normalise(final_text(log), numbers=True))


def count_losses(logs: Sequence[TrackLog]) -> Losses:
    """What did not go as it should."""
    return Losses(
        refused=sum(bool(log.refused) for log in logs),
        broken=sum(bool(log.problem) for log in logs),
        unfinished=sum(not (log.ended or log.refused or log.problem) for log in logs),
        gaps=sum(log.gaps for log in logs),
        reconnections=sum(log.reconnections for log in logs),
    )


def _word_times(logs: Sequence[TrackLog]) -> WordTimes | None:
    errors = [_track_word_times(log) for log in logs if log.take.timed]
    found = [track for track in errors if track.start.count and track.end.count]
    if not found:
        return None
    starts, ends = [it.start for it in found], [it.end for it in found]
    start_weights, end_weights = [it.count for it in starts], [it.count for it in ends]
    return WordTimes(
        start_p50=float(np.average([it.p50 for it in starts], weights=start_weights)),
        end_p50=float(np.average([it.p50 for it in ends], weights=end_weights)),
        start_bias=float(np.average([it.bias for it in starts], weights=start_weights)),
        end_bias=float(np.average([it.bias for it in ends], weights=end_weights)),
    )


def _track_word_times(log: TrackLog) -> WordTimeErrors:
    recognised = [
        TimedWord(word.text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE)
        for final in log.finals
        for word in final.words
    ]
    return measure_word_times(recognised, log.take.words)


def _track_json(log: TrackLog, score: TrackScore) -> dict[str, Any]:
    return {
        "take": log.take.name,
        "seconds": round(log.take.seconds, 2),
        "wer": None if log.refused else _rounded(rate(score.words), 4),
        "erasure": round(score.erasure, 3),
        "tail": score.tail,
        "displayed": [round(value, 3) for value in score.displayed],
        "stable": [round(value, 3) for value in score.stable],
        "finalised": [round(value, 3) for value in score.finalised],
        "refused": log.refused,
        "problem": log.problem,
        "text": final_text(log),
    }


def _plain(values: WordTimes | Losses) -> dict[str, float | int]:
    return {name: round(value, 4) for name, value in asdict(values).items()}


def _rounded(value: float, digits: int) -> float | None:
    return None if math.isnan(value) else round(value, digits)
