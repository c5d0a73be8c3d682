from __future__ import annotations

import numpy as np
import pytest
from noises import GENERATORS, SAMPLE_RATE, at_level, babble


@pytest.mark.parametrize("name", GENERATORS)
def test_a_noise_is_the_same_for_the_same_seed_and_another_for_another(name: str) -> None:
    first, again, other = (GENERATORS[name](2.0, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (name == "digital silence")


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_a_noise_lasts_as_long_as_it_was_asked_for_and_holds_numbers(
    name: str, seconds: float
) -> None:
    samples = GENERATORS[name](seconds, 0)
    assert samples.shape == (round(seconds * SAMPLE_RATE),)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("level", [-50.0, -30.0, -20.0])
def test_a_level_is_that_of_what_is_not_silent(level: float) -> None:
    samples = np.concatenate((GENERATORS["hum"](1.0, 0), np.zeros(SAMPLE_RATE, np.float32)))
    loud = at_level(samples, level)[:SAMPLE_RATE]
    assert 20 * np.log10(np.std(loud)) == pytest.approx(level, abs=0.5)


def test_nothing_is_louder_than_full_scale() -> None:
    assert np.abs(at_level(GENERATORS["doors"](5.0, 0), -3)).max() <= 1


def test_digital_silence_has_no_level() -> None:
    assert not at_level(GENERATORS["digital silence"](1.0, 0), -10).any()


def test_babble_takes_six_voices() -> None:
    voices = [GENERATORS["hum"](1.0, seed) for seed in range(6)]
    assert babble(voices, 30_000, seed=0).shape == (30_000,)
    assert babble(voices, 8_000, seed=0).shape == (8_000,)
    with pytest.raises(ValueError, match="got 5"):
        babble(voices[:5], 30_000, seed=0)
