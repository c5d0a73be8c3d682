"""The figures of many comparisons together: by file, by speaker, in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from captioner.evaluation.comparison import (
    Comparison,
    count_confusions,
    list_offsets,
    summarise_offsets,
)
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.interval import (
    FEWEST,
    Block,
    Interval,
    cut_blocks,
    draw_difference,
    draw_interval,
)
from captioner.evaluation.word_times import WordTimeErrors

_NO_EDITS = EditCounts(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Errors in words and in characters."""

    words: EditCounts = _NO_EDITS
    characters: EditCounts = _NO_EDITS

    def __add__(self, other: Figures) -> Figures:
        return Figures(self.words + other.words, self.characters + other.characters)


@dataclass(slots=True)
class Tally:
    """Adds comparisons up. Rates are of all errors over all words, not means of rates."""

    by_file: bool
    """Whether intervals are drawn from files as they are: where there are enough of them, since
    what is hard in a file is hard throughout. Else from stretches of the text."""
    files: dict[str, Figures] = field(default_factory=dict)
    speakers: dict[str, Figures] = field(default_factory=dict)
    """Those that were judged apart."""
    regardless: EditCounts = _NO_EDITS
    """Errors in words, whoever said them."""
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Word of the reference and what was recognised; empty where there was none."""
    blocks: dict[str, list[Block]] = field(default_factory=dict)
    """By reference."""
    starts: list[float] = field(default_factory=list)
    """Recognised minus true, in seconds."""
    ends: list[float] = field(default_factory=list)

    @classmethod
    def of_pairs(cls, count: int) -> Tally:
        """An empty one, for so many files."""
        return cls(by_file=count >= FEWEST)

    @property
    def total(self) -> Figures:
        """Of all files."""
        return sum(self.files.values(), Figures())

    def add(self, name: str, comparison: Comparison, *, reference: str) -> None:
        """Take one file in; ``reference`` tells which files of two tallies are pairs."""
        self.files[name] = Figures(comparison.words, comparison.characters)
        self.regardless += comparison.regardless or comparison.words
        blocks = cut_blocks(comparison)
        self.blocks[reference] = [reduce(add, blocks)] if self.by_file and blocks else blocks
        for part in comparison.parts:
            if comparison.regardless:
                figures = Figures(part.words, part.characters)
                self.speakers[part.speaker] = self.speakers.get(part.speaker, Figures()) + figures
            self.confusions.update(count_confusions(part.columns))
            starts, ends = list_offsets(part.columns)
            self.starts += starts
            self.ends += ends

    def interval(self) -> Interval | None:
        """Of the word error rate; None where there is too little to draw from."""
        return draw_interval(_flat(self.blocks))

    def difference(self, other: Tally) -> tuple[float, Interval | None]:
        """This word error rate less the other's, over the references that both have.

        Raises:
            ValueError: they have none in common, or were not compared in the same way.
        """
        common = [name for name in self.blocks if name in other.blocks]
        mine = _flat({name: self.blocks[name] for name in common})
        others = _flat({name: other.blocks[name] for name in common})
        interval = draw_difference(mine, others)
        words = sum(block.words for block in mine)
        if not words:
            raise ValueError("no reference is common to both hypotheses")
        errors = sum(a.errors - b.errors for a, b in zip(mine, others, strict=True))
        return errors / words, interval

    def word_times(self) -> WordTimeErrors | None:
        """How far the times of words are off; None when no word was timed on both sides."""
        return summarise_offsets(self.starts, self.ends)


def _flat(blocks: Mapping[str, list[Block]]) -> list[Block]:
    return [block for found in blocks.values() for block in found]
