from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.evaluation.truth import TimedWord
from captioner.evaluation.word_times import TimeErrors, measure_word_times


def at(*words: tuple[str, float, float]) -> list[TimedWord]:
    return [TimedWord(*word) for word in words]


def test_starts_and_ends_are_compared_apart() -> None:
    truth = at(("un", 1.0, 2.0), ("deux", 3.0, 4.0), ("trois", 5.0, 6.0))
    heard = at(("un", 0.9, 2.0), ("deux", 2.8, 4.3), ("trois", 5.3, 6.0))
    errors = measure_word_times(heard, truth)
    assert errors.start.count == errors.end.count == 3
    assert errors.start.bias == pytest.approx(-0.1)
    assert errors.start.p50 == pytest.approx(0.2)
    assert errors.start.p90 == pytest.approx(0.28)
    assert errors.end.p50 == pytest.approx(0.0)


def test_words_that_differ_are_left_out() -> None:
    truth = at(("un", 1.0, 2.0), ("deux", 3.0, 4.0))
    heard = at(("un", 1.0, 2.0), ("jeu", 9.0, 9.5))
    assert measure_word_times(heard, truth).start.count == 1


def test_only_edges_that_both_sides_have_are_compared() -> None:
    truth = at(("l'ordre", 1.0, 2.0))
    whole = measure_word_times(at(("L’ordre,", 1.1, 2.1)), truth)
    assert (whole.start.count, whole.end.count) == (1, 1)
    parts = measure_word_times(at(("l'", 1.0, 1.2), ("ordre", 1.2, 2.0)), truth)
    assert (parts.start.count, parts.end.count) == (1, 1)
    assert parts.start.p50 == parts.end.p50 == 0.0
    half = measure_word_times(at(("ordre", 1.2, 2.0)), truth)
    assert (half.start.count, half.end.count) == (0, 1)


def test_without_a_matched_word_there_is_no_figure() -> None:
    errors = measure_word_times([], at(("un", 1.0, 2.0)))
    assert errors.start.count == 0
    assert math.isnan(errors.start.p50)


def test_errors_have_a_sign_in_their_bias_alone() -> None:
    errors = TimeErrors.of([-0.3, -0.1, 0.2])
    assert (errors.count, errors.bias, errors.p50) == (3, -0.1, 0.2)
    assert errors.p90 == pytest.approx(0.28)


@given(st.floats(-2, 2), st.lists(st.sampled_from(["un", "d'eau", "va-t-il"]), min_size=1))
def test_a_constant_shift_is_the_bias(shift: float, texts: list[str]) -> None:
    truth = [TimedWord(text, float(i), i + 0.5) for i, text in enumerate(texts)]
    heard = [TimedWord(word.text, word.start + shift, word.end + shift) for word in truth]
    errors = measure_word_times(heard, truth)
    assert errors.start.count == errors.end.count == len(texts)
    assert errors.start.bias == pytest.approx(shift)
    assert errors.end.p90 == pytest.approx(abs(shift))
