from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from captioner.streaming.words import SpelledWord, in_order, same_words, without_loop
from captioner.transcript import Word


def spelled(*texts: str) -> tuple[SpelledWord, ...]:
    """Words of a second each."""
    return tuple(
        SpelledWord(Word(text, i * 16_000, (i + 1) * 16_000, 0.9), (i,))
        for i, text in enumerate(texts)
    )


placed = st.builds(
    lambda start, length: SpelledWord(Word("mot", start, start + length, 0.9), (1,)),
    st.integers(0, 1000),
    st.integers(0, 500),
)


def test_words_are_the_same_but_for_case_and_punctuation() -> None:
    left = spelled("Oui,", "le", "maire", "est", "là")

    assert same_words(left, spelled("oui", "Le", "maire.", "était", "là")) == 3
    assert same_words(left, left[:2]) == 2
    assert same_words(left, ()) == 0


def test_a_loop_ends_after_its_first_round() -> None:
    words = spelled(*["alors", "on", "y", "va", "on", "y", "va", "on", "y", "va", "encore"])

    assert without_loop(words) == words[:4]
    assert without_loop(words[:7]) == words[:7]


@given(st.lists(placed, max_size=8), st.integers(0, 1500))
def test_words_put_in_order_do_not_overlap_and_start_at_the_floor(
    words: list[SpelledWord], floor: int
) -> None:
    ordered = [spelled.word for spelled in in_order(words, floor)]

    assert len(ordered) == len(words)
    for word in ordered:
        assert floor <= word.start <= word.end
    for word, following in pairwise(ordered):
        assert word.end <= following.start


def test_words_in_order_stay_as_they_are() -> None:
    words = spelled("le", "maire", "est", "là")

    assert in_order(words, 0) == words
