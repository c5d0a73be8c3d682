from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import ConfigError
from captioner.vad.endpointing import (
    Endpoint,
    Endpointer,
    EndpointingSettings,
    EndpointReason,
    Event,
    PauseStarted,
    SpeechResumed,
    SpeechStarted,
)

FRAME = 512
SETTINGS = EndpointingSettings(
    min_speech=3 * 0.032,
    pre_roll=0.3,
    tail=0.15,
    pause=0.2,
    silence_to_endpoint=0.55,
    late_silence_to_endpoint=0.55,
    max_utterance=15.0,
    cut_search=4.5,
)
PRE_ROLL, TAIL = 4_800, 2_400
PAUSE_FRAMES = 7  # the first count of frames that lasts 0.2 s
SILENCE_FRAMES = 18  # the first count of frames that lasts 0.55 s
MAX_FRAMES = 469  # the first count of frames that lasts 15 s


@dataclass(frozen=True, slots=True)
class Utterance:
    start: int
    end: int
    reason: EndpointReason
    ended_at: int
    """How much audio had been received when it ended."""


def push(endpointer: Endpointer, *runs: tuple[float, int]) -> list[Event]:
    """Push runs of equal probabilities, each as (probability, frames)."""
    return [
        event
        for probability, count in runs
        for _ in range(count)
        for event in endpointer.push(probability)
    ]


def utterances(
    probabilities: list[float], settings: EndpointingSettings = SETTINGS
) -> list[Utterance]:
    """Check the order of the events and collect the utterances they describe."""
    endpointer = Endpointer(settings)
    found: list[Utterance] = []
    start, paused = None, False
    for probability in [*probabilities, None]:
        events = endpointer.end_of_stream() if probability is None else endpointer.push(probability)
        for event in events:
            match event:
                case SpeechStarted():
                    assert start is None
                    start = event.start
                case PauseStarted():
                    assert start is not None
                    assert not paused
                    assert start < event.speech_end <= endpointer.received
                    paused = True
                case SpeechResumed():
                    assert start is not None
                    assert paused
                    assert event.position == endpointer.received - FRAME
                    paused = False
                case Endpoint():
                    assert start is not None
                    found.append(Utterance(start, event.end, event.reason, endpointer.received))
                    start, paused = None, False
                case _:
                    assert_never(event)
        assert endpointer.speaking == (start is not None)
        assert endpointer.utterance_start == start
    assert start is None
    return found


probability = st.one_of(
    st.sampled_from([0.0, 0.02, 0.349, 0.35, 0.499, 0.5, 0.97]), st.floats(0, 1)
)
run_of_frames = st.tuples(probability, st.integers(1, 60)).map(lambda run: [run[0]] * run[1])
stream = st.one_of(
    st.lists(probability, max_size=200),
    st.lists(run_of_frames, max_size=30).map(lambda runs: [p for run in runs for p in run]),
)
any_settings = st.builds(
    EndpointingSettings,
    min_speech=st.floats(0.032, 0.5),
    pre_roll=st.floats(0, 1),
    tail=st.floats(0, 1),
    pause=st.floats(0.032, 1),
    silence_to_endpoint=st.floats(0.032, 2),
    late_silence_to_endpoint=st.floats(0.032, 2),
    late_after=st.floats(0, 10),
    max_utterance=st.floats(3, 20),
    cut_search=st.floats(0.032, 20),
)


def voiced_runs(probabilities: list[float], settings: EndpointingSettings) -> list[range]:
    """Runs of frames that start over one threshold and stay over the other."""
    runs: list[range] = []
    start = None
    for index, value in enumerate([*probabilities, -1.0]):
        if start is None and value >= settings.speech_threshold:
            start = index
        elif start is not None and value < settings.silence_threshold:
            runs.append(range(start, index))
            start = None
    return runs


# --- Invariants


