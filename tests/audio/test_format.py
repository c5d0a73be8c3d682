from __future__ import annotations

import pytest

from captioner.audio.format import AudioFormat, Encoding
from captioner.errors import InvalidRequest


@pytest.mark.parametrize("rate", [8_000, 11_025, 15_999, 44_100, 48_000])
def test_any_whole_rate_from_8_to_48_khz_is_accepted(rate: int) -> None:
    assert AudioFormat(Encoding.LINEAR16, rate).sample_rate == rate


@pytest.mark.parametrize("rate", [-1, 0, 7_999, 48_001, 96_000])
def test_a_rate_outside_8_to_48_khz_is_refused_by_field_and_number(rate: int) -> None:
    with pytest.raises(InvalidRequest, match=rf"{rate} Hz.*8000 to 48000") as caught:
        AudioFormat(Encoding.FLOAT32, rate)
    assert caught.value.violations[0].field == "audio_format.sample_rate_hertz"


@pytest.mark.parametrize("channels", [-1, 0, 3, 8])
def test_other_than_one_or_two_channels_are_refused(channels: int) -> None:
    with pytest.raises(InvalidRequest, match=f"{channels} channels") as caught:
        AudioFormat(Encoding.LINEAR16, 16_000, channels)
    assert caught.value.violations[0].field == "audio_format.channels"


def test_opus_is_always_at_48_khz() -> None:
    with pytest.raises(InvalidRequest, match=r"16000 Hz.*48000 Hz") as caught:
        AudioFormat(Encoding.OPUS, 16_000)
    assert caught.value.violations[0].field == "audio_format.sample_rate_hertz"


@pytest.mark.parametrize(
    ("encoding", "channels", "expected"),
    [
        (Encoding.LINEAR16, 1, 2),
        (Encoding.LINEAR16, 2, 4),
        (Encoding.FLOAT32, 2, 8),
        (Encoding.MULAW, 1, 1),
        (Encoding.ALAW, 2, 2),
        (Encoding.OPUS, 2, 0),
    ],
)
def test_a_frame_is_a_sample_of_every_channel(
    encoding: Encoding, channels: int, expected: int
) -> None:
    assert AudioFormat(encoding, 48_000, channels).frame_bytes == expected
