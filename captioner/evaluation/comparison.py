"""A transcript judged against its reference: errors in all, by speaker, and where they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from captioner.evaluation.alignment import Column, align, count_columns
from captioner.evaluation.characters import count_characters
from captioner.evaluation.edits import EditCounts, count_word_edits
from captioner.evaluation.utterances import Utterance, compared_words
from captioner.evaluation.word_times import TimeErrors, WordTimeErrors

_NO_EDITS = EditCounts(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """What one speaker said, or all of them together, beside what was recognised."""

    speaker: str
    """Empty: nobody is named, or all are judged as one."""
    reference: tuple[Utterance, ...]
    hypothesis: tuple[Utterance, ...]
    columns: tuple[Column, ...]
    words: EditCounts
    characters: EditCounts


@dataclass(frozen=True, slots=True)
class Comparison:
    """A transcript beside its reference, by speaker where both sides name them."""

    parts: tuple[Part, ...]
    regardless: EditCounts | None
    """Errors in words of the text as one, in the order of time, whoever said them; None: the same
    as ``words``. Where it is much lower, the words are right and their speakers wrong."""

    @property
    def words(self) -> EditCounts:
        """Of all parts; a word given to another speaker is an error on both."""
        return sum((part.words for part in self.parts), _NO_EDITS)

    @property
    def characters(self) -> EditCounts:
        """Of all parts, one space between words."""
        return sum((part.characters for part in self.parts), _NO_EDITS)


def match_speakers(
    reference: Iterable[str], hypothesis: Iterable[str], *, renamed: Mapping[str, str] | None = None
) -> dict[str, str]:
    """For each speaker of a hypothesis the one of the reference: of the same name, or as told.

    Case and spaces do not count. ``renamed`` maps names of the hypothesis to those of the
    reference; several may be one person. Whoever has no name, or no counterpart, is left out.
    """
    known = {_plain(name): name for name in reference if name}
    told = {_plain(heard): _plain(said) for heard, said in (renamed or {}).items()}
    pairs = ((name, told.get(_plain(name), _plain(name))) for name in hypothesis)
    return {name: known[plain] for name, plain in pairs if plain in known}


def compare(
    reference: Sequence[Utterance],
    hypothesis: Sequence[Utterance],
    *,
    numbers: bool = False,
    speakers: Mapping[str, str] | None = None,
) -> Comparison:
    """Judge a transcript; both sides in the order of time.

    Args:
        reference: what was said.
        hypothesis: what was recognised.
        numbers: digits are compared as words, in French.
        speakers: for each speaker of the hypothesis the one of the reference (``match_speakers``).
            Whoever is in neither is judged alone: all deleted, or all inserted. None or empty:
            the texts are judged as one, whoever speaks.
    """
    if not speakers:
        return Comparison((_compare_part("", reference, hypothesis, numbers=numbers),), None)
    said = _by_speaker(reference, {})
    heard = _by_speaker(hypothesis, speakers)
    parts = tuple(
        _compare_part(name, said.get(name, []), heard.get(name, []), numbers=numbers)
        for name in dict.fromkeys((*said, *heard))
    )
    texts = (compared_words(side, numbers=numbers) for side in (reference, hypothesis))
    return Comparison(parts, count_word_edits(*([word.text for word in text] for text in texts)))


def _compare_part(
    speaker: str,
    reference: Sequence[Utterance],
    hypothesis: Sequence[Utterance],
    *,
    numbers: bool,
) -> Part:
    columns = align(
        compared_words(reference, numbers=numbers), compared_words(hypothesis, numbers=numbers)
    )
    return Part(
        speaker,
        tuple(reference),
        tuple(hypothesis),
        columns,
        words=count_columns(columns),
        characters=count_characters(columns),
    )


def _by_speaker(
    utterances: Iterable[Utterance], names: Mapping[str, str]
) -> dict[str, list[Utterance]]:
    found: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        found.setdefault(names.get(utterance.speaker, utterance.speaker), []).append(utterance)
    return found


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def own_columns(columns: Iterable[Column]) -> Iterator[tuple[int, Column]]:
    """Each column with the index of the utterance of the reference that it belongs to.

    Words that were inserted belong to that of the word before them, or of the first word.
    """
    waiting: list[Column] = []
    owner = -1
    for column in columns:
        if column.reference:
            owner = column.reference.utterance
            yield from ((owner, early) for early in waiting)
            waiting = []
        if owner < 0:
            waiting.append(column)
        else:
            yield owner, column
    yield from ((0, column) for column in waiting)


def count_confusions(columns: Iterable[Column]) -> Counter[tuple[str, str]]:
    """How often a word was taken for another; empty: for none, or none for a word."""
    return Counter(
        (
            column.reference.text if column.reference else "",
            column.hypothesis.text if column.hypothesis else "",
        )
        for column in columns
        if column.operation != "equal"
    )


def list_offsets(columns: Iterable[Column]) -> tuple[list[float], list[float]]:
    """Recognised minus true starts, and ends, of the words that agree and were timed; seconds."""
    starts, ends = [], []
    for column in columns:
        said, heard = column.reference, column.hypothesis
        if said is None or heard is None or said.text != heard.text:
            continue
        if said.start is not None and heard.start is not None:
            starts.append(heard.start - said.start)
        if said.end is not None and heard.end is not None:
            ends.append(heard.end - said.end)
    return starts, ends


def summarise_offsets(starts: Collection[float], ends: Collection[float]) -> WordTimeErrors | None:
    """The figures of ``list_offsets``; None when no word was timed on both sides."""
    if not starts and not ends:
        return None
    return WordTimeErrors(TimeErrors.of(starts), TimeErrors.of(ends))
