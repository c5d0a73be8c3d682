from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.key_terms import spell_key_terms
from captioner.transcript import Hypothesis, Word

LETTERS = st.text("abcdeéijlmnoprstuvz", min_size=1, max_size=9)
TERMS = st.lists(st.text("ABCDEabcdefghijlmnorstuv -", min_size=1, max_size=12), max_size=8)


def encode(text: str) -> list[int]:
    return list(text.encode())


def heard(*words: str, probability: float = 0.5) -> Hypothesis:
    """A second for each word."""
    return Hypothesis(
        words=tuple(
            Word(text, 16_000 * place, 16_000 * (place + 1), probability)
            for place, text in enumerate(words)
        ),
        word_tokens=tuple(tuple(encode(" " + text)) for text in words),
        average_logprob=-0.3,
        no_speech_probability=0.01,
        language="fr",
    )


def spelt(text: str, *terms: str, probability: float = 0.5) -> str:
    return spell_key_terms(heard(*text.split(), probability=probability), terms, encode).text


@pytest.mark.parametrize(
    ("text", "term", "expected"),
    [
        ("monsieur Vinc parle", "Vyncke", "monsieur Vyncke parle"),
        ("prévenir du Chossois.", "Duchaussoy", "prévenir Duchaussoy."),
        ("C'est l'escarpentier, qui", "Lescarpentier", "C'est Lescarpentier, qui"),
        ("de l'Ovpra sont", "OFPRA", "de l'OFPRA sont"),
        ("Bremontier-Dirige la cellule", "Brémontier", "Brémontier Dirige la cellule"),
        ("avec France Connect.", "FranceConnect", "avec FranceConnect."),
        ("de moléon, l'ichard ferme", "Mauléon-Licharre", "de Mauléon-Licharre ferme"),
        ("le cartobio affiche", "Cartobio", "le Cartobio affiche"),
        ("sur des marches simplifiées", "Démarches Simplifiées", "sur Démarches Simplifiées"),
    ],
)
def test_what_sounds_like_a_key_term_is_spelt_as_it_was_given(
    text: str, term: str, expected: str
) -> None:
    assert spelt(text, term) == expected


def test_the_nearest_of_two_terms_is_taken() -> None:
    assert spelt("monsieur Zaruki parle", "Zarroudi", "Zarrouki") == "monsieur Zarrouki parle"


@pytest.mark.parametrize("term", ["DIRECCTE", "Grist", "ADEME", "CROUS", "Ploërmel"])
def test_terms_that_nobody_said_do_not_appear(term: str) -> None:
    text = "Madame la présidente ouvre la séance sur le nuage de la source"
    assert spelt(text, term) == text


def test_words_that_the_model_is_sure_of_stay_even_when_they_sound_like_a_term() -> None:
    assert spelt("la directe a changé", "DIRECCTE", probability=0.95) == "la directe a changé"
    assert spelt("la directe a changé", "DIRECCTE", probability=0.6) == "la DIRECCTE a changé"


def test_short_terms_must_be_heard_more_exactly_than_long_ones() -> None:
    assert spelt("le tris est", "Grist") == "le tris est"
    assert spelt("le Ploudernou est", "Plouguerneau") == "le Plouguerneau est"


def test_words_of_the_forced_prefix_stay_as_they_are() -> None:
    hypothesis = heard("monsieur", "Vinc", "et", "Vinc")
    forced = sum(map(len, hypothesis.word_tokens[:2]))
    assert spell_key_terms(hypothesis, ["Vyncke"], encode, forced=forced).text == (
        "monsieur Vinc et Vyncke"
    )


def test_a_term_of_several_words_shares_out_the_time_of_those_it_replaces() -> None:
    found = spell_key_terms(heard("Yann", "legoacène", "parle"), ["Le Goascène"], encode)
    assert found.text == "Yann Le Goascène parle"
    assert [(w.start, w.end) for w in found.words[1:3]] == [(16_000, 19_200), (19_200, 32_000)]
    assert found.word_tokens[1:3] == (tuple(encode(" Le")), tuple(encode(" Goascène")))


def test_words_that_become_one_term_keep_all_their_time() -> None:
    found = spell_key_terms(heard("avec", "France", "Connect"), ["FranceConnect"], encode)
    assert found.words[1] == Word("FranceConnect", 16_000, 48_000, 0.5)


def test_without_terms_a_hypothesis_is_itself() -> None:
    hypothesis = heard("monsieur", "Vinc")
    assert spell_key_terms(hypothesis, [], encode) is hypothesis


@given(st.lists(LETTERS, max_size=8), TERMS, st.floats(0, 1), st.integers(0, 20))
def test_times_stay_in_order_and_every_word_has_its_tokens(
    words: list[str], terms: list[str], probability: float, forced: int
) -> None:
    before = heard(*words, probability=probability)
    found = spell_key_terms(before, terms, encode, forced=forced)
    assert len(found.words) == len(found.word_tokens)
    places = [place for word in found.words for place in (word.start, word.end)]
    assert places == sorted(places)
    if words:
        assert (places[0], places[-1]) == (0, 16_000 * len(words))
    assert all(
        bytes(tokens).decode() == f" {word.text}"
        for word, tokens in zip(found.words, found.word_tokens, strict=True)
    )
