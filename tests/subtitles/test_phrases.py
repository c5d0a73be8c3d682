from __future__ import annotations

import pytest
from hypothesis import given
from subtitle_samples import segment, segments

from captioner.subtitles.cues import Segment
from captioner.subtitles.phrases import Phrase, break_cost, label_phrases, split_phrases
from captioner.subtitles.typography import flatten


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


@pytest.mark.parametrize(
    ("better", "worse"),
    [("fin.", "mot,"), ("mot,", "mot"), ("mot", "le"), ("fin\u202f?\u202f»", "mot\u202f:")],
)
def test_the_better_break_costs_less(better: str, worse: str) -> None:
    assert break_cost(better) < break_cost(worse)


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
