from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import InvalidRequest
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.truth import TimedWord
from captioner.evaluation.utterances import (
    ComparedWord,
    Utterance,
    compared_words,
    read_truth_utterances,
)


def test_words_know_their_utterance() -> None:
    words = compared_words([Utterance("L’ordre."), Utterance("—"), Utterance("Du jour")])
    assert [(word.text, word.utterance) for word in words] == [
        ("l", 0),
        ("ordre", 0),
        ("du", 2),
        ("jour", 2),
    ]


def test_a_written_word_starts_with_its_first_piece_and_ends_with_its_last() -> None:
    timed = (TimedWord("Rendez-vous", 1.0, 2.0), TimedWord("—", 2.0, 2.1), TimedWord("là.", 3, 4))
    assert compared_words([Utterance("Rendez-vous — là.", words=timed)]) == (
        ComparedWord("rendez", 0, start=1.0),
        ComparedWord("vous", 0, end=2.0),
        ComparedWord("là", 0, start=3.0, end=4.0),
    )


def test_composed_and_decomposed_letters_are_the_same() -> None:
    decomposed = unicodedata.normalize("NFD", "L'été à Nîmes")
    timed = tuple(TimedWord(word, 0, 1) for word in decomposed.split())
    for utterance in (Utterance(decomposed), Utterance(decomposed, words=timed)):
        found = [word.text for word in compared_words([utterance])]
        assert found == ["l", "été", "à", "nîmes"]


def test_numbers_that_span_words_keep_the_times_of_the_others() -> None:
    written = ["soit", "12", "000", "voix"]
    timed = tuple(TimedWord(word, at, at + 1) for at, word in enumerate(written))
    words = compared_words([Utterance("soit 12 000 voix", words=timed)], numbers=True)
    assert [word.text for word in words] == ["soit", "douze", "mille", "voix"]
    assert [(words[0].start, words[0].end), (words[3].start, words[3].end)] == [(0, 1), (3, 4)]
    assert words[2].start is None


@given(st.lists(st.text()), st.booleans())
def test_the_words_are_those_of_the_texts(texts: list[str], numbers: bool) -> None:
    composed = [unicodedata.normalize("NFC", text) for text in texts]
    timed = [
        Utterance(text, words=tuple(TimedWord(word, 0, 1) for word in text.split(" ")))
        for text in texts
    ]
    wanted = [word for text in composed for word in normalise(text, numbers=numbers)]
    for utterances in (timed, [Utterance(text) for text in texts]):
        words = compared_words(utterances, numbers=numbers)
        assert [word.text for word in words] == wanted


WORD = {"word": "du", "start": 1.5, "end": 2.0}


@pytest.mark.parametrize(
    ("track", "wanted"),
    [
        ({"words": [WORD]}, [Utterance("du", "", 1.5, (TimedWord("du", 1.5, 2.0),))]),
        ({"words": []}, [Utterance("")]),
        ({"text": "Du jour."}, [Utterance("Du jour.")]),
        (
            {"voice": "x", "utterances": [{"text": "Du…", "start": 1, "words": [WORD]}]},
            [Utterance("du", "", 1.5, (TimedWord("du", 1.5, 2.0),))],
        ),
        ({"utterances": [{"text": "Oui.", "start": 3}]}, [Utterance("Oui.", "", 3)]),
    ],
)
def test_tracks_of_true_words_are_read(track: dict[str, Any], wanted: list[Utterance]) -> None:
    assert read_truth_utterances(track) == wanted


@pytest.mark.parametrize(
    "track",
    [{}, {"utterances": 3}, {"utterances": ["oui"]}, {"words": [{"word": "a"}]}, {"text": 3}],
)
def test_a_track_without_words_or_text_is_refused(track: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        read_truth_utterances(track)
