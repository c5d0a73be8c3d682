from __future__ import annotations

import random

import jiwer
import pytest
from comparison_samples import drawn, hypothesis_of, reference_of, said, words
from hypothesis import given

from captioner.evaluation.alignment import MAX_PAIRS, align, count_columns
from captioner.evaluation.edits import EditCounts, count_word_edits
from captioner.evaluation.utterances import compared_words


def aligned(reference: str, hypothesis: str) -> list[tuple[str, str]]:
    return drawn(align(compared_words(said(reference)), compared_words(said(hypothesis))))


def test_each_kind_of_column_has_its_operation() -> None:
    columns = align(
        compared_words(said("le chat dort ici")), compared_words(said("eh le chien dort"))
    )
    assert [column.operation for column in columns] == [
        "insert",
        "equal",
        "substitute",
        "equal",
        "delete",
    ]
    assert count_columns(columns) == EditCounts(2, 1, 1, 1)


def test_words_that_look_alike_face_one_another() -> None:
    assert aligned("il a adopté la loi", "il a un peu adopter la loi")[2:5] == [
        ("-", "un"),
        ("-", "peu"),
        ("adopté", "adopter"),
    ]
    assert aligned("on a bien adopté hier ceci", "on a adopter ceci")[2:5] == [
        ("bien", "-"),
        ("adopté", "adopter"),
        ("hier", "-"),
    ]


def test_words_that_agree_face_one_another_where_that_is_no_error_more() -> None:
    assert aligned("conseil municipal a adopté", "conseil a pas adopter") == [
        ("conseil", "conseil"),
        ("municipal", "-"),
        ("a", "a"),
        ("-", "pas"),
        ("adopté", "adopter"),
    ]


def test_a_gap_too_long_to_look_at_is_taken_in_order() -> None:
    heard = [f"x{number}" for number in range(MAX_PAIRS)]
    pairs = aligned("a b", " ".join(heard))
    assert pairs[:3] == [("a", "x0"), ("b", "x1"), ("-", "x2")]
    assert len(pairs) == MAX_PAIRS


@given(words, words)
def test_the_columns_have_both_texts(one: list[str], other: list[str]) -> None:
    columns = align(compared_words(said(*one)), compared_words(said(*other)))
    assert reference_of(columns) == one
    assert hypothesis_of(columns) == other


@given(words, words)
def test_the_errors_are_as_few_as_jiwer_says_and_no_fewer_words_agree(
    one: list[str], other: list[str]
) -> None:
    counts = count_columns(align(compared_words(said(*one)), compared_words(said(*other))))
    fewest = count_word_edits(one, other)
    assert counts.errors == fewest.errors
    assert counts.hits >= fewest.hits
    assert counts.hits + counts.substitutions + counts.deletions == len(one)
    assert counts.hits + counts.substitutions + counts.insertions == len(other)
    if one:
        assert counts.rate == pytest.approx(jiwer.wer(" ".join(one), " ".join(other)))


@given(words)
def test_a_text_has_no_errors_against_itself(text: list[str]) -> None:
    compared = compared_words(said(*text))
    assert count_columns(align(compared, compared)) == EditCounts(len(text), 0, 0, 0)


@given(words, words)
def test_insertions_become_deletions_when_the_sides_are_swapped(
    one: list[str], other: list[str]
) -> None:
    there = count_columns(align(compared_words(said(*one)), compared_words(said(*other))))
    back = count_columns(align(compared_words(said(*other)), compared_words(said(*one))))
    assert there.errors == back.errors
    # Where several alignments are equally short, the kinds may differ, but not their balance.
    assert there.insertions - there.deletions == back.deletions - back.insertions


def test_swapped_sides_have_the_same_columns_where_only_one_alignment_is_shortest() -> None:
    there = aligned("le petit chat dort bien ici", "le chat dort mal ici aussi")
    back = aligned("le chat dort mal ici aussi", "le petit chat dort bien ici")
    assert there == [(said_, heard) for heard, said_ in back]


def test_long_texts_are_aligned_in_little_memory() -> None:
    # 20,000 words: a table of all pairs would be 400 million cells.
    chance = random.Random(7)
    reference = [f"mot{chance.randrange(2000)}" for _ in range(20_000)]
    hypothesis = [word for word in reference if chance.random() > 0.05]
    columns = align(compared_words(said(*reference)), compared_words(said(*hypothesis)))
    assert reference_of(columns) == reference
    assert count_columns(columns).deletions == len(reference) - len(hypothesis)
