"""From the hypothesis of a window to the words of each of its utterances. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from captioner.asr.hallucination import invented
from captioner.asr.plausibility import LOOP_REPEATS, LOOP_WORDS, Doubt, bare, doubt, loop_start
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription.plan import PlannedWindow

SHORTEST_PHRASE: Final = LOOP_WORDS // LOOP_REPEATS + 1  # words: what `loop_start` leaves out
SKIPPED: Final = round(2.5 * SAMPLE_RATE)  # samples of speech that no word can last


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a window."""

    utterances: tuple[tuple[Word, ...], ...]
    """For each utterance of the window its words, at their places in the recording."""
    dropped: tuple[str, ...] = ()
    """Why words were dropped, once for each time."""


def doubts(hypothesis: Hypothesis, window: PlannedWindow) -> bool:
    """Whether the window should be decoded another way, as far as can be told without the audio."""
    return doubt(hypothesis, window.length) is not None or skips(hypothesis, window.length)


def skips(hypothesis: Hypothesis, length: int) -> bool:
    """Whether speech was passed over: nothing, or a single word, stands for seconds of it.

    Whisper sometimes writes down only the last sentence of a window, or only the first ones. The
    aligner then stretches a word over the rest, or leaves it bare. A window holds no silence of
    that length.
    """
    words = hypothesis.words
    if not words:
        return False
    gaps = (after.start - before.end for before, after in pairwise(words))
    spans = (word.end - word.start for word in words)
    ends = (words[0].start, length - words[-1].end)
    return max(*spans, *gaps, *ends) >= SKIPPED


def read(hypothesis: Hypothesis, window: PlannedWindow) -> Reading:
    """Give each utterance its words, less what the model invented."""
    dropped: list[str] = []
    words = [word.text for word in hypothesis.words]
    loops = [end for end in (loop_start(words), long_loop_start(words)) if end is not None]
    if loops:
        hypothesis = _first_words(hypothesis, min(loops))
        dropped.append(Doubt.LOOP.value)
    # Dense text without a loop is kept: roll calls and votes are said so.
    if doubt(hypothesis, window.length) is Doubt.WORD_RATE:
        return Reading(((),) * len(window.utterances), (*dropped, Doubt.WORD_RATE.value))
    utterances: list[tuple[Word, ...]] = []
    for utterance, part in zip(window.utterances, divide(hypothesis, window), strict=True):
        reason = invented(part, speech=utterance.end - utterance.start, voiced=utterance.voiced)
        if reason:
            dropped.append(reason)
        utterances.append(() if reason else part.words)
    return Reading(tuple(utterances), tuple(dropped))


def long_loop_start(words: Sequence[str]) -> int | None:
    """Index after the first occurrence of a whole phrase that comes three times in a row, or None.

    What `loop_start` is to short runs: only windows of many seconds have room for these.
    """
    plain = [bare(word) for word in words]
    for start in range(len(plain)):
        for size in range(SHORTEST_PHRASE, (len(plain) - start) // LOOP_REPEATS + 1):
            run = plain[start : start + size]
            if plain[start : start + LOOP_REPEATS * size] == run * LOOP_REPEATS:
                return start + size
    return None


def divide(hypothesis: Hypothesis, window: PlannedWindow) -> tuple[Hypothesis, ...]:
    """Divide a hypothesis among the utterances of its window, words at their absolute places.

    A word belongs to the utterance that it overlaps most, but never to one before that of the
    word before it. The aligner stretches words into the silence beside them: what reaches beyond
    the utterance is cut off.
    """
    spans = [
        _Span(place, place + utterance.end - utterance.start)
        for place, utterance in zip(window.places, window.utterances, strict=True)
    ]
    parts: list[list[tuple[Word, tuple[int, ...]]]] = [[] for _ in spans]
    index = 0
    for word, tokens in zip(hypothesis.words, hypothesis.word_tokens, strict=True):
        index = _belongs_to(word, spans, index)
        shift = window.utterances[index].start - spans[index].start
        parts[index].append((_within(word, spans[index], shift), tokens))
    return tuple(
        replace(
            hypothesis,
            words=tuple(word for word, _ in part),
            word_tokens=tuple(tokens for _, tokens in part),
        )
        for part in parts
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """Where an utterance is in its window."""

    start: int
    end: int


def _first_words(hypothesis: Hypothesis, count: int) -> Hypothesis:
    return replace(
        hypothesis, words=hypothesis.words[:count], word_tokens=hypothesis.word_tokens[:count]
    )


def _belongs_to(word: Word, spans: Sequence[_Span], first: int) -> int:
    """Index, from `first` on, of the span that shares most with the word, or is nearest."""
    return max(
        range(first, len(spans)),
        key=lambda i: min(word.end, spans[i].end) - max(word.start, spans[i].start),
    )


def _within(word: Word, span: _Span, shift: int) -> Word:
    start = min(max(word.start, span.start), span.end)
    end = max(start, min(word.end, span.end))
    return replace(word, start=start + shift, end=end + shift)
