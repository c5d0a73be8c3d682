from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.vad import FRAME_SAMPLES
from captioner.vad.foreground import BELOW, FADE, RECENT, Foreground
from captioner.vad.silero import Samples

MINUTE = round(60 * 16_000 / FRAME_SAMPLES)  # frames


def frames(decibels: float, count: int) -> Samples:
    """Frames of one level, as RMS under full scale."""
    return np.full((count, FRAME_SAMPLES), 10 ** (decibels / 20), np.float32)


def kept(foreground: Foreground, decibels: float, count: int, *, speech: float = 0.9) -> list[bool]:
    """Whether each of some frames still counts as speech."""
    probabilities = np.full(count, speech, np.float32)
    nearby = foreground.without_background(frames(decibels, count), probabilities)
    return [bool(probability > 0) for probability in nearby]


def test_before_anybody_has_spoken_the_quietest_voice_counts() -> None:
    assert all(kept(Foreground(), -58, 50))


@pytest.mark.parametrize(("below", "counts"), [(BELOW - 0.5, True), (BELOW + 0.5, False)])
def test_a_voice_counts_down_to_so_many_decibels_under_the_speaker(
    below: float, *, counts: bool
) -> None:
    foreground = Foreground()
    kept(foreground, -20, 50)
    assert kept(foreground, -20 - below, 50)[RECENT:] == [counts] * (50 - RECENT)


def test_soft_sounds_right_after_loud_ones_are_the_speaker_s() -> None:
    foreground = Foreground()
    kept(foreground, -20, 50)
    assert kept(foreground, -60, 20) == [True] * (RECENT - 1) + [False] * (21 - RECENT)


def test_a_loud_noise_that_is_no_speech_makes_nobody_too_quiet() -> None:
    foreground = Foreground()
    kept(foreground, -3, 50, speech=0.4)
    assert all(kept(foreground, -40, 50))


def test_a_quiet_speaker_who_goes_on_is_heard_once_the_loud_one_is_forgotten() -> None:
    foreground = Foreground()
    kept(foreground, -20, 50)
    minutes = kept(foreground, -20 - BELOW - 2 * FADE, 3 * MINUTE)
    assert not any(minutes[RECENT : 2 * MINUTE - 20])
    assert all(minutes[2 * MINUTE + 20 :])


def test_silence_forgets_nobody_and_a_reset_does() -> None:
    foreground = Foreground()
    kept(foreground, -20, 50)
    kept(foreground, -80, 10 * MINUTE, speech=0.0)
    assert not any(kept(foreground, -50, 50))
    foreground.reset()
    assert all(kept(foreground, -50, 50))


def test_a_speaker_whose_level_is_known_is_told_from_others_at_once() -> None:
    before = Foreground()
    kept(before, -20, 50)
    foreground = Foreground()
    foreground.reset(before.power)
    assert not any(kept(foreground, -50, 50))
    assert all(kept(foreground, -20 - BELOW + 1, 50))


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_the_level_after_each_frame_is_known(counts: list[int]) -> None:
    foreground = Foreground()
    for count in counts:
        alone = Foreground()
        alone.reset(foreground.power)
        kept(foreground, -20 + count, count)
        assert len(foreground.powers) == count
        assert foreground.powers[-1] == foreground.power


def test_probabilities_of_what_counts_are_as_they_were() -> None:
    probabilities = np.linspace(0, 1, 40, dtype=np.float32)
    same = Foreground().without_background(frames(-20, 40), probabilities)
    assert np.array_equal(same, probabilities)


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 99))
def test_how_frames_are_cut_into_calls_changes_nothing(cuts: list[int], seed: int) -> None:
    chance = np.random.default_rng(seed)
    audio = np.concatenate([frames(level, 10) for level in chance.uniform(-60, -10, 3)])
    speech = chance.random(30, np.float32)
    whole = Foreground().without_background(audio, speech)
    foreground = Foreground()
    edges = [0, *sorted(cuts), 30]
    parts = [
        foreground.without_background(audio[first:last], speech[first:last])
        for first, last in pairwise(edges)
    ]
    assert np.array_equal(np.concatenate(parts), whole)
