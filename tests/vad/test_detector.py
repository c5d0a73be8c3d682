from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from synthesis import noise

from captioner.vad import detector as detector_module
from captioner.vad.detector import (
    HANGOVER_FRAMES,
    LOOKBACK_FRAMES,
    VoiceActivity,
    VoiceDetector,
    listen_together,
)
from captioner.vad.silero import SileroDetector, SileroModel, SileroState

Samples = npt.NDArray[np.float32]

SILENCE = np.zeros(32_000, np.float32)


class CountingModel(SileroModel):
    """The real network, with the number of frames of each run."""

    def __init__(self, model: SileroModel) -> None:
        self._session = model._session
        self.runs: list[int] = []

    def run_streams(
        self, windows: Samples, states: Sequence[SileroState]
    ) -> tuple[npt.NDArray[np.float32], list[SileroState]]:
        self.runs.append(windows.shape[0])
        return super().run_streams(windows, states)


def detect(model: SileroModel, samples: Samples, *, step: int = 1600) -> Samples:
    detector = VoiceDetector(model)
    parts = [detector.process(samples[i : i + step]) for i in range(0, len(samples), step)]
    return np.concatenate([*parts, detector.flush()])


def ungated(model: SileroModel, samples: Samples) -> Samples:
    count = len(samples) // 512
    return SileroDetector(model).probabilities(samples[: count * 512].reshape(count, 512))


def test_each_whole_frame_gets_one_probability(model: SileroModel) -> None:
    detector = VoiceDetector(model)

    assert len(detector.process(SILENCE[:511])) == 0
    assert len(detector.process(SILENCE[:1])) == 1
    assert len(detector.process(SILENCE[:0])) == 0
    assert len(detector.process(SILENCE[: 3 * 512 + 5])) == 3
    assert detector.position == 4 * 512


def test_speech_is_found_where_it_is(model: SileroModel, conversation: Samples) -> None:
    voiced = detect(model, conversation) >= 0.5
    spoken = np.arange(len(voiced)) * 512

    first, second = 30_000 + 4_800, 30_000 + 50_000 + 30_000 + 4_800  # the sentence begins at 0.3 s
    assert not voiced[spoken < first - 512].any()
    assert voiced[(first + 512 < spoken) & (spoken < first + 40_000)].mean() > 0.8
    assert voiced[(second + 512 < spoken) & (spoken < second + 10_000)].mean() > 0.8


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 139_001), max_size=40))
@example(cuts=[])
@example(cuts=list(range(0, 139_001, 160)))
def test_the_cut_into_calls_changes_no_probability(
    model: SileroModel, conversation: Samples, cuts: list[int]
) -> None:
    edges = [0, *sorted(cuts), len(conversation)]
    detector = VoiceDetector(model)

    parts = [detector.process(conversation[start:end]) for start, end in pairwise(edges)]

    probabilities = np.concatenate([*parts, detector.flush()])
    np.testing.assert_array_equal(probabilities, detect(model, conversation))


@settings(max_examples=40)
@given(
    bursts=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 12), st.sampled_from([0.002, 0.02, 0.3])),
        min_size=1,
        max_size=6,
    ),
    step=st.integers(1, 4000),
)
def test_gating_depends_on_frames_and_never_on_calls(
    model: SileroModel, bursts: list[tuple[int, int, float]], step: int
) -> None:
    parts = []
    for seed, (gap, length, amplitude) in enumerate(bursts):
        parts += [np.zeros(gap * 512, np.float32), noise(length * 512, seed=seed)]
        parts[-1] *= np.float32(10 * amplitude)
    samples = np.concatenate(parts)

    np.testing.assert_array_equal(
        detect(model, samples, step=step), detect(model, samples, step=len(samples))
    )


def test_consecutive_frames_of_a_call_are_judged_in_one_run(
    model: SileroModel, sentence: Samples
) -> None:
    counting = CountingModel(model)
    detector = VoiceDetector(counting)

    detector.process(sentence[: 20 * 512])

    assert counting.runs == [20]


def test_a_silent_stream_stops_costing_silero_anything(model: SileroModel) -> None:
    counting = CountingModel(model)
    detector = VoiceDetector(counting)

    probabilities = [detector.process(SILENCE) for _ in range(10)]

    assert sum(counting.runs) == HANGOVER_FRAMES
    assert not np.concatenate(probabilities[1:]).any()


def test_audio_under_the_level_floor_is_silence(model: SileroModel, sentence: Samples) -> None:
    whisper = sentence * np.float32(0.0009 / np.abs(sentence).max())

    assert not detect(model, np.concatenate((SILENCE, whisper)))[HANGOVER_FRAMES:].any()


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.03])
def test_the_gate_costs_no_voiced_frame_but_the_first_two(
    model: SileroModel, conversation: Samples, gain: float
) -> None:
    samples = conversation * np.float32(gain) + noise(len(conversation), amplitude=0.0001)
    gated, free = detect(model, samples), ungated(model, samples)

    missed = np.flatnonzero((free >= 0.5) & (gated[: len(free)] < 0.35))
    onsets = np.flatnonzero((free[1:] >= 0.5) & (free[:-1] < 0.5)) + 1
    assert all(any(0 <= frame - onset < 2 for onset in onsets) for frame in missed)


def test_silero_hears_what_came_before_the_gate_opened(
    model: SileroModel, conversation: Samples
) -> None:
    counting = CountingModel(model)
    detector = VoiceDetector(counting)

    detector.process(conversation[:29_696])  # 58 frames of silence
    slept = len(counting.runs)
    detector.process(conversation[29_696:60_000])

    assert counting.runs[slept] > LOOKBACK_FRAMES
    assert len(counting.runs) == slept + 1


