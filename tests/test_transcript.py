from __future__ import annotations

from captioner.transcript import SAMPLE_RATE, Caption, Hypothesis, Word

WORDS = (Word("Bonjour", 0, SAMPLE_RATE, 0.9), Word("Jean !", SAMPLE_RATE, 2 * SAMPLE_RATE, 0.8))


def test_the_text_of_a_hypothesis_is_its_words() -> None:
    hypothesis = Hypothesis(WORDS, ((1,), (2, 3)), -0.2, 0.01, "fr")

    assert hypothesis.text == "Bonjour Jean !"


def test_the_text_of_a_caption_is_its_words() -> None:
    caption = Caption(1, 1, 0, 2 * SAMPLE_RATE, WORDS, 2, final=True, language="fr")

    assert caption.text == "Bonjour Jean !"


def test_an_utterance_that_was_no_speech_has_no_text() -> None:
    assert Caption(1, 2, 0, 0, (), 0, final=True, language="fr").text == ""
