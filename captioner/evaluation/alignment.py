"""Two texts side by side, word for word.

The number of errors is the smallest there can be (``edits``). Which words face one another is then
chosen among the alignments that have it: those that look alike, so that a reader sees ``adopté``
beside ``adopter`` and not beside the ``un peu`` that was heard before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from captioner.evaluation.edits import EditCounts, Operation, list_word_edits
from captioner.evaluation.utterances import ComparedWord

MAX_PAIRS = 2500  # pairs of words looked at in one gap: beyond it, nobody sees which was meant


@dataclass(frozen=True, slots=True)
class Column:
    """A word of the reference, the word of the hypothesis that faces it, or both."""

    reference: ComparedWord | None
    hypothesis: ComparedWord | None

    @property
    def operation(self) -> Operation:
        """What was done to the word of the reference."""
        if self.reference is None:
            return "insert"
        if self.hypothesis is None:
            return "delete"
        return "equal" if self.reference.text == self.hypothesis.text else "substitute"


def align(
    reference: Sequence[ComparedWord], hypothesis: Sequence[ComparedWord]
) -> tuple[Column, ...]:
    """Put a hypothesis beside its reference with the fewest errors.

    Takes memory in proportion to the texts, and for texts that resemble one another about as much
    time: 100,000 words with 15 % errors take a second.
    """
    return tuple(_columns(reference, hypothesis))


def count_columns(columns: Sequence[Column]) -> EditCounts:
    """The errors in words."""
    found: dict[Operation, int] = {"equal": 0, "substitute": 0, "delete": 0, "insert": 0}
    for column in columns:
        found[column.operation] += 1
    return EditCounts(found["equal"], found["substitute"], found["delete"], found["insert"])


def _columns(
    reference: Sequence[ComparedWord], hypothesis: Sequence[ComparedWord]
) -> Iterator[Column]:
    spoken = heard = 0  # where the gap begins
    spoken_end = heard_end = 0
    edits = list_word_edits([w.text for w in reference], [w.text for w in hypothesis])
    for edit in edits:
        if edit.operation == "equal":
            yield from _gap(reference[spoken:spoken_end], hypothesis[heard:heard_end])
            spoken, heard = spoken_end + len(edit.reference), heard_end + len(edit.hypothesis)
            yield from map(Column, reference[spoken_end:spoken], hypothesis[heard_end:heard])
            spoken_end, heard_end = spoken, heard
        else:
            spoken_end += len(edit.reference)
            heard_end += len(edit.hypothesis)
    yield from _gap(reference[spoken:spoken_end], hypothesis[heard:heard_end])


def _gap(reference: Sequence[ComparedWord], hypothesis: Sequence[ComparedWord]) -> Iterator[Column]:
    """Words without any that both have: as many as possible face one another."""
    if len(reference) <= len(hypothesis):
        yield from _facing(reference, hypothesis)
    else:
        for column in _facing(hypothesis, reference):
            yield Column(column.hypothesis, column.reference)


def _facing(fewer: Sequence[ComparedWord], more: Sequence[ComparedWord]) -> Iterator[Column]:
    partners = dict(zip(_choose(fewer, more), fewer, strict=True))
    for index, word in enumerate(more):
        yield Column(partners.get(index), word)


def _choose(fewer: Sequence[ComparedWord], more: Sequence[ComparedWord]) -> Sequence[int]:
    """For each of the fewer words the index of the one it faces: in order, the most alike."""
    spare = len(more) - len(fewer)
    if not spare or not fewer or len(fewer) * len(more) > MAX_PAIRS:
        return range(len(fewer))
    # best[s] is the likeness so far of the words placed, with s of the others left out; came[i][s]
    # says how many were left out before word i.
    best = [0.0] * (spare + 1)
    came: list[list[int]] = []
    for index, word in enumerate(fewer):
        row, origin = [0.0] * (spare + 1), [0] * (spare + 1)
        source = 0
        for left in range(spare + 1):
            source = left if best[left] > best[source] else source
            row[left] = best[source] + _likeness(word.text, more[index + left].text)
            origin[left] = source
        best = row
        came.append(origin)
    left = max(range(spare + 1), key=best.__getitem__)
    chosen: list[int] = []
    for index in range(len(fewer) - 1, -1, -1):
        chosen.append(index + left)
        left = came[index][left]
    return chosen[::-1]


def _likeness(one: str, other: str) -> float:
    """From 0 to 1: letters in common; what begins alike is more alike."""
    ratio = SequenceMatcher(None, one, other, autojunk=False).ratio()
    return ratio + 0.01 * (one[:1] == other[:1])
