"""Word and character errors between a reference and a hypothesis, counted by jiwer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jiwer

Operation = Literal["equal", "substitute", "delete", "insert"]


@dataclass(frozen=True, slots=True)
class EditCounts:
    """The fewest edits that turn the reference into the hypothesis, in words or in characters."""

    hits: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def reference(self) -> int:
        """How long the reference is."""
        return self.hits + self.substitutions + self.deletions

    @property
    def hypothesis(self) -> int:
        """How long the hypothesis is."""
        return self.hits + self.substitutions + self.insertions

    @property
    def errors(self) -> int:
        """All edits together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors over the length of the reference; the plain count where the reference is empty."""
        return self.errors / self.reference if self.reference else float(self.errors)

    def __add__(self, other: EditCounts) -> EditCounts:
        return EditCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True, slots=True)
class Edit:
    """A run of words that agree, or differ in one way."""

    operation: Operation
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]


def count_word_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> EditCounts:
    """Compare two normalised texts word by word."""
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return EditCounts(found.hits, found.substitutions, found.deletions, found.insertions)


def count_character_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> EditCounts:
    """Compare two normalised texts character by character, one space between words."""
    found = jiwer.process_characters(" ".join(reference), " ".join(hypothesis))
    return EditCounts(found.hits, found.substitutions, found.deletions, found.insertions)


def list_word_edits(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Edit]:
    """The alignment behind ``count_word_edits``, in order: what a reader of a diff wants to see."""
    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return [
        Edit(
            _operation(chunk.type),
            tuple(reference[chunk.ref_start_idx : chunk.ref_end_idx]),
            tuple(hypothesis[chunk.hyp_start_idx : chunk.hyp_end_idx]),
        )
        for chunk in found.alignments[0]
    ]


def _operation(name: str) -> Operation:
    match name:
        case "equal" | "substitute" | "delete" | "insert":
            return name
        case _:
            raise ValueError(f"jiwer names an unknown edit: {name}")
