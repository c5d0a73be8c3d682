from __future__ import annotations

import random

import jiwer
import pytest
from comparison_samples import said, words
from hypothesis import given

from captioner.evaluation import characters
from captioner.evaluation.alignment import Column, align
from captioner.evaluation.characters import count_characters
from captioner.evaluation.edits import EditCounts, count_character_edits
from captioner.evaluation.utterances import compared_words


def columns_of(reference: list[str], hypothesis: list[str]) -> tuple[Column, ...]:
    return align(compared_words(said(*reference)), compared_words(said(*hypothesis)))


def garbled(reference: list[str], chance: random.Random) -> list[str]:
    """A tenth of the words wrong, in each of the ways."""
    heard: list[str] = []
    for word in reference:
        match chance.randrange(30):
            case 0:
                continue
            case 1:
                heard.append(word[:-1] + "s")
            case 2:
                heard += ["de", word]
            case _:
                heard.append(word)
    return heard


@given(words, words)
def test_characters_are_counted_as_jiwer_counts_them(one: list[str], other: list[str]) -> None:
    counts = count_characters(columns_of(one, other))
    assert counts == count_character_edits(one, other)
    if one:
        assert counts.rate == pytest.approx(jiwer.cer(" ".join(one), " ".join(other)))


def test_a_text_cut_into_pieces_has_the_same_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    letters = "aeinrstlu"
    vocabulary = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(300)]
    reference = chance.choices(vocabulary, k=1500)
    hypothesis = garbled(reference, chance)
    whole = count_characters(columns_of(reference, hypothesis))
    monkeypatch.setattr(characters, "MAX_CHARACTERS", 1000)
    monkeypatch.setattr(characters, "PIECE", 20)
    assert len(list(characters._find_cuts(columns_of(reference, hypothesis)))) > 20
    assert count_characters(columns_of(reference, hypothesis)) == whole


def test_a_long_text_without_anything_in_common_is_compared_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(characters, "MAX_CHARACTERS", 10)
    assert count_characters(columns_of(["ab"] * 20, ["cd"] * 20)).errors == 40
    assert count_characters(columns_of(["ab"] * 20, [])) == EditCounts(0, 0, 59, 0)


def test_a_long_text_that_agrees_is_right_to_the_last_space(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(characters, "MAX_CHARACTERS", 10)
    monkeypatch.setattr(characters, "PIECE", 10)
    text = ["ab"] * 100
    assert count_characters(columns_of(text, text)) == EditCounts(299, 0, 0, 0)
