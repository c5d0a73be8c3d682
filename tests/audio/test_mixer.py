from __future__ import annotations

import av
import numpy as np
import pytest

from captioner.audio.mixer import Mixer

FORMATS = ["u8", "u8p", "s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp"]


def frame(
    levels: list[float], kind: str = "fltp", *, count: int = 800, rate: int = 16_000
) -> av.AudioFrame:
    """Channels of constant level."""
    dtype, zero, scale = {
        "u8": ("uint8", 128, 127),
        "s16": ("int16", 0, 32_767),
        "s32": ("int32", 0, 2_147_483_647),
        "flt": ("float32", 0, 1),
        "dbl": ("float64", 0, 1),
    }[kind.removesuffix("p")]
    planes = np.tile(np.array([levels]).T, (1, count)) * scale + zero
    planes = planes.astype(dtype)
    values = planes if kind.endswith("p") else planes.T.reshape(1, -1)
    layouts = {1: "mono", 2: "stereo", 3: "2.1", 6: "5.1", 9: "9 channels"}
    made = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(values), format=kind, layout=layouts[len(levels)]
    )
    made.sample_rate = rate
    return made


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("levels", [[0.5], [0.5, -0.25], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]], ids=len)
def test_any_format_is_mixed_to_the_mean(kind: str, levels: list[float]) -> None:
    mixer = Mixer(None)
    mixer.add(frame(levels, kind))
    rate, samples = mixer.take()
    assert (rate, samples.shape, samples.dtype.name) == (16_000, (800,), "float32")
    np.testing.assert_allclose(samples, np.mean(levels), atol=0.01)


@pytest.mark.parametrize("kind", FORMATS)
def test_one_channel_is_taken_alone(kind: str) -> None:
    mixer = Mixer(1)
    mixer.add(frame([0.5, -0.25, 0.75], kind))
    np.testing.assert_allclose(mixer.take()[1], -0.25, atol=0.01)


def test_frames_are_gathered_in_order() -> None:
    mixer = Mixer(None)
    mixer.add(frame([0.25], count=160))
    mixer.add(frame([0.5], count=320))
    assert mixer.seconds == 0.03
    _, samples = mixer.take()
    np.testing.assert_array_equal(samples, np.repeat(np.array([0.25, 0.5], np.float32), [160, 320]))
    assert mixer.seconds == 0


@pytest.mark.parametrize(
    "other", [frame([0.5], "s16"), frame([0.5, 0.5]), frame([0.5], rate=8_000)]
)
def test_frames_that_are_not_alike_are_not_gathered(other: av.AudioFrame) -> None:
    mixer = Mixer(None)
    assert mixer.takes(other)
    mixer.add(frame([0.5]))
    assert not mixer.takes(other)
    mixer.take()
    mixer.add(other)
    assert mixer.take()[0] == other.sample_rate


def test_what_is_no_number_is_silence_and_what_is_too_loud_is_full_scale() -> None:
    mixer = Mixer(None)
    mixer.add(frame([np.nan, 0.5], count=4))
    mixer.add(frame([np.inf, -np.inf], count=4))
    mixer.add(frame([9.0, 1.0], count=4))
    mixer.add(frame([-np.inf, 1.0], count=4))
    assert mixer.take()[1].reshape(4, 4)[:, 0].tolist() == [0, 0, 1, -1]
