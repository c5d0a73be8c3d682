from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

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
from captioner.vad.endpointing import Endpoint, Endpointer, EndpointingSettings, SpeechStarted

SECOND = SAMPLE_RATE // FRAME_SAMPLES  # 31 frames: a little less than a second
MIN_SPEECH = 3  # frames that open an utterance
DEFAULTS = PlanSettings()


def frames(*seconds: float) -> list[float]:
    """Silence and speech in turn, each lasting so many (short) seconds; silence comes first."""
    return [
        float(number % 2)
        for number, length in enumerate(seconds)
        for _ in range(round(length * SECOND))
    ]


def planned(
    probabilities: Sequence[float], settings: PlanSettings = DEFAULTS, *, missing: int = 0
) -> list[PlannedWindow]:
    """The plan of a recording whose last frame lacks so many samples."""
    planner = Planner(settings)
    windows = planner.push(probabilities)
    return windows + planner.end(len(probabilities) * FRAME_SAMPLES - missing)


def seconds(samples: int) -> float:
    return samples / FRAME_SAMPLES / SECOND


def window(*utterances: tuple[int, int], silences: tuple[int, ...] = ()) -> PlannedWindow:
    return PlannedWindow(
        tuple(PlannedUtterance(start, end, 0) for start, end in utterances), silences
    )


def utterances_of(windows: Sequence[PlannedWindow]) -> list[PlannedUtterance]:
    return [utterance for each in windows for utterance in each.utterances]


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
    assert (only.start, only.places) == (utterance.start, (0,))
    assert only.length == utterance.end - utterance.start


def test_utterances_share_a_window_however_far_apart_they_are() -> None:
    (only,) = planned(frames(1, 3, 1, 4, 90, 2, 1))
    assert len(only.utterances) == 3
    assert seconds(only.length) < 3 + 4 + 2 + 3


def test_silence_that_is_short_is_left_as_it_is() -> None:
    (only,) = planned(frames(1, 3, 0.8, 4, 1))
    first, second = only.utterances
    assert only.silences == (second.start - first.end,)
    assert 0 < only.silences[0] < DEFAULTS.longest_silence * SAMPLE_RATE
    assert only.places[1] == second.start - first.start


def test_silence_that_is_long_is_cut_down() -> None:
    (only,) = planned(frames(1, 3, 20, 4, 1), PlanSettings(longest_silence=0.3))
    first, _ = only.utterances
    assert only.silences == (4800,)
    assert only.places == (0, first.end - first.start + 4800)


def test_a_window_takes_no_utterance_that_would_make_it_too_long() -> None:
    third = DEFAULTS.longest / 3
    windows = planned(frames(*(1, third - 1) * 4, 1))
    assert [len(each.utterances) for each in windows] == [3, 1]
    windows = planned(frames(*(1, third + 0.5) * 4, 1))
    assert [len(each.utterances) for each in windows] == [2, 2]


def test_without_sharing_each_utterance_has_its_window() -> None:
    windows = planned(frames(1, 3, 1, 4, 1), PlanSettings(longest=0))
    assert [len(each.utterances) for each in windows] == [1, 1]


def test_speech_without_a_pause_is_cut_and_nothing_between_the_windows_is_lost() -> None:
    longest = DEFAULTS.endpointing.max_utterance
    windows = planned(frames(1, 4 * longest, 1))
    assert len(windows) >= 4
    assert all(each.length <= (longest + 0.05) * SAMPLE_RATE for each in windows)
    for before, after in itertools.pairwise(utterances_of(windows)):
        assert after.start == before.end
    for utterance in utterances_of(windows)[1:-1]:  # what lies behind a cut counts for the next one
        length = utterance.end - utterance.start
        assert utterance.voiced == pytest.approx(length, abs=2 * FRAME_SAMPLES)


def test_a_window_is_told_when_the_next_utterance_does_not_fit() -> None:
    planner = Planner(DEFAULTS)
    almost = DEFAULTS.longest - 2
    assert planner.push(frames(1, almost / 2, 1, almost / 2, 60)) == []
    assert len(planner.joined) == 2
    assert planner.push([1.0] * 3 * SECOND) == []
    (only,) = planner.push(frames(1))
    assert len(only.utterances) == 2
    assert len(planner.joined) == 1


