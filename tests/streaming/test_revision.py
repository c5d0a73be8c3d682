from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.streaming.revision import SURE, reconcile
from captioner.streaming.words import SpelledWord
from captioner.transcript import Word


def spelled(text: str, probability: float = 0.7) -> list[SpelledWord]:
    return [SpelledWord(Word(word, 0, 0, probability), ()) for word in text.split()]


def text(words: tuple[SpelledWord, ...]) -> str:
    return " ".join(spelled.word.text for spelled in words)


some_words = st.lists(
    st.builds(
        lambda text, probability: SpelledWord(Word(text, 0, 0, probability), ()),
        st.sampled_from(["le", "la", "maire", "ville", "est"]),
        st.floats(0, 1),
    ),
    max_size=8,
)


@given(some_words)
def test_words_that_the_decode_repeats_are_those_of_the_decode(decoded: list[SpelledWord]) -> None:
    committed = [SpelledWord(Word(d.word.text.upper(), 9, 9, 1.0), (9,)) for d in decoded]

    assert reconcile(committed, decoded, surer=0.0) == tuple(decoded)


@given(some_words)
def test_without_committed_words_all_are_the_decodes(decoded: list[SpelledWord]) -> None:
    assert reconcile([], decoded, surer=1.0) == tuple(decoded)


@given(some_words, some_words, st.floats(-0.5, 0.5), st.floats(0, 0.1))
def test_every_word_comes_from_either_side_once(
    committed: list[SpelledWord], decoded: list[SpelledWord], surer: float, per_word: float
) -> None:
    pool = [*committed, *decoded]

    for word in reconcile(committed, decoded, surer=surer, per_word=per_word):
        pool.remove(word)


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(0.79, "le vieux maire est là"), (0.81, "le nouveau maire est là")],
)
def test_a_word_is_replaced_only_by_one_that_is_surer(probability: float, expected: str) -> None:
    committed = spelled("le vieux maire")
    decoded = [*spelled("le"), *spelled("nouveau", probability), *spelled("maire est là")]

    assert text(reconcile(committed, decoded, surer=0.1)) == expected


def test_a_correction_that_moves_many_words_must_be_surer() -> None:
    decoded = [*spelled("la", 0.85), *spelled("un deux trois")]

    early = reconcile(spelled("le un deux trois"), decoded, surer=0.0, per_word=0.06)
    late = reconcile(spelled("le un deux"), decoded, surer=0.0, per_word=0.06)

    assert text(early) == "le un deux trois"
    assert text(late) == "la un deux trois"


@pytest.mark.parametrize(("probability", "kept"), [(SURE, True), (SURE - 0.01, False)])
def test_a_committed_word_that_the_decode_leaves_out_stays_if_it_was_sure(
    probability: float, *, kept: bool
) -> None:
    committed = [*spelled("le"), *spelled("bon", probability), *spelled("maire")]

    found = text(reconcile(committed, spelled("le maire est"), surer=0.0))

    assert found == ("le bon maire est" if kept else "le maire est")


@pytest.mark.parametrize(("probability", "added"), [(SURE, True), (SURE - 0.01, False)])
def test_a_word_that_the_decode_adds_among_them_comes_if_it_is_sure(
    probability: float, *, added: bool
) -> None:
    decoded = [*spelled("le"), *spelled("bon", probability), *spelled("maire est")]

    found = text(reconcile(spelled("le maire"), decoded, surer=0.0))

    assert found == ("le bon maire est" if added else "le maire est")


def test_what_was_said_after_the_committed_words_is_the_decodes() -> None:
    decoded = [*spelled("le maire"), *spelled("euh bon voilà", 0.1)]

    assert text(reconcile(spelled("le maire"), decoded, surer=1.0)) == "le maire euh bon voilà"


def test_committed_words_unlike_any_of_the_decode_stand_against_as_many() -> None:
    decoded = spelled("la ville a voté hier", 0.5)

    assert text(reconcile(spelled("le maire"), decoded, surer=0.0)) == "le maire a voté hier"
