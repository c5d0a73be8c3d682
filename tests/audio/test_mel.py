from __future__ import annotations

import threading
from random import Random

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given, settings
from hypothesis import strategies as st
from synthesis import noise, sine

from captioner.audio.mel import BLOCK, HOP, LogMelStream, LogMelWindow, log_mel

TOLERANCE = 1e-6  # of values of about -1 to 2
SOUND = np.concatenate(
    (noise(20_000), np.zeros(9_000, np.float32), sine(2) + noise(32_000, seed=1))
)


def reference(audio: np.ndarray, *, silence: int, n_mels: int) -> np.ndarray:
    padded = np.concatenate((audio, np.zeros(silence, np.float32)))
    features: np.ndarray = FeatureExtractor(feature_size=n_mels)(padded, padding=0)
    return features


def stream_of(audio: np.ndarray, n_mels: int = 80) -> LogMelStream:
    stream = LogMelStream(n_mels)
    stream.append(audio)
    return stream


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("silence", [0, 16_000, 64_000])
def test_a_recording_has_the_features_of_faster_whisper(n_mels: int, silence: int) -> None:
    features = log_mel(SOUND, silence=silence, n_mels=n_mels)
    assert features.shape == (n_mels, (len(SOUND) + silence) // HOP)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous
    expected = reference(SOUND, silence=silence, n_mels=n_mels)
    np.testing.assert_allclose(features, expected, atol=TOLERANCE)


@settings(max_examples=150, deadline=None)
@given(
    first=st.integers(0, 200),
    length=st.one_of(st.integers(0, 1_500), st.integers(0, 28_000)),
    silence=st.one_of(st.integers(0, 900), st.sampled_from([1_600, 16_000])),
    n_mels=st.sampled_from([80, 128]),
)
def test_every_window_of_a_stream_has_the_features_of_faster_whisper(
    first: int, length: int, silence: int, n_mels: int
) -> None:
    start, stop = first * HOP, first * HOP + length
    window = stream_of(SOUND, n_mels).window(start, stop, silence=silence)
    features = np.asarray(window)
    assert window.shape == features.shape == (n_mels, (length + silence) // HOP)
    if features.size:
        expected = reference(SOUND[start:stop], silence=silence, n_mels=n_mels)
        np.testing.assert_allclose(features, expected, atol=TOLERANCE)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 9_000), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12
    ),
    forget=st.booleans(),
    late=st.randoms(),
)
def test_a_window_is_the_same_to_the_bit_whatever_was_asked_before_or_comes_after(
    steps: list[tuple[int, float, float]], forget: bool, late: Random
) -> None:
    stream = LogMelStream(80)
    uncomputed: list[tuple[LogMelWindow, LogMelWindow]] = []
    for count, where, until in steps:
        stream.append(SOUND[stream.end : stream.end + count])
        first = (stream.start + round((stream.end - stream.start) * where)) // HOP * HOP
        start = max(first, stream.start)
        stop = start + round((stream.end - start) * until)
        window = stream.window(start, stop, silence=1_600)
        afresh = stream_of(SOUND).window(start, stop, silence=1_600)
        if late.random() < 0.3:
            uncomputed.append((window, afresh))
        else:
            np.testing.assert_array_equal(window, afresh)
        if forget:
            stream.forget(start)
    for window, afresh in uncomputed:
        np.testing.assert_array_equal(window, afresh)


def test_a_window_may_be_empty_wherever_the_stream_has_got_to() -> None:
    stream = stream_of(SOUND[:9_296])
    assert np.asarray(stream.window(9_280, 9_280, silence=1_600)).shape == (80, 10)


def test_digital_silence_is_the_lowest_value_throughout() -> None:
    features = log_mel(np.zeros(3_200, np.float32), silence=3_200)
    np.testing.assert_allclose(features, (-10 + 4) / 4, atol=TOLERANCE)