@given(probabilities=stream, settings=any_settings)
def test_utterances_are_ordered_never_overlap_and_end_after_they_start(
    probabilities: list[float], settings: EndpointingSettings
) -> None:
    previous_end = 0
    for utterance in utterances(probabilities, settings):
        assert previous_end <= utterance.start < utterance.end <= utterance.ended_at
        assert utterance.start % 160 == 0
        previous_end = utterance.end


@given(probabilities=stream, settings=any_settings)
def test_every_run_of_speech_of_the_minimum_length_is_covered(
    probabilities: list[float], settings: EndpointingSettings
) -> None:
    found = utterances(probabilities, settings)
    covered = {s for u in found for s in range(u.start // 32, u.end // 32)}  # in units of 32
    for run in voiced_runs(probabilities, settings):
        last = run.stop == len(probabilities)  # the end of the stream takes shorter ones too
        if len(run) * FRAME >= round(settings.min_speech * 16_000) or last:
            assert covered.issuperset(range(run.start * 16, run.stop * 16))


@given(probabilities=stream, settings=any_settings)
def test_no_utterance_is_longer_than_the_maximum_and_one_frame(
    probabilities: list[float], settings: EndpointingSettings
) -> None:
    for utterance in utterances(probabilities, settings):
        assert utterance.end - utterance.start <= settings.max_utterance * 16_000 + FRAME


@given(probabilities=stream, settings=any_settings)
def test_every_utterance_holds_speech(
    probabilities: list[float], settings: EndpointingSettings
) -> None:
    for utterance in utterances(probabilities, settings):
        if utterance.reason is not EndpointReason.MAX_LENGTH:  # its gap may be anywhere
            frames = probabilities[utterance.start // FRAME : -(-utterance.end // FRAME)]
            assert max(frames) >= settings.silence_threshold


@given(probabilities=stream, position=st.integers(0, 10**9).map(lambda hop: hop * 160))
def test_a_later_start_only_shifts_the_utterances(
    probabilities: list[float], position: int
) -> None:
    at_zero, later = Endpointer(SETTINGS), Endpointer(SETTINGS, position=position)
    for value in probabilities:
        assert [_shifted(event, position) for event in at_zero.push(value)] == later.push(value)


def _shifted(event: Event, by: int) -> Event:
    match event:
        case SpeechStarted():
            return replace(event, start=event.start + by)
        case PauseStarted():
            return replace(event, speech_end=event.speech_end + by)
        case SpeechResumed():
            return replace(event, position=event.position + by)
        case Endpoint():
            return replace(event, end=event.end + by)


@given(
    probabilities=st.lists(probability, min_size=1, max_size=100),
    where=st.floats(0, 1),
)
def test_a_cut_leaves_no_audio_out_and_none_in_both(
    probabilities: list[float], where: float
) -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.0, 20), (0.9, 20), *((max(p, 0.36), 1) for p in probabilities))
    start = endpointer.utterance_start
    assert start is not None
    asked = start + 160 + int(where * (endpointer.received - 320 - start))

    ended, started = endpointer.cut_at(asked)

    assert ended == Endpoint(asked // 160 * 160, EndpointReason.MAX_LENGTH)
    assert started == SpeechStarted(asked // 160 * 160)


# --- Start


def test_silence_opens_nothing() -> None:
    assert utterances([0.0] * 100 + [0.49] * 100) == []


def test_speech_opens_an_utterance_after_the_minimum_with_a_pre_roll() -> None:
    endpointer = Endpointer(SETTINGS)

    assert push(endpointer, (0.0, 20), (0.9, 2)) == []
    assert not endpointer.speaking
    assert push(endpointer, (0.9, 1)) == [SpeechStarted((20 * FRAME - PRE_ROLL) // 160 * 160)]
    assert endpointer.speaking


def test_the_pre_roll_is_clipped_to_the_start_of_the_stream() -> None:
    assert push(Endpointer(SETTINGS), (0.0, 2), (0.9, 3)) == [SpeechStarted(0)]


def test_the_pre_roll_is_clipped_to_the_start_of_a_resumed_stream() -> None:
    endpointer = Endpointer(SETTINGS, position=16_000)

    assert push(endpointer, (0.0, 2), (0.9, 3)) == [SpeechStarted(16_000)]


def test_the_pre_roll_is_clipped_to_the_end_of_the_previous_utterance() -> None:
    settings = replace(SETTINGS, silence_to_endpoint=0.2, late_silence_to_endpoint=0.2)
    first, second = utterances([0.9] * 10 + [0.0] * 8 + [0.9] * 10, settings)

    assert first.end == 10 * FRAME + TAIL
    assert second.start == first.end


@pytest.mark.parametrize("length", [1, 2])
def test_blips_shorter_than_the_minimum_open_nothing(length: int) -> None:
    assert utterances(([0.9] * length + [0.0]) * 40) == []


def test_speech_that_dips_between_the_thresholds_is_not_interrupted() -> None:
    assert len(utterances([0.9, 0.4, 0.4] + [0.0] * 30)) == 1


def test_probabilities_between_the_thresholds_open_nothing() -> None:
    assert utterances([0.45] * 100) == []


# --- End


def test_silence_ends_an_utterance_a_little_after_its_last_speech() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 40), (0.0, SILENCE_FRAMES - 1))
    assert endpointer.last_speech_end == 40 * FRAME

    assert endpointer.push(0.0) == [Endpoint(40 * FRAME + TAIL, EndpointReason.SILENCE)]
    assert not endpointer.speaking
    assert endpointer.last_speech_end is None


def test_the_end_is_a_multiple_of_the_hop() -> None:
    (utterance,) = utterances([0.9] * 41 + [0.0] * 30)

    assert utterance.end % 160 == 0
    assert 0 <= utterance.end - (41 * FRAME + TAIL) < 160


def test_a_tail_longer_than_the_silence_stops_at_what_was_received() -> None:
    (utterance,) = utterances([0.9] * 40 + [0.0] * 30, replace(SETTINGS, tail=2.0))

    assert utterance.ended_at == (40 + SILENCE_FRAMES) * FRAME
    assert utterance.end == utterance.ended_at // 160 * 160


def test_one_voiced_frame_restarts_the_silence() -> None:
    silence = [0.0] * (SILENCE_FRAMES - 1)
    (utterance,) = utterances([0.9] * 10 + silence + [0.5] + silence)

    assert utterance.end > (10 + SILENCE_FRAMES) * FRAME


def test_a_late_utterance_ends_at_a_shorter_silence() -> None:
    settings = replace(SETTINGS, late_silence_to_endpoint=0.3, late_after=8.0)
    early, late = Endpointer(settings), Endpointer(settings)

    assert push(early, (0.9, 249), (0.0, 10))[1:] == [PauseStarted(249 * FRAME)]
    assert push(late, (0.9, 250), (0.0, 10))[1:] == [
        PauseStarted(250 * FRAME),
        Endpoint(250 * FRAME + TAIL, EndpointReason.SILENCE),
    ]


def test_a_longer_late_silence_has_no_effect() -> None:
    settings = replace(SETTINGS, late_silence_to_endpoint=2.0, late_after=0.0)

    assert utterances([0.9] * 10 + [0.0] * 99, settings) == utterances([0.9] * 10 + [0.0] * 99)


# --- Pause


def test_a_pause_is_announced_once_and_then_that_speech_resumed() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 10), (0.0, PAUSE_FRAMES - 1))

    assert push(endpointer, (0.0, 5)) == [PauseStarted(10 * FRAME)]
    assert endpointer.last_speech_end == 10 * FRAME
    resumed_at = endpointer.received
    assert push(endpointer, (0.9, 5)) == [SpeechResumed(resumed_at)]
    assert push(endpointer, (0.0, PAUSE_FRAMES)) == [PauseStarted(endpointer.received - 7 * FRAME)]


def test_a_shorter_gap_is_no_pause() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 10))

    assert push(endpointer, *[(0.0, PAUSE_FRAMES - 1), (0.9, 2)] * 10) == []


