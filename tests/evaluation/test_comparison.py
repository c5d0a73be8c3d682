from __future__ import annotations

import math

import pytest
from comparison_samples import said, words
from hypothesis import given

from captioner.evaluation.comparison import (
    compare,
    count_confusions,
    list_offsets,
    match_speakers,
    own_columns,
    summarise_offsets,
)
from captioner.evaluation.edits import EditCounts, count_character_edits, count_word_edits
from captioner.evaluation.truth import TimedWord
from captioner.evaluation.utterances import Utterance
from captioner.evaluation.word_times import measure_word_times

ANNE = Utterance("bonjour à tous", "Anne", 0.0)
LUC = Utterance("merci Anne", "Luc", 2.0)


def test_texts_are_judged_as_one_where_nobody_is_named() -> None:
    comparison = compare(said("Le chat dort.", "Où est-il ?"), said("le chat dors, où est-il"))
    assert comparison.words == EditCounts(5, 1, 0, 0)
    assert comparison.regardless is None
    assert [part.speaker for part in comparison.parts] == [""]


def test_how_an_utterance_is_cut_makes_no_difference() -> None:
    whole = compare(said("le chat dort bien"), said("le chat ne dort"))
    cut = compare(said("le chat", "dort bien"), said("le", "chat ne", "dort"))
    assert (whole.words, whole.characters) == (cut.words, cut.characters)


def test_nothing_recognised_is_all_deleted() -> None:
    comparison = compare(said("le chat"), [])
    assert comparison.words == EditCounts(0, 0, 2, 0)
    assert comparison.characters.rate == 1.0


def test_nothing_said_is_all_inserted() -> None:
    assert compare([], said("merci d'avoir regardé")).words == EditCounts(0, 0, 0, 4)


def test_numbers_are_the_same_only_when_asked_for() -> None:
    texts = said("vingt-cinq pour cent"), said("25 %")
    assert compare(*texts).words.errors == 4
    assert compare(*texts, numbers=True).words.errors == 0


def test_each_speaker_is_judged_by_what_that_speaker_said() -> None:
    heard = [Utterance("bonjour à toutes", "anne"), Utterance("merci", "luc")]
    speakers = {"anne": "Anne", "luc": "Luc"}
    comparison = compare([ANNE, LUC], heard, speakers=speakers)
    assert {part.speaker: part.words for part in comparison.parts} == {
        "Anne": EditCounts(2, 1, 0, 0),
        "Luc": EditCounts(1, 0, 1, 0),
    }
    assert comparison.words == EditCounts(3, 1, 1, 0)


def test_right_words_of_the_wrong_speaker_are_errors_only_by_speaker() -> None:
    heard = [Utterance("bonjour à tous merci Anne", "Anne")]
    comparison = compare([ANNE, LUC], heard, speakers={"Anne": "Anne"})
    assert comparison.words == EditCounts(3, 0, 2, 2)
    assert comparison.regardless == EditCounts(5, 0, 0, 0)


def test_speakers_without_a_counterpart_are_judged_alone() -> None:
    heard = [Utterance("bonjour à tous", "Anne"), Utterance("oui", "Zoé")]
    comparison = compare([ANNE, LUC], heard, speakers={"Anne": "Anne"})
    assert {part.speaker: part.words for part in comparison.parts} == {
        "Anne": EditCounts(3, 0, 0, 0),
        "Luc": EditCounts(0, 0, 2, 0),
        "Zoé": EditCounts(0, 0, 0, 1),
    }


def test_several_labels_may_be_one_person() -> None:
    heard = [Utterance("bonjour", "S0"), Utterance("à tous", "S2"), Utterance("merci Anne", "S1")]
    renamed = {"S0": "Anne", "S2": "Anne", "S1": "Luc"}
    speakers = match_speakers(["Anne", "Luc"], ["S0", "S1", "S2"], renamed=renamed)
    assert compare([ANNE, LUC], heard, speakers=speakers).words.errors == 0


