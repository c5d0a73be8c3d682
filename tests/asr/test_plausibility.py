from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.plausibility import (
    COMPRESSION_LIMIT,
    LOGPROB_LIMIT,
    NO_SPEECH_LIMIT,
    WORD_RATE_GRACE,
    Doubt,
    bare,
    compression_ratio,
    doubt,
    loop_start,
)
from captioner.transcript import Hypothesis, Word

SECOND = 16_000


def said(text: str, *, logprob: float = -0.3, no_speech: float = 0.01) -> Hypothesis:
    words = tuple(Word(word, 0, 0, 0.9) for word in text.split())
    tokens = tuple((i,) for i in range(len(words)))
    return Hypothesis(words, tokens, logprob, no_speech, "fr")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Non, non, non.",
        "Oui oui oui oui, bien sûr.",
        "C'est très, très, très bien.",
        "Nous nous sommes vus, vous vous en souvenez.",
        "On y va, on y va, et puis voilà.",
        "Il faut ce qu'il faut quand il faut.",
    ],
)
def test_repetitions_that_people_do_say_are_no_loop(text: str) -> None:
    assert loop_start(text.split()) is None
    assert doubt(said(text), 4 * SECOND) is None


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("non non non non non", 1),
        ("Merci. merci, Merci! merci MERCI", 1),
        ("alors on y va on y va on y va", 4),
        ("le maire, le maire. Le maire", 2),
        ("et de la ville de la ville de la ville", 4),
        ("un deux trois quatre un deux trois quatre un deux trois quatre", 4),
        ("- - - a b a b a b", 5),
    ],
)
def test_a_loop_is_found_where_its_first_round_ends(text: str, start: int) -> None:
    assert loop_start(text.split()) == start
    assert doubt(said(text), 30 * SECOND) is Doubt.LOOP


def test_five_words_that_come_three_times_are_a_refrain() -> None:
    assert loop_start(["un", "deux", "trois", "quatre", "cinq"] * 3) is None


def test_marks_alone_are_no_loop() -> None:
    assert loop_start(["…"] * 9) is None


@given(st.lists(st.sampled_from(["le", "la", "Le,", "de", "…"]), max_size=20))
def test_what_precedes_the_end_of_the_first_round_has_no_loop(words: list[str]) -> None:
    start = loop_start(words)

    if start is not None:
        assert loop_start(words[:start]) is None


def test_a_word_is_compared_without_case_and_punctuation() -> None:
    assert bare("« L'Eau_! »") == bare("l’eau") == "leau"
    assert bare("?") == ""


def test_repetition_with_variations_compresses_too_well() -> None:
    text = "".join(f"Il est là, il est ici, il est parti {i}. " for i in range(8))
    assert loop_start(text.split()) is None
    assert compression_ratio(text) > COMPRESSION_LIMIT

    assert doubt(said(text), 60 * SECOND) is Doubt.COMPRESSION


def test_short_text_is_not_judged_by_its_compression() -> None:
    assert doubt(said("a" * 39), 10 * SECOND) is None
    assert doubt(said("a" * 40), 10 * SECOND) is Doubt.COMPRESSION


def test_no_text_has_no_compression() -> None:
    assert compression_ratio("") == 0


@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.5])
def test_more_words_than_a_mouth_can_say_are_doubted(seconds: float) -> None:
    most = round(WORD_RATE_GRACE + 8 * seconds)
    words = [f"m{i}{chr(97 + i)}" for i in range(most + 1)]

    assert doubt(said(" ".join(words[:most])), round(seconds * SECOND)) is None
    assert doubt(said(" ".join(words)), round(seconds * SECOND)) is Doubt.WORD_RATE


@pytest.mark.parametrize(
    ("logprob", "no_speech", "expected"),
    [
        (LOGPROB_LIMIT, 1.0, None),
        (LOGPROB_LIMIT - 0.01, NO_SPEECH_LIMIT, Doubt.LOW_PROBABILITY),
        (LOGPROB_LIMIT - 0.01, NO_SPEECH_LIMIT + 0.01, Doubt.NO_SPEECH),
    ],
)
def test_silence_needs_both_signs_to_be_one(
    logprob: float, no_speech: float, expected: Doubt | None
) -> None:
    hypothesis = said("Bonjour à tous.", logprob=logprob, no_speech=no_speech)

    assert doubt(hypothesis, 2 * SECOND) is expected


def test_the_bundled_french_is_not_doubted(recordings: Path) -> None:
    for sentence in json.loads((recordings / "sentences" / "truth.json").read_text()):
        speech = round(sentence["duration"] * SECOND)
        assert doubt(said(sentence["text"]), speech) is None, sentence["text"]
    for monologue in json.loads((recordings / "monologues" / "truth.json").read_text()):
        assert loop_start(monologue["text"].split()) is None
