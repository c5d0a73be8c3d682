from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.evaluation.numbers import LARGEST, spell, spell_numbers


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zéro"),
        (16, "seize"),
        (17, "dix-sept"),
        (20, "vingt"),
        (21, "vingt et un"),
        (22, "vingt-deux"),
        (60, "soixante"),
        (69, "soixante-neuf"),
        (70, "soixante-dix"),
        (71, "soixante et onze"),
        (77, "soixante-dix-sept"),
        (80, "quatre-vingts"),
        (81, "quatre-vingt-un"),
        (91, "quatre-vingt-onze"),
        (99, "quatre-vingt-dix-neuf"),
        (100, "cent"),
        (101, "cent un"),
        (200, "deux cents"),
        (280, "deux cent quatre-vingts"),
        (1000, "mille"),
        (1998, "mille neuf cent quatre-vingt-dix-huit"),
        (80_000, "quatre-vingt mille"),
        (200_000, "deux cent mille"),
        (1_000_000, "un million"),
        (80_000_000, "quatre-vingts millions"),
        (2_000_003, "deux millions trois"),
    ],
)
def test_a_number_is_spelt_as_in_france(number: int, words: str) -> None:
    assert spell(number) == words


@pytest.mark.parametrize("number", [-1, LARGEST + 1])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=str(number)):
        spell(number)


def test_the_largest_number_has_a_name() -> None:
    assert spell(LARGEST).startswith("neuf cent quatre-vingt-dix-neuf millions")


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_different_numbers_have_different_names(one: int, other: int) -> None:
    assert (spell(one) == spell(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("le 1er mai", "le premier mai"),
        ("la 1re fois", "la première fois"),
        ("à 14h30", "à quatorze heures trente"),
        ("à 14\u00a0h\u00a005.", "à quatorze heures cinq."),
        ("à 1 h", "à une heure"),
        ("à 0 h 10", "à zéro heure dix"),
        ("12\u202f000 habitants", "douze mille habitants"),
        ("12 000 habitants", "douze mille habitants"),
        ("3,5 %", "trois virgule cinq pour cent"),
        ("3,05", "trois virgule zéro cinq"),
        ("50€", "cinquante euros"),
        ("le 06 12", "le zéro six douze"),
        ("000", "zéro zéro zéro"),
        ("en 2026, puis", "en deux mille vingt-six, puis"),
        ("3, 4", "trois, quatre"),
    ],
)
def test_numbers_in_a_text_are_spelt_out(text: str, spelt: str) -> None:
    assert spell_numbers(text) == spelt


@pytest.mark.parametrize(
    "text", ["B2B", "192.168.0.1", "version 3.11", "2e", "12.05.2026", "1" * 10, "9" * 5000]
)
def test_what_is_no_plain_number_stays_in_digits(text: str) -> None:
    assert spell_numbers(text) == text


def test_decimals_too_long_to_name_stay_in_digits() -> None:
    assert spell_numbers("3,1415926535") == "trois virgule 1415926535"


@given(st.text(alphabet="0123456789 ,.%€h\u202feru" + "é"))
def test_any_mix_of_digits_and_signs_is_taken(text: str) -> None:
    assert isinstance(spell_numbers(text), str)
