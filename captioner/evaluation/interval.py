"""How far a word error rate may be off because the recordings are these and not others.

The bootstrap of M. Bisani and H. Ney, "Bootstrap estimates for confidence intervals in ASR
performance evaluation" (ICASSP 2004): what was measured is drawn again and again, with replacement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from captioner.evaluation.comparison import Comparison, Part, own_columns

LONGEST = 30  # words of one utterance that are drawn together, at most
FEWEST = 10  # blocks: fewer say nothing about others
DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Block:
    """Some words of the reference and the errors made there: what is drawn together."""

    errors: int
    words: int

    def __add__(self, other: Block) -> Block:
        return Block(self.errors + other.errors, self.words + other.words)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a figure lies with a probability of ``LEVEL``."""

    low: float
    high: float


def cut_blocks(comparison: Comparison) -> list[Block]:
    """The errors by stretches of the reference: its utterances, long ones in several pieces.

    The stretches depend on the reference alone, so those of two hypotheses are pairs. Words that
    were inserted count where the word before them stands; those of a speaker whom the reference
    does not have, in the last stretch.
    """
    blocks = [block for part in comparison.parts for block in _cut_part(part)]
    strange = sum(p.words.errors for p in comparison.parts if not p.words.reference)
    if blocks:
        blocks[-1] += Block(strange, 0)
    return blocks


def _cut_part(part: Part) -> list[Block]:
    if not part.words.reference:
        return []
    blocks: list[Block] = []
    for _, owned in groupby(own_columns(part.columns), key=lambda pair: pair[0]):
        errors = words = 0
        for _, column in owned:
            if column.reference and words == LONGEST:
                blocks.append(Block(errors, words))
                errors = words = 0
            errors += column.operation != "equal"
            words += column.reference is not None
        blocks.append(Block(errors, words))
    return blocks


def draw_interval(blocks: Sequence[Block], *, seed: int = 0) -> Interval | None:
    """The interval of the word error rate; None where there are fewer than ``FEWEST`` blocks."""
    errors = np.array([block.errors for block in blocks])
    return _draw(errors, blocks, seed)


def draw_difference(
    blocks: Sequence[Block], others: Sequence[Block], *, seed: int = 0
) -> Interval | None:
    """The interval of the word error rate of one hypothesis less that of another.

    Both face the same reference, so the same blocks are drawn from both: what is hard in them is
    hard for both, and drops out.

    Raises:
        ValueError: the blocks are not of the same reference.
    """
    if [block.words for block in blocks] != [block.words for block in others]:
        raise ValueError("the two hypotheses were not compared with the same reference")
    errors = np.array([a.errors - b.errors for a, b in zip(blocks, others, strict=True)])
    return _draw(errors, blocks, seed)


def _draw(errors: np.ndarray, blocks: Sequence[Block], seed: int) -> Interval | None:
    if len(blocks) < FEWEST:
        return None
    words = np.array([block.words for block in blocks])
    random = np.random.default_rng(seed)
    rates = []
    for _ in range(DRAWS):
        drawn = random.integers(0, len(blocks), len(blocks))
        if said := words[drawn].sum():
            rates.append(errors[drawn].sum() / said)
    low, high = np.percentile(rates, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(low), float(high))
