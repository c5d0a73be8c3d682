from __future__ import annotations

import math

import pytest
from timeline import LOST_IN_A_ROW, Moment, percentile, slope, trace, within

from captioner.evaluation.display import Display
from captioner.evaluation.score import measure
from captioner.evaluation.truth import TimedWord

WORDS = tuple(TimedWord(f"mot{index}", index + 0.5, index + 1.0) for index in range(12))
TEXT = tuple(word.text for word in WORDS)


def test_each_latency_stands_at_the_end_of_its_word() -> None:
    displays = [Display(1.5, TEXT[:1], 0, 0), Display(2.25, TEXT[:2], 2, 2)]
    line = trace(displays, WORDS[:2])
    assert line.displayed == (Moment(1.0, 0.5), Moment(2.0, 0.25))
    assert line.stable == (Moment(1.0, 1.25), Moment(2.0, 0.25))
    assert line.finalised == (Moment(2.0, 0.25),)
    assert line.lost == ()
    assert line.shifted(10.0).displayed[0] == Moment(11.0, 0.5)


def test_the_latencies_are_those_of_the_whole_track() -> None:
    displays = [
        Display(3.0, (*TEXT[:2], "autre"), 1, 0),
        Display(4.0, TEXT[:3], 3, 3),
        Display(9.0, ("euh", *TEXT[:3], *TEXT[4:8]), 5, 4),
    ]
    line, score = trace(displays, WORDS[:8]), measure(displays, WORDS[:8])
    assert [moment.value for moment in line.displayed] == list(score.displayed)
    assert [moment.value for moment in line.stable] == list(score.stable)
    assert [moment.value for moment in line.finalised] == list(score.finalised)
    assert line.words == score.words


def test_interims_are_apart_within_an_utterance_only() -> None:
    displays = [
        Display(1.0, TEXT[:1], 0, 0),
        Display(1.5, TEXT[:2], 0, 0),
        Display(2.0, TEXT[:2], 2, 2),  # the final
        Display(4.0, TEXT[:3], 2, 2),
        Display(4.75, TEXT[:4], 2, 2),
    ]
    assert trace(displays, WORDS[:4]).intervals == (Moment(1.5, 0.5), Moment(4.75, 0.75))


def test_words_are_lost_when_many_are_missing_in_a_row() -> None:
    few = TEXT[: 12 - LOST_IN_A_ROW + 1]
    assert trace([Display(13.0, few, 0, 0)], WORDS).lost == ()
    many = TEXT[: 12 - LOST_IN_A_ROW]
    lost = trace([Display(13.0, many, 0, 0)], WORDS).lost
    assert lost == tuple(word.end for word in WORDS[-LOST_IN_A_ROW:])


def test_of_a_track_that_showed_nothing_everything_is_lost() -> None:
    line = trace([], WORDS)
    assert len(line.lost) == len(WORDS)
    assert line.displayed == line.intervals == ()
    assert line.tail == len(WORDS)


def test_moments_of_a_stretch_begin_with_it_and_end_before_the_next() -> None:
    moments = [Moment(1.0, 0.1), Moment(2.0, 0.2), Moment(3.0, 0.3)]
    assert within(moments, 1.0, 3.0) == [0.1, 0.2]
    assert percentile([0.1, 0.2], 50) == pytest.approx(0.15)
    assert math.isnan(percentile([], 50))


def test_the_slope_does_not_follow_an_outlier() -> None:
    line = [(float(hour), 2.0 * hour + 1.0) for hour in range(9)]
    assert slope(line) == pytest.approx(2.0)
    line[4] = (4.0, 100.0)
    assert slope(line) == pytest.approx(2.0, abs=0.3)


def test_no_slope_without_two_moments() -> None:
    assert math.isnan(slope([(1.0, 2.0)]))
    assert math.isnan(slope([(1.0, 2.0), (1.0, 3.0), (2.0, math.nan)]))
