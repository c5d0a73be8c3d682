"""What key terms bring: names that come out right, the rest of the words, names nobody said."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from captioner.evaluation.edits import list_word_edits
from captioner.evaluation.normalisation import normalise


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence, and the key term in it; no term in an ordinary one."""

    text: str
    term: str = ""


@dataclass(frozen=True, slots=True)
class TermScore:
    """Counts over some sentences."""

    terms: int = 0
    found: int = 0
    """Terms written as they were given, but for case."""
    rest: int = 0
    """Words that belong to no term."""
    rest_errors: int = 0
    words: int = 0
    """That were recognised."""
    invented: int = 0
    """Key terms that were written where they were not said."""

    def __add__(self, other: TermScore) -> TermScore:
        return TermScore(
            self.terms + other.terms,
            self.found + other.found,
            self.rest + other.rest,
            self.rest_errors + other.rest_errors,
            self.words + other.words,
            self.invented + other.invented,
        )

    def to_json(self) -> dict[str, float | int | None]:
        """Plain values, with the rates in percent."""
        return {
            "terms": self.terms,
            "recall": round(100 * self.found / self.terms, 1) if self.terms else None,
            "rest_words": self.rest,
            "rest_wer": round(100 * self.rest_errors / self.rest, 2) if self.rest else None,
            "words": self.words,
            "invented": self.invented,
            "invented_per_1000_words": (
                round(1000 * self.invented / self.words, 2) if self.words else None
            ),
        }


def count(said: Said, recognised: str, key_terms: Sequence[str]) -> TermScore:
    """Count one sentence.

    Words put beside a term belong to the term: *Van Pute* for *Vandeputte* is one name that is
    wrong, and no further error.
    """
    true, heard = normalise(said.text), normalise(recognised)
    term = normalise(said.term)
    begin = _places(term, true)[0] if term else -1
    errors = 0
    place = 0
    for edit in list_word_edits(true, heard):
        size = len(edit.reference)
        if edit.operation == "insert":
            beside = term and begin <= place <= begin + len(term)
            errors += 0 if beside else len(edit.hypothesis)
        elif edit.operation != "equal":
            errors += sum(
                not begin <= index < begin + len(term) for index in range(place, place + size)
            )
        place += size
    return TermScore(
        terms=bool(term),
        found=bool(term and _places(term, heard)),
        rest=len(true) - len(term),
        rest_errors=errors,
        words=len(heard),
        invented=sum(_invented(each, true, heard) for each in key_terms),
    )


def _invented(term: str, true: Sequence[str], heard: Sequence[str]) -> int:
    words = normalise(term)
    return max(0, len(_places(words, heard)) - len(_places(words, true)))


def _places(run: Sequence[str], words: Sequence[str]) -> list[int]:
    """Where a run of words begins in others."""
    size = len(run)
    if not size:
        return []
    return [i for i in range(len(words) - size + 1) if list(words[i : i + size]) == list(run)]


def term_set(terms: Sequence[str], own: str, size: int, *, seed: str) -> tuple[str, ...]:
    """So many key terms in random order, ``own`` among them, unless it is empty."""
    chance = random.Random(seed)  # noqa: S311 - an experiment, not a secret
    others = [term for term in dict.fromkeys(terms) if term != own]
    chosen = chance.sample(others, max(0, size - bool(own)))
    if own:
        chosen.insert(chance.randrange(len(chosen) + 1), own)
    return tuple(chosen)