def test_utterances_that_wait_for_others_do_not_hold_the_recording() -> None:
    planner = Planner(DEFAULTS)
    planner.push(frames(5, 3, 60))
    (joined,) = planner.joined
    assert planner.needed_from > joined.end
    assert seconds(planner.needed_from) == pytest.approx(68, abs=1.5)


def test_speech_that_goes_on_soon_after_a_cut_starts_at_the_cut_which_is_kept() -> None:
    settings = PlanSettings(
        endpointing=replace(RECORDING_ENDPOINTING, pre_roll=0, max_utterance=4.0), longest=0
    )
    planner = Planner(settings)
    planner.push([1.0] * 117 + [0.0] * 18)  # 125 frames are 4 s: the cut is in the silence
    kept = planner.needed_from
    planner.push([1.0] * 10)
    first, second = utterances_of(planner.end(60 * SAMPLE_RATE))
    assert kept <= second.start == first.end < 121 * FRAME_SAMPLES


def test_no_window_reaches_beyond_the_end_of_the_recording() -> None:
    (only,) = planned(frames(1, 3), missing=300)
    assert only.utterances[-1].end == (4 * SECOND) * FRAME_SAMPLES - 300


def test_no_cut_lies_beyond_the_end_of_the_recording() -> None:
    """The last frame is silence because there is next to nothing of it."""
    settings = PlanSettings(endpointing=replace(RECORDING_ENDPOINTING, max_utterance=4.0))
    probabilities = [1.0] * 124 + [0.0]
    (whole,) = planned(probabilities, settings)
    (only,) = planned(probabilities, settings, missing=511)
    assert only.utterances[-1].end == 125 * FRAME_SAMPLES - 511 < whole.utterances[-1].end


def test_a_window_is_halved_at_its_widest_gap() -> None:
    whole = window((0, 100), (200, 300), (500, 600), (650, 700), silences=(60, 80, 50))
    assert whole.halves() == (
        window((0, 100), (200, 300), silences=(60,)),
        window((500, 600), (650, 700), silences=(50,)),
    )


def test_a_single_utterance_has_no_halves() -> None:
    assert window((0, 100)).halves() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"longest": LONGEST_WINDOW + 0.1},
        {"longest": -0.1},
        {"longest_silence": -0.1},
        {"endpointing": EndpointingSettings(max_utterance=LONGEST_WINDOW + 0.1)},
    ],
)
def test_settings_that_would_not_fit_a_window_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"\d"):
        PlanSettings(**wrong)  # type: ignore[arg-type]


def test_settings_at_their_bounds_are_taken() -> None:
    longest = EndpointingSettings(max_utterance=LONGEST_WINDOW)
    PlanSettings(longest=LONGEST_WINDOW, longest_silence=0, endpointing=longest)
    PlanSettings(longest=0)


def test_recordings_are_cut_later_than_live_speech() -> None:
    live = EndpointingSettings()
    assert RECORDING_ENDPOINTING.max_utterance > live.max_utterance


# --- what holds for every recording

speech = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.4, 0.6, 1.0]), st.integers(1, 200)), max_size=20
).map(lambda runs: [probability for probability, count in runs for _ in range(count)])

plans = st.builds(
    PlanSettings,
    endpointing=st.builds(
        EndpointingSettings,
        pre_roll=st.sampled_from([0, 0.3]),
        silence_to_endpoint=st.sampled_from([0.1, 0.5, 1.0]),
        late_silence_to_endpoint=st.sampled_from([0.1, 0.35]),
        late_after=st.sampled_from([1.0, 15.0]),
        max_utterance=st.floats(1, LONGEST_WINDOW),
    ),
    longest=st.sampled_from([0, 5, LONGEST_WINDOW]) | st.floats(0, LONGEST_WINDOW),
    longest_silence=st.sampled_from([0, 0.5]) | st.floats(0, 3),
)
missing = st.integers(0, FRAME_SAMPLES - 1)


def spans(
    probabilities: Sequence[float], settings: EndpointingSettings, end: int
) -> list[tuple[int, int]]:
    """Where the endpointer finds utterances, up to the end of the recording."""
    endpointer = Endpointer(settings)
    events = [event for each in probabilities for event in endpointer.push(each)]
    events += endpointer.end_of_stream()
    starts = [event.start for event in events if isinstance(event, SpeechStarted)]
    ends = [min(event.end, end) for event in events if isinstance(event, Endpoint)]
    return [span for span in zip(starts, ends, strict=True) if span[0] < span[1]]