def test_silero_goes_on_through_a_pause_that_the_gate_rejects(
    model: SileroModel, sentence: Samples
) -> None:
    speech = sentence[8_000 : 8_000 + 30 * 512]
    pause = np.zeros((HANGOVER_FRAMES - 2) * 512, np.float32)
    samples = np.concatenate((speech, pause, speech))

    gated, free = detect(model, samples), ungated(model, samples)

    judged = gated > 0  # the pause itself is far under the speaker
    assert judged[-28:].all()
    np.testing.assert_array_equal(gated[judged], free[judged])


def test_flush_judges_the_incomplete_frame_once(model: SileroModel, sentence: Samples) -> None:
    detector = VoiceDetector(model)
    padded = VoiceDetector(model)
    speech = sentence[8_000 : 8_000 + 10 * 512 + 300]

    detector.process(speech)
    last = detector.flush()

    expected = padded.process(np.concatenate((speech, np.zeros(212, np.float32))))
    np.testing.assert_array_equal(last, expected[-1:])
    assert len(detector.flush()) == 0


def test_flush_of_whole_frames_gives_nothing(model: SileroModel) -> None:
    detector = VoiceDetector(model)
    detector.process(SILENCE[:1024])

    assert len(detector.flush()) == 0


def test_a_reset_detector_judges_like_a_new_one(model: SileroModel, conversation: Samples) -> None:
    detector = VoiceDetector(model)
    detector.process(conversation[:70_001])

    detector.reset(70_080)

    assert detector.position == 70_080
    rest = conversation[70_080:]
    expected = VoiceDetector(model).process(rest)
    np.testing.assert_array_equal(detector.process(rest), expected)
    assert detector.position == 70_080 + len(rest) // 512 * 512


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 139_001), max_size=20))
def test_the_level_of_the_speaker_depends_on_frames_and_never_on_calls(
    model: SileroModel, conversation: Samples, cuts: list[int]
) -> None:
    whole = VoiceDetector(model)
    whole.process(conversation)
    edges = [0, *sorted(cuts), len(conversation)]
    detector = VoiceDetector(model)

    for start, end in pairwise(edges):
        first = detector.position
        detector.process(conversation[start:end])
        for position in range(first, detector.position + 1, 512):
            assert detector.speaker_power_at(position) == whole.speaker_power_at(position)


def test_a_detector_told_how_loud_the_speaker_is_hears_nobody_far_behind(
    model: SileroModel, sentence: Samples
) -> None:
    detector = VoiceDetector(model)
    detector.process(sentence)
    power = detector.speaker_power_at(detector.position)
    far = sentence * np.float32(10 ** (-36 / 20))

    detector.reset(64_000, speaker_power=power)

    assert detector.speaker_power_at(64_000) == power
    assert not detector.process(far).any()
    detector.reset(64_000)
    assert (detector.process(far) >= 0.5).sum() > 50


def test_a_restart_amid_speech_hears_it_at_once(model: SileroModel, sentence: Samples) -> None:
    probabilities = detect(model, sentence[12_000:20_000])

    assert probabilities[:3].max() >= 0.5


def test_samples_beyond_full_scale_do_no_harm(model: SileroModel, sentence: Samples) -> None:
    probabilities = detect(model, sentence * np.float32(20))

    assert np.isfinite(probabilities).all()


def test_the_detector_is_a_voice_activity(model: SileroModel) -> None:
    activity: VoiceActivity = VoiceDetector(model)

    assert len(activity.process(SILENCE[:512])) == 1


@settings(max_examples=30, deadline=None)
@given(
    rounds=st.lists(
        st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4_000)), max_size=5), max_size=12
    )
)
@example(rounds=[[(0, 1600), (1, 1600), (2, 40_000)]] * 3)
def test_streams_that_come_and_go_are_judged_in_company_as_alone(
    model: SileroModel, conversation: Samples, rounds: list[list[tuple[int, int]]]
) -> None:
    starts = [0, 25_000, 33_000, 60_000, 80_000]  # silence, a beginning, speech, speech, an end
    streams = [np.concatenate((conversation[at:], conversation[:at])) for at in starts]
    detectors = [VoiceDetector(model) for _ in streams]
    alone = [VoiceDetector(model) for _ in streams]
    heard = [0] * len(streams)

    for company in rounds:
        parts = {
            stream: streams[stream][heard[stream] : heard[stream] + count]
            for stream, count in company
        }
        together = listen_together([(detectors[stream], part) for stream, part in parts.items()])
        for (stream, part), probabilities in zip(parts.items(), together, strict=True):
            heard[stream] += len(part)
            np.testing.assert_array_equal(probabilities, alone[stream].process(part))


def test_streams_that_speak_together_are_judged_in_one_run(
    model: SileroModel, sentence: Samples
) -> None:
    counting = CountingModel(model)
    detectors = [VoiceDetector(counting) for _ in range(50)]

    listen_together([(detector, sentence[:1536]) for detector in detectors])

    assert counting.runs == [3]


def test_a_run_over_streams_is_bounded(
    model: SileroModel, sentence: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector_module, "MAX_FRAMES_PER_RUN", 7)
    counting = CountingModel(model)
    expected = VoiceDetector(model).process(sentence[: 20 * 512])

    few = listen_together([(VoiceDetector(counting), sentence[: 3 * 512]) for _ in range(5)])
    (long,) = listen_together([(VoiceDetector(counting), sentence[: 20 * 512])])

    assert counting.runs == [3, 3, 3, 7, 7, 6]
    for probabilities in few:
        np.testing.assert_array_equal(probabilities, expected[:3])
    np.testing.assert_array_equal(long, expected)
