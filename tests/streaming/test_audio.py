from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming_fakes import SETTINGS
from synthesis import noise

from captioner.audio.mel import log_mel
from captioner.streaming.audio import SessionAudio

SOUND = noise(32_000)


@pytest.mark.parametrize("start", [0, 160, 3200, 12_345])
def test_audio_is_addressed_by_its_position_in_the_session(start: int) -> None:
    audio = SessionAudio(start, 80)
    audio.append(SOUND[:1000])
    audio.append(SOUND[1000:])

    assert audio.end == start + len(SOUND)
    assert np.array_equal(audio.samples(start + 500, start + 1500), SOUND[500:1500])


@given(st.integers(0, 100).map(lambda hops: 160 * hops))
def test_features_do_not_depend_on_where_the_stretch_starts(start: int) -> None:
    whole, late = SessionAudio(0, 80), SessionAudio(start, 80)
    whole.append(SOUND)
    late.append(SOUND[start:])

    window = (max(start, 16_000), 32_000)

    assert np.array_equal(
        whole.features(*window, SETTINGS.window), late.features(*window, SETTINGS.window)
    )


def test_features_are_those_of_the_speech_and_the_silence_of_the_models_rule() -> None:
    audio = SessionAudio(0, 80)
    audio.append(SOUND)

    features = audio.features(16_000, 32_000, SETTINGS.window)
    longer = audio.features(16_000, 32_000, SETTINGS.window, at_least=10 * 16_000)

    assert features.shape == (80, 600)  # 1 s, 4 s of silence, rounded up to 6 s
    assert longer.shape == (80, 1000)
    expected = log_mel(SOUND[16_000:], silence=5 * 16_000)
    assert np.allclose(features, expected, atol=1e-4)


def test_what_is_forgotten_cannot_be_had_and_the_rest_can() -> None:
    audio = SessionAudio(16_000, 80)
    audio.append(SOUND)
    before = audio.features(32_000, 40_000, SETTINGS.window)

    audio.forget(0)
    audio.forget(32_000)

    assert np.array_equal(audio.features(32_000, 40_000, SETTINGS.window), before)
    with pytest.raises(ValueError, match="are kept"):
        audio.samples(31_840, 32_000)


def test_forgetting_what_has_not_come_forgets_all_that_has() -> None:
    audio = SessionAudio(0, 80)
    audio.append(SOUND)

    audio.forget(1_000_000)

    assert audio.end == len(SOUND)
    assert len(audio.samples(len(SOUND), len(SOUND))) == 0
