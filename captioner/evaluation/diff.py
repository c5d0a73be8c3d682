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

    ``context`` is how many words are shown on either side of an error, across utterances; None
    shows everything.
    """
    passages = [passage for part in parts for passage in _select(part, context)]
    if all(passage.start is not None for passage in passages):
        passages.sort(key=lambda passage: passage.start or 0.0)
    return passages


def _select(part: Part, context: int | None) -> Iterator[Passage]:
    shown = [True] * len(part.columns) if context is None else _near(part.columns, context)
    owned = zip(own_columns(part.columns), shown, strict=True)
    for owner, group in groupby(owned, key=lambda item: item[0][0]):
        stretch = [(column, visible) for (_, column), visible in group]
        begin = 0
        for visible, run in groupby(stretch, key=lambda item: item[1]):
            columns = tuple(column for column, _ in run)
            end = begin + len(columns)
            if visible:
                yield Passage(
                    part.speaker or _speaker_of(part, owner),
                    _start_of(part, columns),
                    columns,
                    cut_before=begin > 0,
                    cut_after=end < len(stretch),
                )
            begin = end


def _near(columns: Sequence[Column], context: int) -> list[bool]:
    """Which columns are at most so far from an error."""
    shown = [False] * len(columns)
    done = 0
    for index, column in enumerate(columns):
        if column.operation != "equal":
            end = min(len(columns), index + context + 1)
            for near in range(max(done, index - context), end):
                shown[near] = True
            done = end
    return shown


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
