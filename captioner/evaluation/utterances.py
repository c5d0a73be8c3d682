"""Texts as they are judged: who says what, when that is known, and the words that are compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from captioner.errors import InvalidRequest
from captioner.evaluation.edits import list_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.truth import TimedWord, read_truth, split_truth


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of one speaker's text."""

    text: str
    """As written."""
    speaker: str = ""
    """Empty when nobody is named."""
    start: float | None = None
    """Seconds; None when nobody knows."""
    words: tuple[TimedWord, ...] = ()
    """The words of the text with their times, as far as they were timed."""


@dataclass(frozen=True, slots=True)
class ComparedWord:
    """One normalised word; a written word may be several (``l'ordre``), or none (a dash)."""

    text: str
    utterance: int
    """The index of its utterance."""
    start: float | None = None
    """Seconds; known where a written word begins with this one and was timed."""
    end: float | None = None
    """Seconds; known where a written word ends with this one and was timed."""


def read_truth_utterances(track: Mapping[str, Any], *, speaker: str = "") -> list[Utterance]:
    """The utterances of one track of a ``truth.json``: those it lists, or the track as one.

    Each has ``words`` with times, or at least a ``text``.

    Raises:
        InvalidRequest: when one has neither, or a word lacks a part.
    """
    parts = track.get("utterances", [track])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise InvalidRequest("the utterances of a track are expected to be a list of objects")
    return [_read_utterance(part, speaker) for part in parts]


def _read_utterance(part: Mapping[str, Any], speaker: str) -> Utterance:
    text, start = part.get("text"), part.get("start")
    if "words" in part:
        words = read_truth({"words": part["words"]})
        begin = words[0].start if words else start
        return Utterance(" ".join(word.text for word in words), speaker, begin, words)
    if not isinstance(text, str):
        raise InvalidRequest("an utterance has neither words nor a text")
    known = isinstance(start, int | float)
    return Utterance(text, speaker, start if known else None)


def compared_words(
    utterances: Sequence[Utterance], *, numbers: bool = False
) -> tuple[ComparedWord, ...]:
    """The words of texts in the form in which they are compared: see ``normalise``.

    Letters may be composed or not (NFC or NFD). ``numbers`` spells digits out, in French.
    """
    return tuple(
        word
        for index, utterance in enumerate(utterances)
        for word in _words_of(utterance, index, numbers=numbers)
    )


def _words_of(utterance: Utterance, index: int, *, numbers: bool) -> list[ComparedWord]:
    pieces = normalise(_composed(utterance.text), numbers=numbers)
    if not utterance.words:
        return [ComparedWord(piece, index) for piece in pieces]
    timed = _timed_pieces(utterance.words, index, numbers=numbers)
    if [word.text for word in timed] == list(pieces):
        return timed
    # The text reads otherwise than its words one by one ("25" and "%" together are "pour cent"):
    # the text counts, and what both have keeps its times.
    found: list[ComparedWord] = []
    at = 0
    for edit in list_word_edits(pieces, [word.text for word in timed]):
        if edit.operation == "equal":
            found += timed[at : at + len(edit.hypothesis)]
        else:
            found += (ComparedWord(piece, index) for piece in edit.reference)
        at += len(edit.hypothesis)
    return found


def _timed_pieces(words: Sequence[TimedWord], index: int, *, numbers: bool) -> list[ComparedWord]:
    composed = [TimedWord(_composed(word.text), word.start, word.end) for word in words]
    pieces, owners = split_truth(composed, numbers=numbers)
    before, after = (-1, *owners), (*owners[1:], -1)
    return [
        ComparedWord(
            piece,
            index,
            start=words[owner].start if before[at] != owner else None,
            end=words[owner].end if after[at] != owner else None,
        )
        for at, (piece, owner) in enumerate(zip(pieces, owners, strict=True))
    ]


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