@pytest.mark.parametrize(
    ("said_by", "heard_by", "renamed", "matched"),
    [
        (["Anne  Martin"], ["anne martin "], {}, {"anne martin ": "Anne  Martin"}),
        (["Anne", "Luc"], ["Luc", "Zoé"], {}, {"Luc": "Luc"}),
        (
            ["Anne", "Luc"],
            ["Anne", "Luc"],
            {"Anne": "Luc", "luc": "ANNE"},
            {"Anne": "Luc", "Luc": "Anne"},
        ),
        (["Anne"], ["S0"], {"S0": "Luc"}, {}),
        ([""], [""], {}, {}),
    ],
)
def test_speakers_are_matched_by_name_or_as_told(
    said_by: list[str], heard_by: list[str], renamed: dict[str, str], matched: dict[str, str]
) -> None:
    assert match_speakers(said_by, heard_by, renamed=renamed) == matched


@given(words, words)
def test_figures_are_those_of_jiwer(one: list[str], other: list[str]) -> None:
    comparison = compare(said(" ".join(one)), said(*other))
    assert comparison.words.errors == count_word_edits(one, other).errors
    assert comparison.words.reference == len(one)
    assert comparison.characters == count_character_edits(one, other)


@given(words, words)
def test_every_column_belongs_to_an_utterance_and_their_order_stays(
    one: list[str], other: list[str]
) -> None:
    [part] = compare(said(*one), said(*other)).parts
    owned = list(own_columns(part.columns))
    assert [column for _, column in owned] == list(part.columns)
    assert [owner for owner, _ in owned] == sorted(owner for owner, _ in owned)
    assert all(column.reference.utterance == owner for owner, column in owned if column.reference)


def test_confusions_are_counted_with_words_that_were_lost_or_added() -> None:
    [part] = compare(said("et et est ou"), said("est est est hein")).parts
    assert count_confusions(part.columns) == {("et", "est"): 2, ("ou", "hein"): 1}
    [part] = compare(said("un deux six"), said("deux six trois")).parts
    assert count_confusions(part.columns) == {("un", ""): 1, ("", "trois"): 1}


def timed(*words: tuple[str, float, float]) -> list[Utterance]:
    found = tuple(TimedWord(*word) for word in words)
    return [Utterance(" ".join(word.text for word in found), words=found)]


def test_word_times_are_judged_where_words_agree() -> None:
    truth = timed(("L'ordre", 1.0, 2.0), ("du", 2.0, 2.5), ("jour", 2.5, 3.0))
    heard = timed(("l'ordre,", 1.1, 2.2), ("de", 2.0, 2.5), ("jour.", 2.4, 3.0))
    [part] = compare(truth, heard).parts
    starts, ends = list_offsets(part.columns)
    assert starts == pytest.approx([0.1, -0.1])
    assert ends == pytest.approx([0.2, 0.0])
    errors = summarise_offsets(starts, ends)
    assert errors
    assert errors.start.count == 2
    assert errors.start.bias == pytest.approx(0.0)
    assert errors.start.p50 == pytest.approx(0.1)
    assert errors.end.p90 == pytest.approx(0.18)


def test_word_times_agree_with_the_measure_of_benchmarks() -> None:
    truth = [
        TimedWord(word, float(at), at + 0.5) for at, word in enumerate(["un", "d'eau", "trois"])
    ]
    heard = [TimedWord(word.text, word.start + 0.25, word.end - 0.125) for word in truth]
    utterances = [
        [Utterance(" ".join(w.text for w in side), words=tuple(side))] for side in (truth, heard)
    ]
    [part] = compare(*utterances).parts
    assert summarise_offsets(*list_offsets(part.columns)) == measure_word_times(heard, truth)


def test_times_on_one_side_alone_are_no_measure() -> None:
    [part] = compare(timed(("un", 1.0, 2.0)), said("un")).parts
    assert summarise_offsets(*list_offsets(part.columns)) is None


def test_an_edge_that_no_word_has_is_not_a_number() -> None:
    errors = summarise_offsets([0.5], [])
    assert errors
    assert errors.start.p50 == 0.5
    assert math.isnan(errors.end.p50)
