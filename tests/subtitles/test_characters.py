from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from captioner.subtitles.characters import count_characters, flatten, measure, printable


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


def test_what_is_no_character_is_not_printed() -> None:
    assert printable("a\ufffeb\U0010ffffc\ufdd0") == "a\ufffdb\ufffdc\ufffd"
    assert printable("é\u202f€ 🎉") == "é\u202f€ 🎉"


def test_spaces_and_punctuation_count_and_ends_of_lines_do_not() -> None:
    assert count_characters(("Ça va\u202f?", "Oui.")) == 7 + 4


def test_accents_count_once_however_they_are_encoded() -> None:
    assert measure("e\u0301te\u0301\u200e") == measure("été") == 3
