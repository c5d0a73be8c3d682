"""Texts to compare, and the shape of what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from captioner.evaluation.alignment import Column
from captioner.evaluation.utterances import Utterance

WORDS = ("le", "la", "chat", "chats", "dort", "dormir", "où", "est", "un", "une")
words = st.lists(st.sampled_from(WORDS), max_size=12)
"""Few enough words to agree often, and some that look alike."""


def said(*texts: str, speaker: str = "") -> list[Utterance]:
    """Utterances without times."""
    return [Utterance(text, speaker) for text in texts]


def reference_of(columns: Iterable[Column]) -> list[str]:
    """The reference as an alignment has it."""
    return [column.reference.text for column in columns if column.reference]


def hypothesis_of(columns: Iterable[Column]) -> list[str]:
    """The hypothesis as an alignment has it."""
    return [column.hypothesis.text for column in columns if column.hypothesis]


def drawn(columns: Sequence[Column]) -> list[tuple[str, str]]:
    """The columns as pairs of words; ``-`` where there is none."""
    return [
        (
            column.reference.text if column.reference else "-",
            column.hypothesis.text if column.hypothesis else "-",
        )
        for column in columns
    ]
