from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.alignment import FRAME, Calibration, place_words, token_starts
from captioner.asr.tokenizer import WordTokens

SECOND = 16_000
EXACT = Calibration()


def words_of(*counts: int) -> list[WordTokens]:
    """Words of so many tokens each."""
    return [WordTokens(f"mot{i}", tuple(range(count))) for i, count in enumerate(counts)]


def path_through(*frames: int) -> list[tuple[int, int]]:
    """A path that reaches each token at its frame and moves on one frame at a time."""
    path: list[tuple[int, int]] = []
    for token, (frame, following) in enumerate(pairwise([*frames, frames[-1] + 1])):
        path += [(token, f) for f in range(frame, max(frame + 1, following))]
    return path


@st.composite
def alignments(draw: st.DrawFn) -> tuple[list[WordTokens], list[tuple[int, int]], int]:
    """Words, a monotonic path over their tokens that may miss some, samples of speech."""
    words = words_of(*draw(st.lists(st.integers(1, 3), min_size=1, max_size=12)))
    count = sum(len(word.tokens) for word in words) + 1
    steps = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=40))
    path, token, frame = [(0, 0)], 0, 0
    for down, right in steps:
        token, frame = min(token + down, count - 1), frame + right
        path.append((token, frame))
    return words, path, draw(st.integers(1, 300)) * FRAME


def test_a_token_starts_where_the_path_first_reaches_it() -> None:
    assert token_starts([(0, 0), (0, 1), (1, 2), (1, 3), (2, 7)], 3) == [0, 2, 7]


def test_a_token_that_the_path_misses_starts_with_the_one_before() -> None:
    assert token_starts([(0, 0), (2, 5)], 4) == [0, 0, 5, 5]


def test_the_path_may_reach_beyond_the_text() -> None:
    assert token_starts([(0, 1), (1, 4), (2, 9)], 2) == [1, 4]


def test_a_word_lasts_from_its_first_token_to_the_next_words_first() -> None:
    first, second = place_words(
        words_of(2, 1),
        path_through(10, 20, 35, 60),
        [0.5, 0.7, 0.9],
        speech=2 * SECOND,
        calibration=EXACT,
    )

    assert (first.start, first.end) == (10 * FRAME, 35 * FRAME)
    assert (second.start, second.end) == (35 * FRAME, 60 * FRAME)
    assert first.probability == pytest.approx(0.6)
    assert second.probability == pytest.approx(0.9)


def test_calibration_shifts_starts_and_ends() -> None:
    (word,) = place_words(
        words_of(1),
        path_through(10, 20),
        [1.0],
        speech=SECOND,
        calibration=Calibration(start=1000, end=-500),
    )

    assert (word.start, word.end) == (10 * FRAME + 1000, 20 * FRAME - 500)


def test_a_word_shifted_over_the_next_one_ends_where_that_starts() -> None:
    first, second = place_words(
        words_of(1, 1),
        path_through(10, 20, 30),
        [1.0, 1.0],
        speech=SECOND,
        calibration=Calibration(start=0, end=3000),
    )

    assert first.end == second.start == 20 * FRAME


def test_words_that_start_on_the_same_frame_are_moved_apart() -> None:
    placed = place_words(
        words_of(1, 1, 1), [(0, 7), (3, 7)], [1.0] * 3, speech=SECOND, calibration=EXACT
    )

    assert [word.start for word in placed] == [7 * FRAME, 8 * FRAME, 9 * FRAME]
    assert [word.end for word in placed] == [8 * FRAME, 9 * FRAME, 10 * FRAME]


def test_words_that_all_start_at_the_end_of_speech_still_fit_in() -> None:
    placed = place_words(
        words_of(1, 1), [(0, 50), (1, 50)], [1.0] * 2, speech=SECOND, calibration=EXACT
    )

    assert [(word.start, word.end) for word in placed] == [
        (48 * FRAME, 49 * FRAME),
        (49 * FRAME, 50 * FRAME),
    ]


@given(alignments(), st.integers(-8000, 8000), st.integers(-8000, 8000))
def test_words_are_in_order_apart_and_within_the_speech(
    alignment: tuple[list[WordTokens], list[tuple[int, int]], int], start: int, end: int
) -> None:
    words, path, speech = alignment
    scores = [0.5] * sum(len(word.tokens) for word in words)

    placed = place_words(words, path, scores, speech=speech, calibration=Calibration(start, end))

    assert [word.text for word in placed] == [word.text for word in words]
    for word in placed:
        assert 0 <= word.start <= word.end <= speech
        assert word.start < word.end or len(words) * FRAME > speech
    for word, following in pairwise(placed):
        assert word.end <= following.start


@given(st.lists(st.floats(-1e-3, 1.001), max_size=3))
def test_a_probability_is_between_0_and_1_whatever_the_engine_rounds(scores: list[float]) -> None:
    (word,) = place_words(
        words_of(3), path_through(0, 1, 2, 3), scores, speech=SECOND, calibration=EXACT
    )

    assert 0 <= word.probability <= 1


def test_no_words_have_no_times() -> None:
    assert place_words([], [(0, 0)], [], speech=SECOND, calibration=EXACT) == ()