# --- Maximum length


def test_speech_without_gaps_is_cut_at_its_quietest_moment() -> None:
    endpointer = Endpointer(SETTINGS)
    events = push(endpointer, (0.99, 400), (0.6, 5), (0.99, MAX_FRAMES - 406))
    assert events == [SpeechStarted(0)]

    cut = (400 * FRAME + 5 * FRAME // 2) // 160 * 160
    assert endpointer.push(0.99) == [Endpoint(cut, EndpointReason.MAX_LENGTH), SpeechStarted(cut)]
    assert endpointer.utterance_start == cut


def test_the_cut_lies_in_the_middle_of_the_longest_gap_of_the_search() -> None:
    speech = [0.99] * MAX_FRAMES
    speech[200:206] = [0.0] * 6  # longer, too early
    speech[360:364] = [0.1] * 4
    speech[420:422] = [0.1] * 2
    first, second = utterances(speech)

    assert first.end == 362 * FRAME // 160 * 160
    assert (second.start, second.reason) == (first.end, EndpointReason.FLUSH)


def test_the_deeper_of_two_gaps_is_cut() -> None:
    speech = [0.99] * MAX_FRAMES
    speech[360:363] = [0.02] * 3
    speech[420:424] = [0.33] * 4
    first, _ = utterances(speech)

    assert first.end == (2 * 361 + 1) * FRAME // 2 // 160 * 160


def test_the_later_of_two_equal_gaps_is_cut() -> None:
    speech = [0.99] * MAX_FRAMES
    speech[360:362] = speech[420:422] = [0.1] * 2
    first, _ = utterances(speech)

    assert first.end == 421 * FRAME // 160 * 160


def test_the_maximum_is_honoured_again_and_again() -> None:
    found = utterances([0.9] * 5 * MAX_FRAMES)

    assert len(found) >= 5
    assert all(later.start == earlier.end for earlier, later in pairwise(found))
    assert found[-1].end == 5 * MAX_FRAMES * FRAME


def test_a_cut_in_the_last_gap_waits_for_speech_before_the_next_utterance() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.99, MAX_FRAMES - 4), (0.0, 3))

    (ended,) = endpointer.push(0.0)
    assert ended == Endpoint((MAX_FRAMES - 2) * FRAME // 160 * 160, EndpointReason.MAX_LENGTH)
    assert not endpointer.speaking
    # No minimum and no pre-roll here: this frame may be the end of the word before the cut.
    assert push(endpointer, (0.0, 5), (0.6, 1)) == [SpeechStarted(ended.end)]


def test_a_cut_followed_by_silence_leaves_no_empty_utterance() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.99, MAX_FRAMES - 4), (0.0, 4))

    assert push(endpointer, (0.0, 100)) == []
    assert endpointer.end_of_stream() == []


