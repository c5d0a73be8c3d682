from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import ConfigError
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.plan import (
    LONGEST_WINDOW,
    RECORDING_ENDPOINTING,
    PlannedUtterance,
    PlannedWindow,
    Planner,
    PlanSettings,
)
from captioner.vad import FRAME_SAMPLES
from captioner.vad.endpointing import EndpointingSettings

SECOND = SAMPLE_RATE // FRAME_SAMPLES  # 31 frames: a little less than a second
MIN_SPEECH = 3  # frames that open an utterance


def frames(*seconds: float) -> list[float]:
    """Silence and speech in turn, each lasting so many (short) seconds; silence comes first."""
    return [
        float(number % 2)
        for number, length in enumerate(seconds)
        for _ in range(round(length * SECOND))
    ]


def planned(
    probabilities: list[float], settings: PlanSettings | None = None
) -> list[PlannedWindow]:
    planner = Planner(settings or PlanSettings())
    windows = planner.push(probabilities)
    return windows + planner.end(len(probabilities) * FRAME_SAMPLES)


def seconds(samples: int) -> float:
    return samples / FRAME_SAMPLES / SECOND


def window(*utterances: tuple[int, int]) -> PlannedWindow:
    return PlannedWindow(tuple(PlannedUtterance(start, end, 0) for start, end in utterances))


def test_silence_is_not_planned() -> None:
    assert planned(frames(60)) == []


def test_nothing_at_all_is_not_planned() -> None:
    assert planned([]) == []


def test_an_utterance_is_planned_with_what_leads_to_it_and_follows_it() -> None:
    (only,) = planned(frames(2, 4, 3))
    (utterance,) = only.utterances
    assert seconds(utterance.start) == pytest.approx(2 - 0.3, abs=0.05)
    assert seconds(utterance.end) == pytest.approx(6 + 0.15, abs=0.05)
    assert utterance.voiced == pytest.approx(4 * SECOND * FRAME_SAMPLES, abs=3 * FRAME_SAMPLES)


def test_utterances_that_follow_closely_share_a_window() -> None:
    (only,) = planned(frames(1, 3, 1, 4, 1.5, 2, 1))
    assert len(only.utterances) == 3
    assert (only.start, only.end) == (only.utterances[0].start, only.utterances[-1].end)
    assert only.voiced == sum(utterance.voiced for utterance in only.utterances)


def test_utterances_far_apart_have_a_window_each() -> None:
    assert [len(each.utterances) for each in planned(frames(1, 3, 3.5, 3, 1))] == [1, 1]


def test_a_window_takes_no_utterance_that_would_make_it_too_long() -> None:
    windows = planned(frames(1, 10, 1, 10, 1, 10, 1, 3, 1))
    assert [len(each.utterances) for each in windows] == [2, 2]
    assert all(seconds(each.end - each.start) <= 25.5 for each in windows)


def test_without_sharing_each_utterance_has_its_window() -> None:
    windows = planned(frames(1, 3, 1, 4, 1), PlanSettings(longest=0))
    assert [len(each.utterances) for each in windows] == [1, 1]


def test_speech_without_a_pause_is_cut_and_nothing_between_the_windows_is_lost() -> None:
    windows = planned(frames(1, 80, 1))
    assert len(windows) >= 4
    assert all(seconds(each.end - each.start) <= 26 for each in windows)
    for before, after in itertools.pairwise(windows):
        assert after.start == before.end


def test_a_window_is_told_as_soon_as_nothing_can_join_it() -> None:
    planner = Planner(PlanSettings())
    assert planner.push(frames(1, 3, 2)) == []
    (only,) = planner.push(frames(1))
    assert planner.needed_from > only.end
    assert planner.push(frames(100)) == []


def test_what_a_window_may_need_is_kept_while_it_may_grow() -> None:
    planner = Planner(PlanSettings())
    planner.push(frames(5, 3))
    open_from = planner.needed_from
    planner.push(frames(1, 2, 1))
    assert planner.needed_from == open_from
    (only,) = planner.end(100 * SAMPLE_RATE)
    assert only.start == open_from


def test_no_window_reaches_beyond_the_end_of_the_recording() -> None:
    planner = Planner(PlanSettings())
    probabilities = frames(1, 3)
    windows = planner.push(probabilities)
    duration = len(probabilities) * FRAME_SAMPLES - 300  # the last frame was filled up
    (only,) = windows + planner.end(duration)
    assert only.end == duration


def test_a_window_is_halved_at_its_widest_gap() -> None:
    whole = window((0, 100), (200, 300), (500, 600), (650, 700))
    assert whole.halves() == (window((0, 100), (200, 300)), window((500, 600), (650, 700)))


def test_a_single_utterance_has_no_halves() -> None:
    assert window((0, 100)).halves() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"longest": LONGEST_WINDOW + 0.1},
        {"longest": -0.1},
        {"longest_gap": -0.1},
        {"endpointing": EndpointingSettings(max_utterance=LONGEST_WINDOW + 0.1)},
    ],
)
def test_settings_that_would_not_fit_a_window_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"\d"):
        PlanSettings(**wrong)  # type: ignore[arg-type]


def test_settings_at_their_bounds_are_taken() -> None:
    longest = EndpointingSettings(max_utterance=LONGEST_WINDOW)
    PlanSettings(longest=LONGEST_WINDOW, longest_gap=0, endpointing=longest)
    PlanSettings(longest=0)


durations = st.lists(st.floats(0.04, 40), min_size=1, max_size=12)


@given(durations)
def test_windows_are_in_order_and_fit(lengths: list[float]) -> None:
    windows = planned(frames(*lengths))
    ends = [0]
    for each in windows:
        assert each.start % 160 == 0
        assert each.start >= ends[-1]
        assert each.end - each.start <= LONGEST_WINDOW * SAMPLE_RATE
        ends.append(each.end)
    utterances = [utterance for each in windows for utterance in each.utterances]
    for before, after in itertools.pairwise(utterances):
        assert before.start < before.end <= after.start


@given(durations)
def test_every_stretch_of_speech_is_in_an_utterance(lengths: list[float]) -> None:
    probabilities = frames(*lengths)
    utterances = [each for one in planned(probabilities) for each in one.utterances]
    covered = [False] * len(probabilities)
    for utterance in utterances:
        for frame in range(utterance.start // FRAME_SAMPLES, -(-utterance.end // FRAME_SAMPLES)):
            covered[min(frame, len(covered) - 1)] = True
    position = 0
    for probability, run in itertools.groupby(probabilities):
        length = len(list(run))
        if probability and length >= MIN_SPEECH:
            assert all(covered[position : position + length])
        position += length


@given(durations, st.integers(1, 200))
def test_no_window_starts_before_what_was_given_up_nor_depends_on_the_calls(
    lengths: list[float], size: int
) -> None:
    probabilities = frames(*lengths)
    planner = Planner(PlanSettings())
    windows: list[PlannedWindow] = []
    given_up = 0
    for begin in range(0, len(probabilities), size):
        found = planner.push(probabilities[begin : begin + size])
        assert all(each.start >= given_up for each in found)
        assert planner.needed_from >= given_up
        given_up = planner.needed_from
        windows += found
    last = planner.end(len(probabilities) * FRAME_SAMPLES)
    assert all(each.start >= given_up for each in last)
    assert windows + last == planned(probabilities)


def test_recordings_are_cut_later_than_live_speech() -> None:
    live = EndpointingSettings()
    assert RECORDING_ENDPOINTING.max_utterance > live.max_utterance
