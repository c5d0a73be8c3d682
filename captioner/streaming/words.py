"""Words at their places in a session, and what can be said of runs of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from captioner.asr.plausibility import bare, loop_start
from captioner.transcript import Word


@dataclass(frozen=True, slots=True)
class SpelledWord:
    """A word at its place in the session, with the tokens that spell it."""

    word: Word
    tokens: tuple[int, ...]


def without_loop(words: Sequence[SpelledWord]) -> tuple[SpelledWord, ...]:
    """The words up to the end of the first occurrence of a run that repeats."""
    end = loop_start([spelled.word.text for spelled in words])
    return tuple(words if end is None else words[:end])


def same_words(left: Sequence[SpelledWord], right: Sequence[SpelledWord]) -> int:
    """How many leading words are the same but for case and punctuation."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if bare(a.word.text) != bare(b.word.text):
            break
        count += 1
    return count


def in_order(words: Iterable[SpelledWord], floor: int) -> tuple[SpelledWord, ...]:
    """The words with times that do not overlap, none before `floor`."""
    placed: list[SpelledWord] = []
    for spelled in words:
        start = max(spelled.word.start, floor)
        if placed and placed[-1].word.end > start:
            placed[-1] = _moved(placed[-1], placed[-1].word.start, start)
        placed.append(_moved(spelled, start, max(spelled.word.end, start)))
        floor = start
    return tuple(placed)


def _moved(spelled: SpelledWord, start: int, end: int) -> SpelledWord:
    return replace(spelled, word=replace(spelled.word, start=start, end=end))
