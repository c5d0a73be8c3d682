"""The words that were really spoken, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from captioner.errors import InvalidRequest
from captioner.evaluation.normalisation import normalise


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word as written, punctuation attached, with its times in seconds of its track."""

    text: str
    start: float
    end: float


def read_truth(track: Mapping[str, Any]) -> tuple[TimedWord, ...]:
    """The words of one track of a ``truth.json``.

    A track has ``words`` (``word``, ``start``, ``end``), or ``utterances`` that each have them.

    Raises:
        InvalidRequest: when it has neither, or a word lacks a part.
    """
    parts = track.get("utterances", [track])
    try:
        return tuple(
            TimedWord(str(word["word"]), float(word["start"]), float(word["end"]))
            for part in parts
            for word in part["words"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"a true word lacks a part or has a wrong one: {error!r}") from error


def split_truth(
    truth: Sequence[TimedWord], *, numbers: bool = False
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The normalised words, and for each the index of the spoken word that it is part of."""
    pieces = [
        (piece, index)
        for index, word in enumerate(truth)
        for piece in normalise(word.text, numbers=numbers)
    ]
    return tuple(piece for piece, _ in pieces), tuple(index for _, index in pieces)
