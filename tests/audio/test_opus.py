from __future__ import annotations

import numpy as np
import pytest
from synthesis import opus_packets, sine

from captioner.audio.opus import OpusDecoder
from captioner.errors import UnsupportedAudio

SILENT_DTX = b"\xf8\xff\xfe"  # 20 ms of silence, as WebRTC senders write it
MALFORMED = [b"\x03", b"\xff" * 10, b"\x7b\x00", b"\xff\xff" * 1000]


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


@pytest.mark.parametrize("channels", [1, 2])
def test_packets_decode_to_mono_at_48_khz(channels: int) -> None:
    packets = opus_packets(sine(1, rate=48_000), channels=channels)
    decoder = OpusDecoder()
    decoded = [decoder.decode(packet) for packet in packets]
    assert {len(samples) for samples in decoded} == {960}
    assert decoded[0].dtype == np.float32
    assert level(np.concatenate(decoded)[9600:38400]) == pytest.approx(0.5 / 2**0.5, rel=0.05)


@pytest.mark.parametrize("milliseconds", [10, 40, 60])
def test_a_packet_may_hold_other_than_20_ms(milliseconds: int) -> None:
    (first, *_) = opus_packets(sine(0.5, rate=48_000), milliseconds=milliseconds)
    assert len(OpusDecoder().decode(first)) == 48 * milliseconds


def test_packets_of_a_silent_sender_keep_their_time() -> None:
    packets = opus_packets(sine(0.2, rate=48_000))
    decoder = OpusDecoder()
    for packet in packets:
        decoder.decode(packet)
    silent = [decoder.decode(SILENT_DTX) for _ in range(10)]
    assert {len(samples) for samples in silent} == {960}
    assert level(silent[-1]) < 0.001


def test_a_packet_of_one_byte_is_a_frame_without_content() -> None:
    packets = opus_packets(sine(0.2, rate=48_000))
    decoder = OpusDecoder()
    decoder.decode(packets[0])
    assert len(decoder.decode(packets[0][:1])) == 960


@pytest.mark.parametrize("bad", MALFORMED, ids=lambda bad: f"{len(bad)} bytes")
def test_a_malformed_packet_is_refused_and_the_next_one_decodes(bad: bytes) -> None:
    packets = opus_packets(sine(0.5, rate=48_000))
    decoder = OpusDecoder()
    for packet in packets[:10]:
        decoder.decode(packet)
    with pytest.raises(UnsupportedAudio, match=f"packet 11 of {len(bad)} bytes") as caught:
        decoder.decode(bad)
    assert caught.value.violations[0].field == "audio"
    assert level(decoder.decode(packets[10])) == pytest.approx(0.5 / 2**0.5, rel=0.1)
