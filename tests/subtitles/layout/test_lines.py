from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import recordings, segment, speech

from captioner.subtitles.cues import Segment
from captioner.subtitles.layout.lines import balance_cost, break_lines, count_lines
from captioner.subtitles.layout.script import write_script
from captioner.subtitles.profiles import ARCOM, LIVE, WEB, Profile


def lines(text: str, profile: Profile = WEB) -> tuple[str, ...]:
    return break_lines(write_script([segment(text)], profile, labels=False), profile)


def test_a_text_that_fits_on_one_line_stays_on_one() -> None:
    assert lines("x" * 20 + " " + "y" * 21) == ("x" * 20 + " " + "y" * 21,)
    assert len(lines("x" * 20 + " " + "y" * 22)) == 2


def test_two_lines_are_of_similar_length() -> None:
    assert [len(line) for line in lines(" ".join(["mot"] * 12))] == [23, 23]


def test_the_longer_of_two_lines_is_below() -> None:
    assert [len(line) for line in lines(" ".join(["mot"] * 13))] == [23, 27]


@pytest.mark.parametrize(
    "expected",
    [
        ("Bonjour à tous,", "merci d'être présents ce matin."),
        ("Il faudrait pouvoir fournir", "une liste de noms avant chaque réunion."),
        ("Le président de la commission", "Jean-Claude Martin a ouvert la séance."),
        ("Nous n'avons pas encore eu de nouvelles", "de la préfecture de Bretagne."),
        ("Le budget s'élève à trois millions d'euros", "pour l'année prochaine."),
        ("La réunion du 24\u00a0novembre 2025", "commencera à 10\u00a0h\u00a030 précises."),
        ("Quel est l'avis de la commission\u202f?", "Elle n'en a pas."),
    ],
)
def test_lines_end_at_good_places(expected: tuple[str, ...]) -> None:
    text = " ".join(expected)
    assert lines(text) == expected


def test_live_lines_are_filled() -> None:
    assert [len(line) for line in lines(" ".join(["mot"] * 15), LIVE)] == [39, 19]


def test_a_line_holds_a_wide_word_alone() -> None:
    wide = "anticonstitutionnellement" * 2
    assert lines(f"un, {wide} deux") == ("un,", wide, "deux")


@given(st.integers(1, 42), st.integers(1, 42))
def test_the_same_difference_is_better_with_the_short_line_on_top(one: int, other: int) -> None:
    short, long = sorted((one, other))
    assert balance_cost(short, long, WEB) <= balance_cost(long, short, WEB)


@given(recordings | speech(), st.sampled_from([WEB, ARCOM, LIVE]))
def test_lines_are_as_few_as_can_be_and_lose_nothing(said: list[Segment], profile: Profile) -> None:
    groups = write_script(said, profile, labels=False)[:12]
    if not groups:
        return
    broken = break_lines(groups, profile)
    assert " ".join(broken) == " ".join(group.text for group in groups)
    assert len(broken) == count_lines(groups, profile)