def test_long_after_a_cut_speech_opens_an_utterance_as_usual() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.99, MAX_FRAMES - 4), (0.0, 4), (0.0, 30))

    assert push(endpointer, (0.9, 2), (0.0, 1)) == []
    start = (endpointer.received - PRE_ROLL) // 160 * 160
    assert push(endpointer, (0.9, 3)) == [SpeechStarted(start)]


def test_a_pause_over_a_cut_is_announced_again_for_the_new_utterance() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 40), (0.0, PAUSE_FRAMES))
    speech_end = endpointer.last_speech_end

    assert endpointer.cut_at(16_000) == [
        Endpoint(16_000, EndpointReason.MAX_LENGTH),
        SpeechStarted(16_000),
    ]
    assert endpointer.push(0.0) == [PauseStarted(40 * FRAME)]
    assert endpointer.last_speech_end == speech_end


# --- Cuts by the caller


def test_a_cut_by_the_caller_restarts_the_measure_of_the_maximum() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, MAX_FRAMES - 1))
    endpointer.cut_at(200_000)

    assert push(endpointer, (0.9, 300)) == []


def test_a_cut_at_the_very_end_continues_with_the_next_speech() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 10))
    assert endpointer.received % 160 == 0

    assert endpointer.cut_at(endpointer.received) == [
        Endpoint(10 * FRAME, EndpointReason.MAX_LENGTH)
    ]
    assert endpointer.flush() == []
    assert push(endpointer, (0.9, 3)) == [SpeechStarted(10 * FRAME)]