def test_a_window_too_short_for_a_frame_is_empty() -> None:
    assert stream_of(SOUND).window(0, 100, silence=59).shape == (80, 0)


def computed(window: LogMelWindow) -> int:
    """How many frames had to be computed for a window, those of its blocks included."""
    np.asarray(window)
    return sum(len(frames.loudest) for _, frames in window.computed)


def test_frames_are_computed_once_for_overlapping_windows() -> None:
    stream = stream_of(SOUND[:32_000])
    whole = 32_000 // HOP
    assert (
        computed(stream.window(0, 32_000, silence=64_000)) == whole - 1
    )  # the last one reaches on
    stream.append(SOUND[32_000:48_000])
    assert computed(stream.window(0, 48_000, silence=64_000)) == 48_000 // HOP - whole + BLOCK - 1
    assert computed(stream.window(16_000, 48_000, silence=16_000)) == 0


def test_a_window_that_nobody_computes_costs_nothing_and_teaches_nothing() -> None:
    stream = stream_of(SOUND[:32_000])
    superseded = stream.window(0, 32_000, silence=0)
    assert superseded.shape == (80, 200)
    assert not superseded.computed
    assert computed(stream.window(0, 32_000, silence=0)) == 199


def test_a_window_computes_nothing_outside_itself() -> None:
    stream = stream_of(SOUND)
    assert computed(stream.window(48_000, 51_200, silence=160_000)) == 3_200 // HOP


def test_a_window_is_computed_in_another_thread_while_the_stream_goes_on() -> None:
    stream = stream_of(SOUND[:48_000])
    stream.forget(16_000)
    window = stream.window(16_000, 48_000, silence=1_600)
    found: list[np.ndarray] = []
    stream.append(noise(400_000))
    stream.forget(stream.end)
    thread = threading.Thread(target=lambda: found.append(np.asarray(window)))
    thread.start()
    thread.join()
    afresh = stream_of(SOUND).window(16_000, 48_000, silence=1_600)
    np.testing.assert_array_equal(found[0], afresh)


def test_features_belong_to_whoever_had_them_computed() -> None:
    window = stream_of(SOUND).window(0, 32_000, silence=0)
    np.asarray(window)[:] = 0
    np.testing.assert_array_equal(window, stream_of(SOUND).window(0, 32_000, silence=0))


def test_memory_is_bounded_by_what_is_not_forgotten() -> None:
    stream = LogMelStream(80)
    for _ in range(300):
        stream.append(noise(16_000))
        stream.forget(max(0, stream.end - 80_000))
        np.asarray(stream.window(stream.start, stream.end, silence=0))
    assert stream._frames.end - stream._frames.start <= 80_000 // HOP + 2 * BLOCK


def test_forgetting_keeps_the_frame_grid() -> None:
    stream = stream_of(SOUND)
    stream.forget(1_000)
    assert stream.start == 960
    assert stream.end == len(SOUND)


def test_audio_is_not_touched_by_later_audio() -> None:
    stream = stream_of(SOUND)
    part = stream.audio(100, 300)
    stream.forget(len(SOUND))
    stream.append(np.ones(100_000, np.float32))
    np.testing.assert_array_equal(part, SOUND[100:300])


def test_a_window_starts_on_the_frame_grid() -> None:
    with pytest.raises(ValueError, match="starts at 159"):
        stream_of(SOUND).window(159, 5_000, silence=0)


def test_silence_is_not_negative() -> None:
    with pytest.raises(ValueError, match="-1 samples of silence"):
        stream_of(SOUND).window(160, 5_000, silence=-1)


@pytest.mark.parametrize(("start", "stop"), [(0, 5_000), (1_600, len(SOUND) + 1), (3_200, 1_600)])
def test_a_window_lies_within_what_is_kept(start: int, stop: int) -> None:
    stream = stream_of(SOUND)
    stream.forget(1_600)
    with pytest.raises(ValueError, match="are kept"):
        stream.window(start, stop, silence=0)
