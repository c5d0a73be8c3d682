from __future__ import annotations

import av
import numpy as np
import pytest

from captioner.audio import pcm
from captioner.audio.format import AudioFormat, Encoding
from captioner.errors import UnsupportedAudio


def decode(data: bytes, encoding: Encoding, channels: int = 1) -> list[float]:
    samples, _ = pcm.decode(data, AudioFormat(encoding, 16_000, channels))
    assert samples.dtype == np.float32
    return [float(sample) for sample in samples]


def test_linear16_is_little_endian_and_full_scale_is_one() -> None:
    assert decode(b"\x00\x00\x00\x40\x00\x80\xff\x7f", Encoding.LINEAR16) == [
        0.0,
        0.5,
        -1.0,
        32767 / 32768,
    ]


@pytest.mark.parametrize(
    ("encoding", "size", "channels"),
    [
        (Encoding.LINEAR16, 1, 1),
        (Encoding.LINEAR16, 3201, 1),
        (Encoding.LINEAR16, 6, 2),
        (Encoding.FLOAT32, 7, 1),
        (Encoding.FLOAT32, 12, 2),
        (Encoding.MULAW, 3, 2),
        (Encoding.ALAW, 5, 2),
    ],
)
def test_bytes_that_end_inside_a_sample_are_refused_with_their_number(
    encoding: Encoding, size: int, channels: int
) -> None:
    with pytest.raises(UnsupportedAudio, match=f"^{size} bytes of {encoding.name}") as caught:
        decode(bytes(size), encoding, channels)
    assert caught.value.violations[0].field == "audio"


def test_floats_within_range_pass_unchanged() -> None:
    values = np.array([0, 0.25, -1, 1], dtype="<f4")
    samples, clamped = pcm.decode(values.tobytes(), AudioFormat(Encoding.FLOAT32, 16_000))
    assert samples.tolist() == [0, 0.25, -1, 1]
    assert clamped == 0


def test_floats_out_of_range_are_clamped_and_counted() -> None:
    values = np.array([0.5, 1.001, -3e38, -1, 7], dtype="<f4")
    samples, clamped = pcm.decode(values.tobytes(), AudioFormat(Encoding.FLOAT32, 16_000))
    assert samples.tolist() == [0.5, 1, -1, -1, 1]
    assert clamped == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_float_that_is_no_number_is_refused_by_its_place(bad: float) -> None:
    values = np.array([0, 5, bad, 0], dtype="<f4")
    with pytest.raises(UnsupportedAudio, match=f"value 2 of 4 .* is {bad}"):
        decode(values.tobytes(), Encoding.FLOAT32)


@pytest.mark.parametrize(
    ("encoding", "codec"), [(Encoding.MULAW, "pcm_mulaw"), (Encoding.ALAW, "pcm_alaw")]
)
def test_every_g711_code_decodes_as_ffmpeg_decodes_it(encoding: Encoding, codec: str) -> None:
    codes = bytes(range(256))
    reference = av.AudioCodecContext.create(codec, "r")
    assert isinstance(reference, av.AudioCodecContext)
    reference.sample_rate = 8_000
    reference.layout = "mono"
    (frame,) = reference.decode(av.Packet(codes))
    expected = frame.to_ndarray()[0].astype(np.float32) / 32768
    assert decode(codes, encoding) == expected.tolist()


def test_stereo_is_mixed_down_to_the_mean() -> None:
    values = np.array([0.5, -0.5, 1, 0.5, -1, -1], dtype="<f4")
    assert decode(values.tobytes(), Encoding.FLOAT32, channels=2) == [0, 0.75, -1]


def test_opus_is_not_plain_samples() -> None:
    with pytest.raises(ValueError, match="no plain samples"):
        pcm.decode(b"\xf8\xff\xfe", AudioFormat(Encoding.OPUS, 48_000))
