"""The words of a segment as they are shown, each with the French marks that belong to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from captioner.subtitles.breaking import french
from captioner.subtitles.breaking.stops import HELD, punctuation_costs
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Segment
from captioner.subtitles.typography import NARROW, WIDE, typeset

_FRENCH = "fr"
# A few words up to a colon, without other punctuation.
_LABEL = re.compile(rf"(?:[^\s:.,;!?]+[ {WIDE}]){{0,4}}?[^\s:.,;!?]+[ {WIDE}{NARROW}]?: ")
_NO_SPACES = str.maketrans("", "", f" {NARROW}{WIDE}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text that is never broken, with its times in samples."""

    text: str
    start: int
    end: int


def split_phrases(segment: Segment) -> list[Phrase]:
    """The words of a segment as they are shown, French punctuation attached and set."""
    return [phrase for _, phrase in set_words(split_words(segment), segment.language)]


def split_words(segment: Segment) -> list[Phrase]:
    """The words of a segment as they were recognised or read.

    Those that were not timed share the segment by the length of their text.
    """
    return [
        phrase for word in segment.words for phrase in _spread(word.text, word.start, word.end)
    ] or _spread(segment.text, segment.start, segment.end)


def set_words(words: Sequence[Phrase], language: str) -> Iterator[tuple[int, Phrase]]:
    """Words as they are shown, each with the index of the first that it is made of.

    Those that typography joins become one: ``va ?``, ``3 000``, ``M. Martin``. Nothing but spaces
    changes, so each is made of as many as have its other characters.
    """
    if not is_french(language):
        yield from enumerate(words)
        return
    at = 0
    for text in typeset(" ".join(word.text for word in words)).split(" "):
        begin, missing = at, len(text.translate(_NO_SPACES))
        while missing > 0:
            missing -= len(words[at].text.translate(_NO_SPACES))
            at += 1
        if at > begin:
            end = max(word.end for word in words[begin:at])
            yield begin, Phrase(text, words[begin].start, end)


def find_label(text: str) -> str:
    """The name that a turn seems to begin with, as ``Claire : `` in formats without a place for it.

    Up to the space behind its colon; empty where it begins otherwise.
    """
    label = _LABEL.match(text)
    return label[0] if label else ""


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
