from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from captioner.asr.hallucination import (
    GUESSED,
    GUESSED_ANYWAY,
    NO_SPEECH,
    SHORT_SPEECH,
    UNSURE,
    folded,
    invented,
)
from captioner.asr.plausibility import LOGPROB_LIMIT
from captioner.transcript import Hypothesis, Word

SECOND = 16_000


def said(
    text: str, *, probability: float = 0.9, logprob: float = -0.3, no_speech: float = 0.01
) -> Hypothesis:
    words = tuple(Word(word, 0, 0, probability) for word in text.split())
    return Hypothesis(words, tuple((0,) for _ in words), logprob, no_speech, "fr")


def why(text: str) -> str:
    """Why a text of 3 s of sure speech would be dropped."""
    return invented(said(text), speech=3 * SECOND, voiced=3 * SECOND)


@pytest.mark.parametrize(
    "text",
    [
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Sous-titres réalisés para la communauté d'Amara.org",
        "Sous-titrage ST' 501",
        "Sous-titrage Société Radio-Canada",
        "Sous-titrage MFP.",
        "Sous-titrage FR ?",
        "Sous-titres par Jérémy Diaz",
        "Sous-titres réalisés par Amara.org",
        "❤️ par SousTitreur.com",
        "Merci d'avoir regardé cette vidéo !",
        "Abonnez-vous !",
        "N'oubliez pas de vous abonner à la chaîne.",
        "N'hésitez pas à vous abonner !",
        "Merci d'avoir regardé la vidéo ! Abonnez-vous.",
        "Musique",
        "* Musique douce *",
        "Générique de fin",
        "[Applaudissements]",
    ],
)
def test_a_known_phrase_that_is_the_whole_utterance_is_dropped(text: str) -> None:
    assert why(text) == "known_phrase"


@pytest.mark.parametrize(
    "text",
    [
        "Le sous-titrage MFP a été choisi par le ministère.",
        "Sous-titrage franchement raté hier soir.",
        "Les sous-titres réalisés par la communauté d'Amara.org sont libres.",
        "On compare avec amara.org pour le prix.",
        "Sous-titres par défaut pour tous les agents.",
        "Sous-titres par la suite relus, corrigés, validés puis enfin publiés sur le site.",
        "Par contre je ne viens pas.",
        "Abonnez-vous au bulletin du ministère.",
        "Il faut vous abonner à la chaîne de l'Assemblée.",
        "Merci d'avoir regardé cette vidéo avec nous, passons au vote.",
        "La musique adoucit les mœurs.",
        "Le médicament générique est remboursé.",
    ],
)
def test_the_same_words_within_speech_are_kept(text: str) -> None:
    assert why(text) == ""


@pytest.mark.parametrize("text", ["Merci.", "Merci à tous !", "Au revoir.", "Bonjour."])
def test_politeness_is_dropped_only_when_hardly_voiced_or_unsure(text: str) -> None:
    def why_polite(voiced: int, probability: float) -> str:
        return invented(said(text, probability=probability), speech=SECOND, voiced=voiced)

    assert why_polite(SHORT_SPEECH, UNSURE) == ""
    assert why_polite(SHORT_SPEECH - 1, UNSURE) == "polite_phrase"
    assert why_polite(SHORT_SPEECH, UNSURE - 0.01) == "polite_phrase"


def test_politeness_with_more_words_is_speech_however_short() -> None:
    assert invented(said("Merci Jean."), speech=SECOND, voiced=0) == ""


def test_words_where_nobody_speaks_are_dropped() -> None:
    silent = said("Oui d'accord.", logprob=-1.2, no_speech=0.9)

    assert invented(silent, speech=SECOND, voiced=SECOND) == "no_speech"


@pytest.mark.parametrize("text", ["...", "♪ ♪", "- …"])
def test_marks_without_a_word_are_dropped(text: str) -> None:
    assert why(text) == "no_words"


def test_no_words_are_nothing_to_drop() -> None:
    assert why("") == ""


def test_the_bundled_french_is_kept(recordings: Path) -> None:
    for sentence in json.loads((recordings / "sentences" / "truth.json").read_text()):
        assert why(sentence["text"]) == "", sentence["text"]


def test_folding_leaves_plain_words() -> None:
    assert folded("  Où ÇA ? À l'Œuvre, d’été…") == "ou ca a l oeuvre d ete"


def test_a_loop_in_what_the_model_takes_for_no_speech_is_dropped_whole() -> None:
    text = "Je suis très très très très très très"
    loop = said(text, logprob=-0.9, no_speech=0.9)
    assert invented(loop, speech=3 * SECOND, voiced=3 * SECOND) == "loop"
    assert invented(said(text, logprob=-0.9), speech=3 * SECOND, voiced=3 * SECOND) == ""


def test_doubtful_words_are_dropped_from_a_lower_probability_of_no_speech_on() -> None:
    for no_speech, expected in ((NO_SPEECH, ""), (NO_SPEECH + 0.01, "low_probability")):
        heard = said("J'ai", probability=0.56, logprob=-1.75, no_speech=no_speech)
        assert invented(heard, speech=18 * SECOND, voiced=18 * SECOND) == expected


def test_words_that_the_model_copies_from_itself_prove_nothing() -> None:
    unsure = said("et je vous ai dit la chose", probability=0.25, logprob=-0.6)
    copied = said("Et je vous ai dit la chose, je vous ai dit", probability=0.97)
    count = len(unsure.words)
    heard = replace(
        unsure,
        words=unsure.words + copied.words,
        word_tokens=unsure.word_tokens + copied.word_tokens,
    )
    assert sum(word.probability for word in heard.words) / len(heard.words) > 0.6
    assert invented(heard, speech=9 * SECOND, voiced=9 * SECOND) == "low_probability"
    heard = replace(heard, words=heard.words[count:], word_tokens=heard.word_tokens[count:])
    assert invented(heard, speech=9 * SECOND, voiced=9 * SECOND) == ""


def test_a_sentence_on_a_moment_of_voice_is_dropped() -> None:
    words = said("C'est la même chose.")
    assert invented(words, speech=SECOND, voiced=SECOND // 5) == "word_rate"
    assert invented(words, speech=SECOND, voiced=SECOND // 4) == ""
    assert invented(said("D'accord."), speech=SECOND, voiced=0) == ""


@pytest.mark.parametrize(
    ("probability", "logprob", "expected"),
    [
        (GUESSED - 0.01, LOGPROB_LIMIT - 0.01, "low_probability"),
        (GUESSED, LOGPROB_LIMIT - 0.01, ""),
        (GUESSED - 0.01, LOGPROB_LIMIT, ""),
        (GUESSED_ANYWAY, LOGPROB_LIMIT, ""),
        (GUESSED_ANYWAY - 0.01, LOGPROB_LIMIT, "low_probability"),
    ],
)
def test_words_are_guesses_when_they_and_their_tokens_are_improbable(
    probability: float, logprob: float, expected: str
) -> None:
    guess = said("Et puis voilà", probability=probability, logprob=logprob)
    assert invented(guess, speech=3 * SECOND, voiced=3 * SECOND) == expected
