"""Spells key terms as they were given where a hypothesis holds what sounds like them.

A model writes a name that it does not know as it hears it: *Vinc* for *Vyncke*. Where some words of
a hypothesis sound like a key term and the model was not sure of them, the key term replaces them.
Nothing else changes, so terms that are not said cost nothing, and the decode itself is the same
with and without: it shares batches with those of other sessions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from captioner.asr.sounds import distance, readings, word_sounds
from captioner.transcript import Hypothesis, Word

LONGEST_RUN: Final = 4  # pieces of words that may stand for one term
FEWEST_SOUNDS: Final = 3  # of a term: fewer are like everything
SHORT: Final = 2  # sounds of a term for which nothing but the same sounds will do...
LONG: Final = 6  # ...and from which `ALIKE` is granted in full
JOINT: Final = 0.04  # edits per sound for each piece of a run beyond those of the term
ALIKE: Final = 0.3  # edits per sound up to which a run is ever taken for a term
SURE: Final = 0.87  # probability from which a run is what was said, whatever it sounds like
STEEPNESS: Final = 0.8  # edits per sound that are granted for each bit of probability under `SURE`
_PIECE: Final = re.compile(r"[^\W_]+")

Encode = Callable[[str], Sequence[int]]
"""Turns text into tokens: see `captioner.asr.tokenizer.WhisperTokenizer.encode`."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of letters or digits in a word."""

    word: int
    start: int
    end: int
    sounds: str


@dataclass(frozen=True, slots=True)
class _Match:
    """Pieces [first, last] that sound like a term."""

    cost: float
    first: int
    last: int
    term: str


def spell_key_terms(
    hypothesis: Hypothesis, key_terms: Sequence[str], encode: Encode, *, forced: int = 0
) -> Hypothesis:
    """The hypothesis with key terms spelt as they were given.

    Args:
        hypothesis: of one window.
        key_terms: as a client gives them.
        encode: of the model's tokenizer.
        forced: tokens at the beginning that were known before: their words stay as they are.
    """
    first = _words_within(hypothesis, forced)
    if not key_terms or first == len(hypothesis.words):
        return hypothesis
    pieces = _pieces(hypothesis.words, first)
    matches = sorted(_matches(hypothesis.words, pieces, key_terms), key=lambda m: m.cost)
    taken: set[int] = set()
    chosen: list[_Match] = []
    for match in matches:
        run = range(match.first, match.last + 1)
        if taken.isdisjoint(run):
            taken.update(run)
            chosen.append(match)
    for match in sorted(chosen, key=lambda m: -m.first):
        first_piece, last_piece = pieces[match.first], pieces[match.last]
        hypothesis = _replaced(hypothesis, first_piece, last_piece, match.term, encode)
    return hypothesis


def _words_within(hypothesis: Hypothesis, forced: int) -> int:
    """How many leading words begin within so many tokens."""
    seen = count = 0
    for tokens in hypothesis.word_tokens:
        if seen >= forced:
            break
        seen += len(tokens)
        count += 1
    return count


def _pieces(words: Sequence[Word], first: int) -> list[_Piece]:
    return [
        _Piece(index, found.start(), found.end(), word_sounds(found[0]))
        for index in range(first, len(words))
        for found in _PIECE.finditer(words[index].text)
    ]


def _matches(
    words: Sequence[Word], pieces: Sequence[_Piece], key_terms: Sequence[str]
) -> Iterator[_Match]:
    """Runs of pieces that may stand for a term."""
    for first in range(len(pieces)):
        heard = ""
        for last in range(first, min(first + LONGEST_RUN, len(pieces))):
            heard += pieces[last].sounds
            sure = _sureness(words, pieces[first : last + 1])
            limit = min(ALIKE, STEEPNESS * (SURE - sure))
            if limit < 0:
                continue
            for cost, term in _alike(heard, tuple(key_terms)):
                spread = JOINT * max(0, last - first + 1 - len(_PIECE.findall(term)))
                if cost + spread <= limit:
                    yield _Match(cost + spread, first, last, term)


def _sureness(words: Sequence[Word], run: Sequence[_Piece]) -> float:
    indexes = {piece.word for piece in run}
    return sum(words[index].probability for index in indexes) / len(indexes)


@lru_cache(maxsize=1024)
def _readings(term: str) -> tuple[str, ...]:
    return tuple(reading for reading in readings(term) if len(reading) >= FEWEST_SOUNDS)


@lru_cache(maxsize=2048)  # interims say the same words again and again
def _alike(heard: str, key_terms: tuple[str, ...]) -> tuple[tuple[float, str], ...]:
    """The key terms that sound like what was heard, each with its edits per sound."""
    costs = ((_unlike(heard, term), term) for term in key_terms)
    return tuple((cost, term) for cost, term in costs if cost < math.inf)


def _unlike(heard: str, term: str) -> float:
    """Edits per sound between what was heard and the nearest way of saying a term.

    Infinite where there are more than a term of its length may have.
    """
    best = math.inf
    for reading in _readings(term):
        size = max(len(heard), len(reading))
        edits = min(best, _tolerance(len(reading))) * size
        # a sound too many or too few costs half an edit at least
        if abs(len(heard) - len(reading)) <= 2 * edits:
            best = min(best, distance(heard, reading, limit=edits) / size)
    return best


def _tolerance(size: int) -> float:
    """Edits per sound that a term of so many sounds may have: short ones resemble too much."""
    return ALIKE * min(1.0, (size - SHORT) / (LONG - SHORT))


def _replaced(
    hypothesis: Hypothesis, first: _Piece, last: _Piece, term: str, encode: Encode
) -> Hypothesis:
    """The hypothesis with a term in the place of a run of pieces."""
    words = hypothesis.words
    begin, end = words[first.word], words[last.word]
    text = begin.text[: first.start] + term + _after(end.text, last.end)
    run = words[first.word : last.word + 1]
    whole = Word(text, begin.start, end.end, sum(w.probability for w in run) / len(run))
    new = tuple(_shared_out(whole))
    tokens = tuple(tuple(encode(" " + word.text)) for word in new)
    return replace(
        hypothesis,
        words=(*words[: first.word], *new, *words[last.word + 1 :]),
        word_tokens=(
            *hypothesis.word_tokens[: first.word],
            *tokens,
            *hypothesis.word_tokens[last.word + 1 :],
        ),
    )


def _after(text: str, end: int) -> str:
    """What follows a piece in its word: a part of a compound becomes a word of its own."""
    rest = text[end:]
    return " " + rest[1:] if rest[:1] == "-" and rest[1:2].isalpha() else rest


def _shared_out(whole: Word) -> Iterator[Word]:
    """The words of a text, its time shared out by their letters."""
    parts = whole.text.split()
    letters = sum(map(len, parts))
    start, seen = whole.start, 0
    for part in parts:
        seen += len(part)
        end = whole.start + (whole.end - whole.start) * seen // letters
        yield Word(part, start, end, whole.probability)
        start = end
