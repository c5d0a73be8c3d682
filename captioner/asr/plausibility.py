"""Signs that a hypothesis is not what was said: loops, impossible rates, low confidence."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from enum import Enum

from captioner.transcript import SAMPLE_RATE, Hypothesis

COMPRESSION_LIMIT = 2.4  # bytes per compressed byte; repetition compresses well (Radford 2022)
COMPRESSION_MINIMUM = 40  # bytes: shorter texts do not compress, whatever they repeat
LOOP_REPEATS = 3  # the same words this often in a row...
LOOP_WORDS = 12  # ...within this many words is a loop
WORD_RATE_LIMIT = 8.0  # words a second: the fastest speaker stays under 7
WORD_RATE_GRACE = 4  # words that any length of speech may hold
LOGPROB_LIMIT = -1.0  # mean log-probability of a token (Radford 2022)
NO_SPEECH_LIMIT = 0.6

_MARKS = re.compile(r"[\W_]+")


class Doubt(Enum):
    """Why a hypothesis is not believed."""

    LOOP = "loop"
    COMPRESSION = "compression"
    WORD_RATE = "word_rate"
    LOW_PROBABILITY = "low_probability"
    NO_SPEECH = "no_speech"


def bare(word: str) -> str:
    """A word as it is compared: lower case, letters and digits only."""
    lowered = word.lower()
    return lowered if lowered.isalnum() else _MARKS.sub("", lowered)


def loop_start(words: Sequence[str]) -> int | None:
    """Index after the first occurrence of a run that repeats, or None.

    A run of 1 to 4 words that comes `LOOP_REPEATS` times in a row within `LOOP_WORDS` words is a
    loop; a single repeated word must come once more ("non, non, non" is French).
    """
    plain = [bare(word) for word in words]
    for start in range(len(plain)):
        for size in range(1, LOOP_WORDS // LOOP_REPEATS + 1):
            stop = start + size * (LOOP_REPEATS + (2 if size == 1 else 0))
            if stop > len(plain) or plain[start] != plain[start + size]:
                continue  # the second condition is one of the next, and the first to fail
            is_run = plain[start : stop - size] == plain[start + size : stop]
            if is_run and any(plain[start : start + size]):
                return start + size
    return None


def compression_ratio(text: str) -> float:
    """Bytes of the text over its deflated bytes."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def doubt(hypothesis: Hypothesis, speech: int) -> Doubt | None:
    """Why this hypothesis of `speech` samples of speech should not be believed, or None."""
    words = [word.text for word in hypothesis.words]
    if loop_start(words) is not None:
        return Doubt.LOOP
    text = hypothesis.text
    if len(text) >= COMPRESSION_MINIMUM and compression_ratio(text) > COMPRESSION_LIMIT:
        return Doubt.COMPRESSION
    if len(words) > WORD_RATE_GRACE + WORD_RATE_LIMIT * speech / SAMPLE_RATE:
        return Doubt.WORD_RATE
    if hypothesis.average_logprob < LOGPROB_LIMIT:
        if hypothesis.no_speech_probability > NO_SPEECH_LIMIT:
            return Doubt.NO_SPEECH
        return Doubt.LOW_PROBABILITY
    return None
