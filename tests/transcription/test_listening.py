from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transcription_fakes import Blocks, Samples, ToneDetector, cut, tones, voices

from captioner.asr.engine import SHORTEST_SPEECH
from captioner.asr.window import MEL_HOP, PADDED
from captioner.audio.mel import log_mel
from captioner.errors import UnsupportedAudio
from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.listening import STEP, Listener, PreparedWindow, RowSettings
from captioner.transcription.plan import PlannedWindow, PlanSettings
from captioner.transcription.recording import Recording
from captioner.vad.endpointing import EndpointingSettings

RULE = WindowRule(padded=False, silence=4.0, minimum=20.0)
ROWS = RowSettings(n_mels=80, window=RULE, language="fr", key_terms=("ANCT",), beam_size=3)
DEFAULTS = PlanSettings()
TOGETHER = PlanSettings(longest=24)
MEGABYTE = 1_000_000


def listener(recording: Recording, plan: PlanSettings = DEFAULTS) -> Listener:
    return Listener(recording, ToneDetector(), plan=plan, rows=ROWS)


def hear(
    samples: Samples, *blocks: int, plan: PlanSettings = DEFAULTS, error: Exception | None = None
) -> list[PreparedWindow]:
    """All windows of a recording that comes in blocks of these sizes: by default, of a second."""
    listening = listener(Blocks(cut(samples, *blocks or [SAMPLE_RATE]), error), plan)
    windows: list[PreparedWindow] = []
    while not listening.over:
        windows += listening.listen()
    assert listening.heard == len(samples)
    return windows


