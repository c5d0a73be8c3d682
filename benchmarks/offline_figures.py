"""The figures of offline transcription: of one run, and of the runs of one system together."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from figures import rate, total
from offline_systems import Answer
from offline_worker import Transcript
from recordings import Recording

from captioner.evaluation.edits import EditCounts, count_character_edits, count_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.truth import TimedWord, split_truth
from captioner.evaluation.word_times import TimeErrors, WordTimeErrors, measure_word_times

GOAL = 2.0  # times the throughput of the batched peers


@dataclass(frozen=True, slots=True)
class Variant:
    """A system as it was told to work."""

    system: str
    beam_size: int
    batch_size: int = 0
    """0: the system has none, or its own."""
    word_times: bool = True

    @property
    def name(self) -> str:
        """For people."""
        notes = [f"batch {self.batch_size}"] if self.batch_size else []
        notes += [] if self.word_times else ["no word times"]
        return f"{self.system} ({', '.join(notes)})" if notes else self.system


@dataclass(frozen=True, slots=True)
class Spread:
    """The same figure of several runs."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of some values; NaN when there are none."""
        known = [value for value in values if not math.isnan(value)]
        if not known:
            return cls(math.nan, math.nan, math.nan)
        return cls(statistics.median(known), min(known), max(known))

    def to_json(self, digits: int) -> dict[str, float | None]:
        """Plain values for ``json.dumps``."""
        return {name: rounded(value, digits) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Errors:
    """What is wrong with the transcripts of a data set."""

    words: EditCounts
    words_with_numbers: EditCounts
    """With the numbers of both sides in words."""
    characters: EditCounts
    words_on_noise: int
    """In recordings in which nothing is said."""
    starts: float
    """Median distance of the start of a word from the truth, in seconds; NaN when not known."""
    ends: float
    start_bias: float
    """Median of recognised minus true: negative is early."""
    end_bias: float
    per_file: dict[str, tuple[int, int]]
    """Errors and true words by name."""

    @property
    def wer(self) -> float:
        """The word error rate; NaN where nothing was said."""
        return rate(self.words)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "wer": rounded(self.wer, 4),
            "wer_numbers": rounded(rate(self.words_with_numbers), 4),
            "cer": rounded(rate(self.characters), 4),
            "edits": asdict(self.words),
            "words_on_noise": self.words_on_noise,
            "word_starts_off": rounded(self.starts, 3),
            "word_ends_off": rounded(self.ends, 3),
            "word_starts_bias": rounded(self.start_bias, 3),
            "word_ends_bias": rounded(self.end_bias, 3),
            "per_file": {name: list(counts) for name, counts in self.per_file.items()},
        }


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of one variant on one data set."""

    variant: Variant
    audio_seconds: float
    answers: tuple[Answer, ...]
    errors: Errors
    """Of the first run."""
    stable: bool
    """Whether all runs gave the same words."""

    @property
    def speed(self) -> Spread:
        """Seconds of audio for each second, without loading."""
        return Spread.of(self.audio_seconds / answer.seconds for answer in self.answers)

    @property
    def cpu(self) -> Spread:
        """CPU seconds for each second of audio, without loading."""
        return Spread.of(answer.usage.cpu / self.audio_seconds for answer in self.answers)

    @property
    def memory(self) -> float:
        """Largest resident set of its processes together, model included, in MiB."""
        return max(answer.usage.peak_memory for answer in self.answers)

    @property
    def loading(self) -> float:
        """Seconds that loading takes."""
        return statistics.median(answer.loading for answer in self.answers)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        profiles = [answer.profile for answer in self.answers if answer.profile]
        return {
            **asdict(self.variant),
            "speed": self.speed.to_json(2),
            "cpu_per_audio_second": self.cpu.to_json(4),
            "seconds": [round(answer.seconds, 3) for answer in self.answers],
            "cpu_seconds": [round(answer.usage.cpu, 3) for answer in self.answers],
            "loading_seconds": round(self.loading, 2),
            "peak_memory_mib": round(self.memory),
            **self.errors.to_json(),
            "same_words_each_time": self.stable,
            "profiles": profiles,
        }


def conclude(
    variant: Variant, answers: Sequence[Answer], recordings: Sequence[Recording], audio: float
) -> Result:
    """Put the runs of a variant together."""
    first = answers[0].transcripts
    stable = all(answer.transcripts == first for answer in answers)
    return Result(variant, audio, tuple(answers), find_errors(recordings, first), stable)


def find_errors(recordings: Sequence[Recording], transcripts: Sequence[Transcript]) -> Errors:
    """Compare transcripts with what was said."""
    pairs = list(zip(recordings, transcripts, strict=True))
    edits = [_word_edits(*pair, numbers=False) for pair in pairs]
    times = [_word_times(truth, heard) for truth, heard in pairs if _timed(truth, heard)]
    starts, ends = [each.start for each in times], [each.end for each in times]
    return Errors(
        words=total(edits),
        words_with_numbers=total(_word_edits(*pair, numbers=True) for pair in pairs),
        characters=total(_character_edits(*pair) for pair in pairs),
        words_on_noise=sum(len(normalise(heard.text)) for truth, heard in pairs if not truth.words),
        starts=_mean(starts, "p50"),
        ends=_mean(ends, "p50"),
        start_bias=_mean(starts, "bias"),
        end_bias=_mean(ends, "bias"),
        per_file={
            truth.name: (it.errors, it.reference)
            for truth, it in zip(recordings, edits, strict=True)
        },
    )


def _word_edits(truth: Recording, heard: Transcript, *, numbers: bool) -> EditCounts:
    if not truth.words:  # its words are counted apart: a rate of nothing is none
        return EditCounts(0, 0, 0, 0)
    reference, _ = split_truth(truth.words, numbers=numbers)
    return count_word_edits(reference, normalise(heard.text, numbers=numbers))


def _character_edits(truth: Recording, heard: Transcript) -> EditCounts:
    if not truth.words:
        return EditCounts(0, 0, 0, 0)
    reference, _ = split_truth(truth.words)
    return count_character_edits(reference, normalise(heard.text))


def _timed(truth: Recording, heard: Transcript) -> bool:
    known = bool(truth.words) and not any(math.isnan(word.end) for word in truth.words)
    return known and bool(heard.words)


def _word_times(truth: Recording, heard: Transcript) -> WordTimeErrors:
    return measure_word_times([TimedWord(*word) for word in heard.words], truth.words)


def _mean(errors: Sequence[TimeErrors], name: str) -> float:
    """Of a figure of each file, weighted by its words."""
    known = [each for each in errors if each.count]
    if not known:
        return math.nan
    weights = [each.count for each in known]
    return float(np.average([getattr(each, name) for each in known], weights=weights))


def compared(ours: Result, theirs: Result) -> dict[str, dict[str, float | None]]:
    """How many times faster we are, and how many times less CPU we use; see `ratio`."""
    return {
        "captioner_is_faster": ratio(
            [answer.seconds for answer in ours.answers],
            [answer.seconds for answer in theirs.answers],
        ).to_json(3),
        "captioner_uses_less_cpu": ratio(
            [answer.usage.cpu for answer in ours.answers],
            [answer.usage.cpu for answer in theirs.answers],
        ).to_json(3),
    }


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """How much more theirs is: of the medians, and the extremes of runs that followed each other.

    NaN where ours is too little to be measured.
    """
    if not all(ours):
        return Spread(math.nan, math.nan, math.nan)
    each = Spread.of(their / our for our, their in zip(ours, theirs, strict=False))
    return Spread(statistics.median(theirs) / statistics.median(ours), each.least, each.most)


def rounded(value: float, digits: int) -> float | None:
    """For JSON, which knows no NaN."""
    return None if math.isnan(value) else round(value, digits)
