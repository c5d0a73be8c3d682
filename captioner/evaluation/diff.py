"""What of an alignment a reader wants to see: the errors, with some words around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from captioner.evaluation.alignment import Column
from captioner.evaluation.comparison import Part, own_columns
from captioner.evaluation.utterances import ComparedWord, Utterance


@dataclass(frozen=True, slots=True)
class Passage:
    """Columns that follow one another, within one utterance of the reference."""

    speaker: str
    start: float | None
    """Seconds, of the first word where it was timed, else of the utterance."""
    columns: tuple[Column, ...]
    cut_before: bool
    """Words of the utterance before these are left out."""
    cut_after: bool


def select_passages(parts: Sequence[Part], *, context: int | None) -> list[Passage]:
    """The passages to show, in the order of time where it is known.

    ``context`` is how many words of its utterance are shown on either side of an error; None shows
    everything.
    """
    passages = [passage for part in parts for passage in _select(part, context)]
    if all(passage.start is not None for passage in passages):
        passages.sort(key=lambda passage: passage.start or 0.0)
    return passages


def _select(part: Part, context: int | None) -> Iterator[Passage]:
    for owner, group in groupby(own_columns(part.columns), key=lambda owned: owned[0]):
        columns = tuple(column for _, column in group)
        for begin, end in _spans(columns, context):
            yield Passage(
                part.speaker or _speaker_of(part, owner),
                _start_of(part, columns[begin:end]),
                columns[begin:end],
                cut_before=begin > 0,
                cut_after=end < len(columns),
            )


def _spans(columns: Sequence[Column], context: int | None) -> list[tuple[int, int]]:
    """The stretches to show: all of it, or what is near enough to an error."""
    if context is None:
        return [(0, len(columns))]
    spans: list[tuple[int, int]] = []
    for index, column in enumerate(columns):
        if column.operation != "equal":
            begin, end = max(0, index - context), min(len(columns), index + context + 1)
            if spans and begin <= spans[-1][1]:
                begin = spans.pop()[0]
            spans.append((begin, end))
    return spans


def _speaker_of(part: Part, owner: int) -> str:
    return part.reference[owner].speaker if part.reference else ""


def _start_of(part: Part, columns: Sequence[Column]) -> float | None:
    """When the first of the words was said, or its utterance began; else what was heard."""
    said = [column.reference for column in columns if column.reference]
    heard = [column.hypothesis for column in columns if column.hypothesis]
    starts = (*_starts(said, part.reference), *_starts(heard, part.hypothesis))
    return next((start for start in starts if start is not None), None)


def _starts(
    words: Sequence[ComparedWord], utterances: Sequence[Utterance]
) -> Iterator[float | None]:
    yield from (word.start for word in words)
    yield from (utterances[word.utterance].start for word in words[:1])