def put_together(samples: Samples, window: PlannedWindow) -> Samples:
    """What a window should hold, cut out of the whole recording."""
    parts = [samples[: window.utterances[0].start][:0]]
    for number, utterance in enumerate(window.utterances):
        if number:
            silence = window.silences[number - 1]
            begin, end = window.utterances[number - 1].end, utterance.start
            parts.append(samples[begin : begin + silence // 2])
            parts.append(samples[end - (silence - silence // 2) : end])
        parts.append(samples[utterance.start : utterance.end])
    return np.concatenate(parts)


# --- rows


def test_a_row_is_the_window_followed_by_silence() -> None:
    samples = voices(1, 3, 4)
    (window,) = hear(samples)
    row = window.row
    speech = samples[window.plan.start : window.plan.utterances[-1].end]
    assert row.speech_frames == len(speech) // MEL_HOP
    assert row.features.shape == (80, 2000)
    assert window.frames == 2000
    expected = log_mel(speech, silence=20 * SAMPLE_RATE - len(speech), n_mels=80)
    np.testing.assert_array_equal(row.features, expected)
    assert (row.language, row.key_terms, row.beam_size) == ("fr", ("ANCT",), 3)
    assert row.prefix == ()
    assert not row.retry  # who reads recordings decides that


def test_a_long_window_has_the_silence_that_the_model_needs() -> None:
    plan = PlanSettings(endpointing=EndpointingSettings(max_utterance=24))
    (window,) = hear(voices(1, 21.5, 4), plan=plan)
    assert window.row.features.shape == (80, 2600)


def test_a_window_of_several_utterances_is_as_long_as_its_plan() -> None:
    (window,) = hear(voices(1, 3, 0.7, 2, 9, 4, 1), plan=TOGETHER)
    assert len(window.plan.utterances) == 3
    assert window.row.speech_frames == window.plan.length // MEL_HOP


def test_speech_at_the_very_end_is_heard() -> None:
    samples = voices(1, 2.0117)  # ends within a frame of the detector
    (window,) = hear(samples)
    assert window.plan.utterances[-1].end == len(samples)


def test_nothing_is_heard_in_nothing() -> None:
    assert hear(np.empty(0, np.float32)) == []


def test_speech_too_short_for_the_aligner_is_left_out() -> None:
    shortest = SHORTEST_SPEECH * MEL_HOP / SAMPLE_RATE
    assert hear(tones(0, shortest - 0.01)) == []
    assert len(hear(tones(0, shortest))) == 1


def test_more_silence_can_be_put_after_a_window() -> None:
    samples = voices(1, 3, 4)
    (window,) = hear(samples)
    padded = window.padded_to(PADDED // MEL_HOP)
    speech = put_together(samples, window.plan)
    np.testing.assert_array_equal(
        padded.row.features, log_mel(speech, silence=PADDED - len(speech), n_mels=80)
    )
    assert padded.plan == window.plan
    assert padded.row.speech_frames == window.row.speech_frames


def test_a_part_of_a_window_is_a_window_of_its_own() -> None:
    samples = voices(1, 3, 1, 4, 3)
    (window,) = hear(samples, plan=TOGETHER)
    halves = window.plan.halves()
    assert halves is not None
    for half in halves:
        part = window.part(half, RULE)
        assert part.plan == half
        assert part.row.speech_frames == half.length // MEL_HOP
        speech = put_together(samples, half)
        alone = log_mel(speech, silence=20 * SAMPLE_RATE - len(speech), n_mels=80)
        features = np.asarray(part.row.features)
        assert features.shape == alone.shape
        inner = slice(4, part.row.speech_frames - 4)  # the edges reach into the other half
        np.testing.assert_allclose(features[:, inner], alone[:, inner], atol=0.02)
        assert features[:, part.row.speech_frames :].max() == features.min()
        assert part.row.key_terms == ("ANCT",)


# --- what windows hold

recordings = st.lists(st.sampled_from([0.03, 0.2, 0.4, 0.6, 1.1, 3, 8, 30]), max_size=10)
sizes = st.lists(st.sampled_from([1, 160, 511, 5000, 16_000, 123_457]), min_size=1, max_size=5)
plans = st.builds(
    PlanSettings,
    endpointing=st.builds(
        EndpointingSettings,
        pre_roll=st.sampled_from([0, 0.3]),
        silence_to_endpoint=st.sampled_from([0.2, 0.5]),
        late_silence_to_endpoint=st.sampled_from([0.2, 0.35]),
        late_after=st.sampled_from([1.0, 15.0]),
        max_utterance=st.sampled_from([1.5, 15, 24]),
    ),
    longest=st.sampled_from([0, 8, 24]),
    # 8001 samples cannot be halved; 3 s are longer than any silence that ends an utterance.
    longest_silence=st.sampled_from([0, 0.5, 8001 / SAMPLE_RATE, 3]),
)


@settings(max_examples=settings().max_examples // 2)
@given(recordings, sizes, plans)
def test_a_window_is_its_utterances_and_both_ends_of_the_silences(
    lengths: list[float], blocks: list[int], plan: PlanSettings
) -> None:
    samples = voices(*lengths, 0)
    for window in hear(samples, *blocks[:-1], max(blocks[-1], 160), plan=plan):
        audio = put_together(samples, window.plan)
        assert len(audio) == window.plan.length
        silence = window.frames * MEL_HOP - len(audio)
        expected = log_mel(audio, silence=silence, n_mels=80)
        np.testing.assert_array_equal(window.row.features, expected)


@settings(max_examples=settings().max_examples // 2)
@given(recordings, sizes, plans)
def test_windows_do_not_depend_on_how_the_recording_comes(
    lengths: list[float], blocks: list[int], plan: PlanSettings
) -> None:
    samples = voices(*lengths, 0)
    expected = hear(samples, plan=plan)
    found = hear(samples, *blocks[:-1], max(blocks[-1], 160), plan=plan)
    assert [window.plan for window in found] == [window.plan for window in expected]
    for window, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(window.row.features, other.row.features)


@settings(max_examples=40)
@given(recordings, plans)
def test_no_window_starts_before_what_was_planned(lengths: list[float], plan: PlanSettings) -> None:
    listening = listener(Blocks(cut(voices(*lengths, 0), 4000)), plan)
    planned_until = 0
    while not listening.over:
        assert all(window.plan.start >= planned_until for window in listening.listen())
        planned_until = max(planned_until, listening.planned_until)
        assert planned_until <= listening.heard
    assert planned_until == listening.heard


# --- calls and memory


def test_a_call_hears_a_few_seconds() -> None:
    listening = listener(Blocks([tones(30)[: SAMPLE_RATE + 7]] * 30))
    listening.listen()
    assert STEP <= listening.heard < STEP + 2 * SAMPLE_RATE
    assert not listening.over


def test_an_open_window_is_where_the_plan_ends() -> None:
    listening = listener(Blocks(cut(voices(2, 3, 60), SAMPLE_RATE)))
    for _ in range(5):
        assert listening.listen() == []
    assert listening.planned_until == pytest.approx(2 * SAMPLE_RATE, abs=0.35 * SAMPLE_RATE)


def most_memory(blocks: Iterator[Samples], plan: PlanSettings = DEFAULTS) -> tuple[int, int]:
    """The most bytes that hearing a recording ever took, and how many windows it has."""
    listening = listener(Blocks(blocks), plan)
    windows = 0
    tracemalloc.start()
    try:
        while not listening.over:
            windows += len(listening.listen())
        return tracemalloc.get_traced_memory()[1], windows
    finally:
        tracemalloc.stop()


def test_a_long_recording_is_heard_in_bounded_memory() -> None:
    ten_minutes = cut(voices(*(1, 14, 0.6, 40, 3, 2) * 10), SAMPLE_RATE)
    most, windows = most_memory(block for _ in range(4) for block in ten_minutes)
    assert windows > 75
    assert most < 20 * MEGABYTE  # the recording takes 155 MB


def test_a_window_that_stays_open_for_hours_keeps_its_utterances_and_not_the_recording() -> None:
    second = tones(1)
    minutes = voices(*(30, 1) * 5)

    def blocks() -> Iterator[Samples]:
        yield from cut(minutes, SAMPLE_RATE)
        yield from (second for _ in range(3600))
        yield from cut(minutes, SAMPLE_RATE)

    most, windows = most_memory(blocks(), TOGETHER)
    assert windows == 1
    assert most < 20 * MEGABYTE


# --- what breaks off


def test_what_breaks_off_is_heard_as_far_as_it_goes() -> None:
    broken = UnsupportedAudio("broken at 4 s")
    listening = listener(Blocks([tones(1, 3)], error=broken))
    (window,) = listening.listen()
    assert window.plan.utterances[-1].end == 4 * SAMPLE_RATE
    assert listening.over
    assert listening.error is broken
    assert listening.planned_until == 4 * SAMPLE_RATE


def test_what_breaks_off_after_silence_has_the_windows_that_were_open() -> None:
    (window,) = hear(voices(1, 3, 5, 2, 9), plan=TOGETHER, error=UnsupportedAudio("broken"))
    assert len(window.plan.utterances) == 2
