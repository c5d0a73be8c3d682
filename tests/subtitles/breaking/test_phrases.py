from __future__ import annotations

import pytest
from hypothesis import given
from subtitle_samples import SECOND, segment, segments

from captioner.subtitles.breaking.phrases import (
    Phrase,
    break_costs,
    find_label,
    is_french,
    label_costs,
    label_phrases,
    split_phrases,
)
from captioner.subtitles.breaking.stops import HELD
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Segment


def texts(segment: Segment) -> list[str]:
    return [phrase.text for phrase in split_phrases(segment)]


def test_marks_that_stand_alone_stay_with_their_words() -> None:
    said = segment("Il dit : « Ça va ? » Oui !")
    assert texts(said) == [
        "Il",
        "dit\u00a0:",
        "«\u202fÇa",
        "va\u202f?\u202f»",
        "Oui\u202f!",
    ]


def test_a_word_with_its_mark_lasts_until_the_mark_ends() -> None:
    said = segment("va ?", start=1.0, pace=0.5)
    assert split_phrases(said) == [Phrase("va\u202f?", 16_000, 32_000)]


def test_a_mark_at_the_very_beginning_stands_alone() -> None:
    assert texts(segment("? Oui")) == ["?", "Oui"]


def test_other_languages_keep_their_own_spaces() -> None:
    assert texts(segment("Really? Yes: no", language="en")) == ["Really?", "Yes:", "no"]


def test_words_without_times_share_the_segment_by_length() -> None:
    untimed = Segment("1", 1000, 2000, (), "", "un deux trois")
    assert split_phrases(untimed) == [
        Phrase("un", 1000, 1181),
        Phrase("deux", 1181, 1545),
        Phrase("trois", 1545, 2000),
    ]


def test_a_word_of_nothing_but_no_break_spaces_is_none() -> None:
    assert texts(segment("un \u00a0 \u202fdeux")) == ["un", "deux"]


def test_a_segment_without_text_has_no_phrase() -> None:
    assert split_phrases(Segment("1", 0, 100, (), "", " \n")) == []
    assert split_phrases(segment("\n", start=1)) == []


def test_a_name_begins_a_turn() -> None:
    said = segment("Oui.", speaker="Claire\nMartin")
    assert [phrase.text for phrase in label_phrases(said)] == ["Claire", "Martin\u00a0:"]
    assert {phrase.start for phrase in label_phrases(said)} == {said.start}


def test_a_name_in_another_language_has_no_space_before_its_colon() -> None:
    said = segment("Yes.", speaker="Claire", language="en")
    assert [phrase.text for phrase in label_phrases(said)] == ["Claire:"]


def test_what_typography_joins_is_one_phrase_with_the_times_of_all_its_words() -> None:
    said = segment("Le 24 novembre , 3 000 euros", start=0.0, pace=1.0)
    assert split_phrases(said)[1:3] == [
        Phrase("24\u00a0novembre", SECOND, 3 * SECOND),
        Phrase(",", 3 * SECOND, 4 * SECOND),
    ]
    assert split_phrases(said)[3] == Phrase("3\u202f000", 4 * SECOND, 6 * SECOND)


def test_breaks_are_found_by_the_rules_of_the_language() -> None:
    french, english = (
        break_costs(split_phrases(segment("de la table", language=language)), language)
        for language in ("fr", "en")
    )
    assert all(cost >= HELD for cost in french)
    assert all(cost < HELD for cost in english)


@pytest.mark.parametrize(("language", "french"), [("fr", True), ("fr-CA", True), ("frm", False)])
def test_regional_french_is_french(language: str, french: bool) -> None:
    assert is_french(language) is french


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Claire : bonjour", "Claire : "),
        ("Claire\u00a0: bonjour", "Claire\u00a0: "),
        ("SPEAKER_00: hello", "SPEAKER_00: "),
        ("Jean de La Tour : oui", "Jean de La Tour : "),
        ("Un bien trop long début de phrase : oui", ""),
        ("Bon, Claire : oui", ""),
        ("Il est 10:30 ici", ""),
        ("Claire :", ""),
        ("Bonjour.", ""),
        ("", ""),
    ],
)
def test_a_name_is_found_at_the_beginning_of_a_turn(text: str, label: str) -> None:
    assert find_label(text) == label


def test_a_name_is_held_together_and_to_what_is_said() -> None:
    assert label_costs(2) == [HELD, HELD]


@given(segments())
def test_no_character_is_lost(said: Segment) -> None:
    shown = "".join(texts(said))
    written = " ".join(word.text for word in said.words) or said.text
    assert "".join(shown.split()) == "".join(flatten(written).split())


@given(segments())
def test_phrases_are_lines_in_the_order_of_time(said: Segment) -> None:
    phrases = split_phrases(said)
    assert all(phrase.text and " " not in phrase.text for phrase in phrases)
    starts = [phrase.start for phrase in phrases]
    assert starts == sorted(starts)
    assert all(said.start <= phrase.start <= phrase.end <= said.end for phrase in phrases)
