from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import TRICKY

from captioner.evaluation.normalisation import normalise
from captioner.subtitles.typography import flatten, typeset, untypeset

tricky = st.text(alphabet=TRICKY)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ça va?", "Ça va\u202f?"),
        ("Ça va ?", "Ça va\u202f?"),
        ("Quoi ?!", "Quoi\u202f?!"),
        ("Quoi ? !", "Quoi\u202f?\u202f!"),
        ("un; deux", "un\u202f; deux"),
        ("Voici : rien", "Voici\u00a0: rien"),
        ("Voici:", "Voici\u00a0:"),
        ("Voici ::", "Voici\u00a0::"),
        ("« oui »", "«\u202foui\u202f»"),
        ("«oui»", "«\u202foui\u202f»"),
        ("« Qui ? »", "«\u202fQui\u202f?\u202f»"),
        ("(quoi?)", "(quoi\u202f?)"),
    ],
)
def test_french_marks_get_their_spaces(text: str, shown: str) -> None:
    assert typeset(text) == shown


@pytest.mark.parametrize(
    "text", ["https://a.fr/?b=c;d", "14:30", "(!)", "?", ":", "C'est l'été, déjà.", "À bientôt…"]
)
def test_what_is_no_punctuation_of_a_sentence_stays(text: str) -> None:
    assert typeset(text) == text


@given(tricky)
def test_setting_twice_changes_nothing(text: str) -> None:
    assert typeset(typeset(text)) == typeset(text)


@given(st.text(alphabet=TRICKY.replace("-", "").replace("'", "")))
def test_setting_and_unsetting_leave_the_words(text: str) -> None:
    assert normalise(typeset(text)) == normalise(text)
    assert normalise(untypeset(text)) == normalise(text)


def test_unsetting_leaves_plain_spaces() -> None:
    assert untypeset("«\u202foui\u202f»\u00a0: non") == "« oui » : non"


@given(st.text())
def test_flat_text_is_one_line_that_can_be_encoded(text: str) -> None:
    flat = flatten(text)
    assert len(flat.splitlines()) <= 1
    assert flat == flat.strip()
    assert flatten(flat) == flat
    assert not any(unicodedata.category(character) == "Cc" for character in flat)
    flat.encode("utf-8")


def test_flat_text_keeps_no_break_spaces_within() -> None:
    assert flatten(" 12\u202f000\n\thabitants\u00a0: ici ") == "12\u202f000 habitants\u00a0: ici"
