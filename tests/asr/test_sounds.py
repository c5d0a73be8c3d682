from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.sounds import distance, readings, sounds

FRENCH = st.text("abcdefghijklmnopqrstuvwxyzàâçéèêëîïôöùûüœ' -", max_size=20)
SOUNDS = st.text("abdefgijklmnoprstuvwyzAINOSZ2", max_size=8)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Vyncke", "Vinc"),
        ("Duchaussoy", "du Chossois"),
        ("Wissembourg", "Vicenbourg"),
        ("Lescarpentier", "l'escarpentier"),
        ("Szymkowiak", "Chincoviac"),
        ("Mauléon-Licharre", "moléon, l'ichard"),
        ("seaux", "sot"),
        ("Philippe", "filipe"),
    ],
)
def test_spellings_of_the_same_sounds_are_the_same(one: str, other: str) -> None:
    assert sounds(one) == sounds(other)


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("champ", "SA"),
        ("ville", "vil"),
        ("fille", "fij"),
        ("maison", "mezO"),
        ("oiseau", "wazo"),
        ("montagne", "mOtaN"),
        ("bonne", "bon"),
        ("quille", "kij"),
        ("genou", "Zenu"),
        ("guerre", "ger"),
        ("chien", "SjI"),
        ("12", ""),
        ("", ""),
    ],
)
def test_french_spelling_is_read_by_its_rules(text: str, heard: str) -> None:
    assert sounds(text) == heard


@pytest.mark.parametrize(
    ("term", "heard"),
    [("SNCF", "esenseef"), ("DGFiP", "deZefip"), ("Chorus", "kory"), ("Kubernetes", "kybernet")],
)
def test_acronyms_and_foreign_names_have_several_readings(term: str, heard: str) -> None:
    assert heard in readings(term)


def test_a_term_without_letters_cannot_be_said() -> None:
    assert readings("42") == ()


@given(FRENCH)
def test_every_text_has_sounds_of_the_alphabet_alone(text: str) -> None:
    assert set(sounds(text)) <= set("abdefgijklmnoprstuvwyzAINOSZ2")


@given(SOUNDS, SOUNDS)
def test_a_distance_is_the_same_both_ways_and_nothing_only_between_equals(a: str, b: str) -> None:
    assert distance(a, b) == pytest.approx(distance(b, a))
    assert (distance(a, b) == 0) == (a == b)


@given(SOUNDS, SOUNDS, st.floats(0, 8))
def test_a_limit_changes_nothing_but_what_exceeds_it(a: str, b: str, limit: float) -> None:
    edits = distance(a, b)
    assert distance(a, b, limit=limit) == (edits if edits <= limit else math.inf)


def test_sounds_that_are_easily_confused_are_nearer_than_others() -> None:
    assert distance("vil", "fil") < distance("vil", "kil")
    assert distance("pari", "paRi") == 1.0
