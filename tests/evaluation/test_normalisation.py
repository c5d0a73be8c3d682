from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.evaluation.normalisation import normalise

GOLDEN = json.loads((Path(__file__).parent / "golden" / "words.json").read_text("utf-8"))


@pytest.mark.parametrize(("text", "words"), GOLDEN)
def test_words_are_those_of_the_published_rules(text: str, words: list[str]) -> None:
    assert normalise(text) == tuple(words)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L’État, c’est moi !", "l'etat c'est moi".replace("etat", "état")),
        ("Peut-être\u202f?", "peut être"),
        ("« Cœur »", "COEUR"),
        ("Attention\u00a0: danger", "attention, danger."),
    ],
)
def test_spelling_that_is_not_heard_makes_no_difference(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_accents_make_a_difference() -> None:
    assert normalise("pécheur") != normalise("pêcheur")


@given(st.text(), st.text())
def test_two_texts_have_the_words_of_both(one: str, other: str) -> None:
    assert normalise(f"{one} {other}") == normalise(one) + normalise(other)


@given(st.text())
def test_normal_words_stay_as_they_are(text: str) -> None:
    words = normalise(text)
    assert all(word and " " not in word for word in words)
    if text.isascii():  # lower-casing a few capitals (İ) gives letters that combine
        assert normalise(" ".join(words)) == words


def test_digits_and_words_are_the_same_only_when_asked_for() -> None:
    assert normalise("25 %", numbers=True) == normalise("vingt-cinq pour cent")
    assert normalise("25 %") == ("25",)