@pytest.mark.parametrize("position", [-160, 0, 159, 10 * FRAME + 160])
def test_a_cut_outside_the_utterance_is_refused(position: int) -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 10))

    with pytest.raises(ValueError, match=f"cannot cut at {position}: .* covers 0 to 5120"):
        endpointer.cut_at(position)


def test_a_cut_without_an_utterance_is_refused() -> None:
    with pytest.raises(ValueError, match="none is open"):
        Endpointer(SETTINGS).cut_at(160)


# --- Flush, end, restart


def test_flush_amid_speech_ends_the_utterance_with_all_that_was_received() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 11))

    assert endpointer.flush() == [Endpoint(11 * FRAME, EndpointReason.FLUSH)]
    assert not endpointer.speaking
    assert endpointer.flush() == []


def test_flush_in_a_pause_ends_the_utterance_after_its_speech() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 10), (0.0, 12))

    assert endpointer.flush() == [Endpoint(10 * FRAME + TAIL, EndpointReason.FLUSH)]


def test_flush_takes_speech_that_is_still_too_short() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.0, 20), (0.9, 1))

    assert endpointer.flush() == [
        SpeechStarted((20 * FRAME - PRE_ROLL) // 160 * 160),
        Endpoint(21 * FRAME, EndpointReason.FLUSH),
    ]


def test_flush_of_silence_does_nothing() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 2), (0.0, 3))

    assert endpointer.flush() == []


def test_speech_goes_on_after_a_flush_as_a_new_utterance() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 11))
    endpointer.flush()

    assert push(endpointer, (0.9, 3)) == [SpeechStarted(36 * 160)]  # the first hop after the end


def test_a_restart_forgets_the_open_utterance() -> None:
    endpointer = Endpointer(SETTINGS)
    push(endpointer, (0.9, 20), (0.0, 8))

    endpointer.reset(32_000)

    assert not endpointer.speaking
    assert endpointer.received == 32_000
    assert endpointer.flush() == []
    assert push(endpointer, (0.0, 20), (0.9, 3)) == [
        SpeechStarted((32_000 + 20 * FRAME - PRE_ROLL) // 160 * 160)
    ]


def test_a_restart_amid_speech_continues_from_there() -> None:
    endpointer = Endpointer(SETTINGS, position=16_000, continuing=True)

    assert push(endpointer, (0.1, 14), (0.6, 1)) == [SpeechStarted(16_000)]


# --- Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_speech", 0.031),
        ("pre_roll", -0.1),
        ("tail", -0.1),
        ("pause", 0.0),
        ("silence_to_endpoint", 0.0),
        ("late_silence_to_endpoint", 0.0),
        ("late_after", -1.0),
        ("max_utterance", 0.99),
        ("cut_search", 0.0),
        ("silence_to_endpoint", float("nan")),
        ("max_utterance", float("inf")),
    ],
)
def test_a_duration_out_of_its_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be at least .* got {value} s"):
        replace(EndpointingSettings(), **{name: value})


def test_a_maximum_that_the_beginning_alone_would_fill_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"got 1\.0, 0\.4 and 0\.2 s"):
        EndpointingSettings(max_utterance=1.0, pre_roll=0.4, min_speech=0.2)


@pytest.mark.parametrize(
    ("silence", "speech"), [(0.0, 0.5), (0.6, 0.5), (0.5, 1.0), (float("nan"), 0.5)]
)
def test_thresholds_out_of_order_are_refused(silence: float, speech: float) -> None:
    with pytest.raises(ConfigError, match=f"got {silence} and {speech}"):
        EndpointingSettings(silence_threshold=silence, speech_threshold=speech)
