from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from captioner.evaluation.edits import (
    Edit,
    EditCounts,
    count_character_edits,
    count_word_edits,
    list_word_edits,
)

texts = st.lists(st.sampled_from(["le", "la", "chat", "dort", "où"]), max_size=8)


def split(text: str) -> list[str]:
    return text.split()


def test_each_kind_of_error_is_counted() -> None:
    counts = count_word_edits(split("le chat dort bien"), split("le chien dort très fort"))
    assert counts == EditCounts(hits=2, substitutions=2, deletions=0, insertions=1)
    assert (counts.reference, counts.hypothesis, counts.rate) == (4, 5, 0.75)


def test_nothing_recognised_is_all_deletions() -> None:
    assert count_word_edits(["le", "chat"], []) == EditCounts(0, 0, 2, 0)
    assert count_word_edits(["le", "chat"], []).rate == 1.0


def test_text_where_nothing_was_said_counts_its_words() -> None:
    assert count_word_edits([], ["merci", "beaucoup"]).rate == 2.0


def test_silence_recognised_as_silence_has_no_error() -> None:
    assert count_word_edits([], []).rate == 0.0
    assert count_character_edits([], []).rate == 0.0
    assert list_word_edits([], []) == []


def test_characters_are_counted_with_the_spaces_between_words() -> None:
    counts = count_character_edits(["a", "bc"], ["abc"])
    assert counts == EditCounts(hits=3, substitutions=0, deletions=1, insertions=0)


def test_counts_add_up() -> None:
    assert EditCounts(1, 2, 3, 4) + EditCounts(10, 20, 30, 40) == EditCounts(11, 22, 33, 44)


def test_edits_are_listed_in_order() -> None:
    assert list_word_edits(split("le chat dort"), split("le chien dort ici")) == [
        Edit("equal", ("le",), ("le",)),
        Edit("substitute", ("chat",), ("chien",)),
        Edit("equal", ("dort",), ("dort",)),
        Edit("insert", (), ("ici",)),
    ]


@given(texts, texts)
def test_the_edits_lead_from_one_text_to_the_other(one: list[str], other: list[str]) -> None:
    edits = list_word_edits(one, other)
    counts = count_word_edits(one, other)
    assert [word for edit in edits for word in edit.reference] == one
    assert [word for edit in edits for word in edit.hypothesis] == other
    assert counts.reference == len(one)
    assert counts.hits == sum(len(e.reference) for e in edits if e.operation == "equal")
