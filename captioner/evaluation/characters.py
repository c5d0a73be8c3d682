"""Errors in characters of texts of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from captioner.evaluation.alignment import Column
from captioner.evaluation.edits import EditCounts, count_character_edits

MAX_CHARACTERS = 30_000  # of the reference, compared at once
ANCHOR = 8  # words that both sides have, around a cut
PIECE = 500  # words between two cuts, at least


def count_characters(columns: Sequence[Column]) -> EditCounts:
    """The errors in characters, one space between words.

    The time to find the fewest grows with the square of a text: half a minute for ten hours. Texts
    of more than ``MAX_CHARACTERS`` are therefore cut in the middle of runs of words that both sides
    have. That gives at least the fewest errors, and no more unless the best alignment of the
    characters avoided the whole run.
    """
    total = sum(len(column.reference.text) + 1 for column in columns if column.reference)
    if total <= MAX_CHARACTERS:
        return count_character_edits(*_texts(columns))
    cuts = [0, *_find_cuts(columns), len(columns)]
    counts = EditCounts(len(cuts) - 2, 0, 0, 0)  # the spaces at the cuts
    for begin, end in pairwise(cuts):
        counts += count_character_edits(*_texts(columns[begin:end]))
    return counts


def _find_cuts(columns: Sequence[Column]) -> Iterator[int]:
    """Where a text may be cut: in the middle of words that both sides have."""
    last = run = 0
    for index, column in enumerate(columns):
        run = run + 1 if column.operation == "equal" else 0
        cut = index + 1 - ANCHOR // 2
        if run >= ANCHOR and cut - last >= PIECE:
            yield cut
            last = cut


def _texts(columns: Iterable[Column]) -> tuple[list[str], list[str]]:
    pairs = [(column.reference, column.hypothesis) for column in columns]
    return [said.text for said, _ in pairs if said], [heard.text for _, heard in pairs if heard]
