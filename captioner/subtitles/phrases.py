"""The pieces of a segment that stay on one line, and how well a break goes between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise

from captioner.subtitles.cues import Segment
from captioner.subtitles.typography import NARROW, WIDE, flatten, typeset

_CLOSING_MARKS = re.compile(r"[;:!?»]+[.,…]*")  # Whisper may give "?" as a word of its own
_CLOSERS = "»\"'”’)] \u00a0\u202f"
_FRENCH = "fr"

# Words that hold on to what follows them: articles, prepositions, conjunctions, pronouns.
_HOLDING = frozenset(
    (
        *("le", "la", "les", "un", "une", "des", "du", "de", "au", "aux", "ce", "cet", "cette"),
        *("ces", "mon", "ton", "son", "ma", "ta", "sa", "mes", "tes", "ses", "notre", "votre"),
        *("leur", "leurs", "nos", "vos", "à", "en", "dans", "par", "pour", "sur", "sous", "avec"),
        *(
            "sans",
            "chez",
            "vers",
            "pendant",
            "depuis",
            "comme",
            "dont",
            "et",
            "ou",
            "mais",
            "que",
            "qui",
            "si",
            "ne",
            "je",
            "tu",
            "il",
        ),
        *("elle", "on", "nous", "vous", "ils", "elles", "se", "me", "te", "très", "plus"),
    )
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Text that is not broken, with its times in samples."""

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
    if segment.language != _FRENCH:
        return phrases
    attached = _attach_marks(phrases)
    return [Phrase(typeset(phrase.text), phrase.start, phrase.end) for phrase in attached]


def label_phrases(segment: Segment) -> list[Phrase]:
    """The speaker's name as the beginning of a turn, in pieces that may be broken."""
    space = WIDE if segment.language == _FRENCH else ""
    names = f"{flatten(segment.speaker)}{space}:".split(" ")
    start = segment.words[0].start if segment.words else segment.start
    return [Phrase(name, start, start) for name in names]


def break_cost(before: str) -> float:
    """How bad it is to break after this text: 0 after a sentence, 1.5 within a group of words."""
    text = before.rstrip(_CLOSERS)
    if text.endswith((".", "!", "?", "…")):
        return 0.0
    if text.endswith((",", ";", ":")):
        return 0.3
    return 1.5 if text.lower() in _HOLDING else 1.0


def _spread(text: str, start: int, end: int) -> list[Phrase]:
    parts = [part.strip() for part in flatten(text).split(" ") if part.strip()]
    edges = [0, *accumulate(len(part) for part in parts)]
    times = [start + (end - start) * edge // max(1, edges[-1]) for edge in edges]
    return [Phrase(part, *edge) for part, edge in zip(parts, pairwise(times), strict=True)]


def _attach_marks(phrases: list[Phrase]) -> list[Phrase]:
    """Marks that stand alone join their word: closing ones the word before, ``«`` the next."""
    joined: list[Phrase] = []
    for phrase in phrases:
        before = joined[-1] if joined else None
        if before and (_CLOSING_MARKS.fullmatch(phrase.text) or before.text == "«"):
            text = f"{before.text}{NARROW}{phrase.text}"
            joined[-1] = Phrase(text, before.start, max(before.end, phrase.end))
        else:
            joined.append(phrase)
    return joined
