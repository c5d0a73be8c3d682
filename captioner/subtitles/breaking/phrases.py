"""The words of a segment as they are shown, each with the French marks that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from captioner.subtitles.breaking import french
from captioner.subtitles.breaking.stops import HELD, punctuation_costs
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Segment
from captioner.subtitles.typography import NARROW, WIDE, typeset

_FRENCH = "fr"
_NO_SPACES = str.maketrans("", "", f" {NARROW}{WIDE}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text that is never broken, with its times in samples."""

    text: str
    start: int
    end: int


def split_phrases(segment: Segment) -> list[Phrase]:
    """The words of a segment as they are shown, French punctuation attached and set.

    Words that were not timed share the segment by the length of their text.
    """
    phrases = [
        phrase for word in segment.words for phrase in _spread(word.text, word.start, word.end)
    ] or _spread(segment.text, segment.start, segment.end)
    return list(_typeset(phrases)) if is_french(segment.language) else phrases


def label_phrases(segment: Segment) -> list[Phrase]:
    """The speaker's name as the beginning of a turn, in pieces that may be broken."""
    space = WIDE if is_french(segment.language) else ""
    names = f"{flatten(segment.speaker)}{space}:".split(" ")
    start = segment.words[0].start if segment.words else segment.start
    return [Phrase(name, start, start) for name in names]


def break_costs(phrases: Sequence[Phrase], language: str) -> list[float]:
    """The cost of a break after each phrase but the last.

    0 after a sentence, ``HELD`` or more where there should be none.
    """
    texts = [phrase.text for phrase in phrases]
    return french.break_costs(texts) if is_french(language) else punctuation_costs(texts)


def label_costs(count: int) -> list[float]:
    """The cost of a break after each piece of a name: it stands before what is said."""
    return [HELD] * count


def is_french(language: str) -> bool:
    """Whether the rules of French go for a language."""
    return language.partition("-")[0] == _FRENCH


def _spread(text: str, start: int, end: int) -> list[Phrase]:
    parts = [part.strip() for part in flatten(text).split(" ") if part.strip()]
    edges = [0, *accumulate(len(part) for part in parts)]
    times = [start + (end - start) * edge // max(1, edges[-1]) for edge in edges]
    return [Phrase(part, *edge) for part, edge in zip(parts, pairwise(times), strict=True)]


def _typeset(phrases: Sequence[Phrase]) -> Iterator[Phrase]:
    """Words that typography joins become one: ``va ?``, ``3 000``, ``M. Martin``.

    Nothing but spaces changes, so each piece is as many of the words as have its other characters.
    """
    words = iter(phrases)
    for text in typeset(" ".join(phrase.text for phrase in phrases)).split(" "):
        missing = len(text.translate(_NO_SPACES))
        joined: list[Phrase] = []
        while missing > 0:
            joined.append(next(words))
            missing -= len(joined[-1].text.translate(_NO_SPACES))
        if joined:
            yield Phrase(text, joined[0].start, max(phrase.end for phrase in joined))