@given(speech, plans, missing)
def test_each_utterance_is_in_one_window_and_in_order(
    probabilities: list[float], settings: PlanSettings, missing: int
) -> None:
    end = len(probabilities) * FRAME_SAMPLES - missing
    windows = planned(probabilities, settings, missing=missing)
    found = utterances_of(windows)
    assert [(each.start, each.end) for each in found] == spans(
        probabilities, settings.endpointing, end
    )
    for each in found:
        assert each.start % 160 == 0
        assert each.end <= end
    for before, after in itertools.pairwise(found):
        assert before.end <= after.start


@given(speech, plans, missing)
def test_windows_are_as_long_as_they_may_be_and_no_longer(
    probabilities: list[float], settings: PlanSettings, missing: int
) -> None:
    windows = planned(probabilities, settings, missing=missing)
    longest = round(settings.longest * SAMPLE_RATE)
    for each in windows:
        assert each.length <= longest or len(each.utterances) == 1
        assert each.length <= 30 * SAMPLE_RATE
    for before, after in itertools.pairwise(windows):
        first = after.utterances[0]
        silence = min(
            first.start - before.utterances[-1].end, round(settings.longest_silence * SAMPLE_RATE)
        )
        # The end of the last utterance may have been cut off after it was found not to fit.
        assert before.length + silence + first.end - first.start + FRAME_SAMPLES > longest


@given(speech, plans)
def test_what_is_left_of_a_silence_is_never_more_than_it_was(
    probabilities: list[float], settings: PlanSettings
) -> None:
    for each in planned(probabilities, settings):
        gaps = [after.start - before.end for before, after in itertools.pairwise(each.utterances)]
        longest = round(settings.longest_silence * SAMPLE_RATE)
        assert list(each.silences) == [min(gap, longest) for gap in gaps]


@given(speech, plans)
def test_utterances_follow_one_another_in_their_window(
    probabilities: list[float], settings: PlanSettings
) -> None:
    for each in planned(probabilities, settings):
        place = 0
        silences = (*each.silences, 0)
        for utterance, found, silence in zip(each.utterances, each.places, silences, strict=True):
            assert found == place
            place += utterance.end - utterance.start + silence
        assert each.length == place
        assert each.start == each.utterances[0].start


@given(speech, plans)
def test_halves_hold_what_the_whole_holds(
    probabilities: list[float], settings: PlanSettings
) -> None:
    for whole in planned(probabilities, settings):
        halves = whole.halves()
        if halves is None:
            assert len(whole.utterances) == 1
            continue
        first, second = halves
        assert first.utterances + second.utterances == whole.utterances
        cut = whole.silences[len(first.utterances) - 1]
        assert (*first.silences, cut, *second.silences) == whole.silences
        assert first.length + cut + second.length == whole.length


@given(speech)
def test_every_stretch_of_speech_is_in_an_utterance(probabilities: list[float]) -> None:
    covered = [False] * len(probabilities)
    for utterance in utterances_of(planned(probabilities)):
        for frame in range(utterance.start // FRAME_SAMPLES, -(-utterance.end // FRAME_SAMPLES)):
            covered[min(frame, len(covered) - 1)] = True
    position = 0
    for is_speech, run in itertools.groupby(probabilities, key=lambda each: each >= 0.5):
        length = len(list(run))
        if is_speech and length >= MIN_SPEECH:
            assert all(covered[position : position + length])
        position += length


@given(speech, plans, st.integers(1, 200))
def test_no_utterance_starts_before_what_was_given_up_nor_depends_on_the_calls(
    probabilities: list[float], settings: PlanSettings, size: int
) -> None:
    planner = Planner(settings)
    windows: list[PlannedWindow] = []
    known: set[int] = set()
    given_up = 0

    def look(found: list[PlannedWindow]) -> None:
        nonlocal given_up
        windows.extend(found)
        utterances = [*utterances_of(found), *planner.joined]
        new = [each.start for each in utterances if each.start not in known]
        assert all(start >= given_up for start in new)
        known.update(new)
        given_up = max(given_up, planner.needed_from)

    for begin in range(0, len(probabilities), size):
        look(planner.push(probabilities[begin : begin + size]))
    look(planner.end(len(probabilities) * FRAME_SAMPLES))
    assert windows == planned(probabilities, settings)
