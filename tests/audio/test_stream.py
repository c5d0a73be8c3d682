from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthesis import linear16, noise, opus_packets, sine

from captioner.audio.format import AudioFormat, Encoding
from captioner.audio.stream import AudioStream
from captioner.errors import UnsupportedAudio

RATES = st.one_of(
    st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000]), st.integers(8_000, 48_000)
)


def play(audio_format: AudioFormat, chunks: list[bytes]) -> np.ndarray:
    stream = AudioStream(audio_format)
    return np.concatenate([*map(stream.push, chunks), stream.flush()])


def test_no_bytes_are_no_samples() -> None:
    stream = AudioStream(AudioFormat(Encoding.LINEAR16, 48_000))
    output = stream.push(b"")
    assert output.shape == (0,)
    assert output.dtype == np.float32
    assert stream.position == 0


def test_16_khz_mono_comes_out_at_once_and_exact() -> None:
    stream = AudioStream(AudioFormat(Encoding.LINEAR16, 16_000))
    output = stream.push(linear16(sine(0.1)))
    np.testing.assert_allclose(output, sine(0.1), atol=1 / 16_000)
    assert len(stream.flush()) == 0


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_stereo_of_any_rate_becomes_16_khz_mono_at_the_same_times(rate: int) -> None:
    stereo = np.repeat(sine(1, rate=rate), 2)
    output = play(AudioFormat(Encoding.LINEAR16, rate, 2), [linear16(stereo)])
    assert len(output) == 16_000
    np.testing.assert_allclose(output[2000:-2000], sine(1)[2000:-2000], atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    encoding=st.sampled_from([Encoding.LINEAR16, Encoding.FLOAT32, Encoding.MULAW, Encoding.ALAW]),
    rate=RATES,
    channels=st.sampled_from([1, 2]),
    cuts=st.lists(st.integers(0, 4_000), max_size=6),
    seed=st.integers(0, 3),
)
def test_cutting_the_bytes_differently_changes_nothing_to_the_bit(
    encoding: Encoding, rate: int, channels: int, cuts: list[int], seed: int
) -> None:
    audio_format = AudioFormat(encoding, rate, channels)
    count = 4_000 * channels
    data = {
        Encoding.LINEAR16: linear16(noise(count, seed=seed)),
        Encoding.FLOAT32: noise(count, seed=seed, amplitude=0.5).astype("<f4").tobytes(),
    }.get(encoding, np.random.default_rng(seed).bytes(count))
    bounds = [0, *(cut * audio_format.frame_bytes for cut in sorted(cuts)), len(data)]
    chunks = [data[begin:end] for begin, end in itertools.pairwise(bounds)]
    np.testing.assert_array_equal(play(audio_format, chunks), play(audio_format, [data]))


def test_messages_of_one_sample_are_as_good_as_one_message() -> None:
    audio_format = AudioFormat(Encoding.LINEAR16, 48_000)
    data = linear16(noise(2_000))
    chunks = [data[begin : begin + 2] for begin in range(0, len(data), 2)]
    np.testing.assert_array_equal(play(audio_format, chunks), play(audio_format, [data]))


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        (Encoding.LINEAR16, bytes(961)),
        (Encoding.FLOAT32, bytes(958)),
        (Encoding.FLOAT32, np.array([2, np.nan], "<f4").tobytes()),
    ],
)
def test_a_refused_message_leaves_the_stream_as_it_was(encoding: Encoding, bad: bytes) -> None:
    samples = noise(20_000)
    good = linear16(samples) if encoding is Encoding.LINEAR16 else samples.tobytes()
    audio_format = AudioFormat(encoding, 48_000)
    stream = AudioStream(audio_format)
    before = stream.push(good)
    with pytest.raises(UnsupportedAudio):
        stream.push(bad)
    assert (stream.position, stream.clamped) == (20_000, 0)
    after = np.concatenate((before, stream.push(good), stream.flush()))
    np.testing.assert_array_equal(after, play(audio_format, [good, good]))


def test_values_out_of_range_are_counted_over_the_stream() -> None:
    stream = AudioStream(AudioFormat(Encoding.FLOAT32, 16_000, 2))
    for _ in range(3):
        output = stream.push(np.array([2, 2, -1.5, 0.5], "<f4").tobytes())
        assert output.tolist() == [1, -0.25]
    assert stream.clamped == 9


def test_position_and_delay_account_for_every_sample() -> None:
    stream = AudioStream(AudioFormat(Encoding.LINEAR16, 48_000))
    returned = sum(len(stream.push(linear16(noise(480)))) for _ in range(37))
    assert stream.position == 37 * 480
    assert stream.delayed == 37 * 160 - returned > 0
    assert len(stream.flush()) == 37 * 160 - returned
    assert stream.delayed == 0


def test_a_flush_in_midstream_keeps_positions() -> None:
    stream = AudioStream(AudioFormat(Encoding.LINEAR16, 48_000))
    data = linear16(sine(1, rate=48_000))
    output = np.concatenate([stream.push(data), stream.flush(), stream.push(data), stream.flush()])
    assert len(output) == 32_000
    np.testing.assert_allclose(output[18_000:30_000], sine(1)[2_000:14_000], atol=1e-3)


def test_a_hole_is_filled_with_silence_in_its_place() -> None:
    stream = AudioStream(AudioFormat(Encoding.LINEAR16, 48_000))
    data = linear16(sine(1, rate=48_000))
    parts = [stream.push(data), stream.push_silence(24_000), stream.push(data), stream.flush()]
    output = np.concatenate(parts)
    assert stream.position == 120_000
    assert len(output) == 40_000
    assert np.abs(output[17_000:23_000]).max() < 1e-4
    np.testing.assert_allclose(output[26_000:38_000], sine(1)[2_000:14_000], atol=1e-3)


def test_opus_packets_become_16_khz() -> None:
    packets = opus_packets(sine(1, rate=48_000), channels=2)
    output = play(AudioFormat(Encoding.OPUS, 48_000, 2), packets)
    assert len(output) == len(packets) * 320
    level = np.sqrt(np.mean(np.square(output[3_200:12_800])))
    assert level == pytest.approx(0.5 / 2**0.5, rel=0.05)


def test_a_corrupt_opus_packet_is_refused_and_the_stream_goes_on() -> None:
    packets = opus_packets(sine(0.2, rate=48_000))
    stream = AudioStream(AudioFormat(Encoding.OPUS, 48_000))
    stream.push(packets[0])
    with pytest.raises(UnsupportedAudio, match="packet 2 of 1 bytes"):
        stream.push(b"\x03")
    assert stream.position == 960
    stream.push(packets[1])
    assert stream.position == 1_920
