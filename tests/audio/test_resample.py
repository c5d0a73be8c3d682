from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthesis import noise, sine

from captioner.audio.resample import Resampler

RATES = [8_000, 11_025, 16_000, 16_001, 22_050, 24_000, 32_000, 44_100, 47_999, 48_000]


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    resampler = Resampler(rate)
    return np.concatenate((resampler.push(samples), resampler.flush()))


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_length_level_and_phase(rate: int) -> None:
    output = resample(sine(2, rate=rate), rate)
    assert len(output) == 32_000
    assert output.dtype == np.float32
    np.testing.assert_allclose(output[2000:-2000], sine(2)[2000:-2000], atol=1e-4)


@pytest.mark.parametrize("rate", [32_000, 44_100, 48_000])
def test_what_16_khz_cannot_hold_is_removed(rate: int) -> None:
    output = resample(sine(1, rate=rate, hertz=9_000), rate)
    assert np.abs(output[2000:-2000]).max() < 1e-4


def test_16_khz_passes_through_untouched() -> None:
    samples = noise(1000)
    np.testing.assert_array_equal(resample(samples, 16_000), samples)


def test_ringing_stays_within_full_scale() -> None:
    square = np.sign(sine(1, rate=48_000, hertz=900)).astype(np.float32)
    assert np.abs(resample(square, 48_000)).max() == 1


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_after_a_flush_it_starts_afresh(rate: int) -> None:
    resampler = Resampler(rate)
    first = np.concatenate((resampler.push(noise(rate)), resampler.flush()))
    second = np.concatenate((resampler.push(noise(rate)), resampler.flush()))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("rate", "milliseconds"), [(8_000, 120), (44_100, 45), (48_000, 40)])
def test_output_follows_input_within_the_documented_delay(rate: int, milliseconds: int) -> None:
    resampler = Resampler(rate)
    received = 0
    for begin in range(0, rate, rate // 100):
        received += len(resampler.push(np.zeros(rate // 100, np.float32)))
        due = (begin + rate // 100) * 16_000 // rate
        assert due - received <= milliseconds * 16


@settings(max_examples=30, deadline=None)
@given(
    rate=st.one_of(st.sampled_from(RATES), st.integers(8_000, 48_000)),
    cuts=st.lists(st.integers(0, 6_000), max_size=8),
)
def test_output_is_the_same_to_the_bit_however_the_input_is_cut(rate: int, cuts: list[int]) -> None:
    samples = noise(6_000)
    resampler = Resampler(rate)
    parts = [resampler.push(part) for part in np.split(samples, sorted(cuts))]
    output = np.concatenate((*parts, resampler.flush()))
    np.testing.assert_array_equal(output, resample(samples, rate))
