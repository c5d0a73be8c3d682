from __future__ import annotations

import contextlib
import io
import os
import struct
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from synthesis import linear16, noise, sine, write_recording

from captioner.audio.files import BLOCK, decode_file, duration, open_media, read_file
from captioner.errors import InvalidRequest, UnsupportedAudio

EXAMPLES = Path(__file__).parents[2] / "examples" / "audio"

KINDS = [
    pytest.param("pcm_s16le", "wav", 16_000, 1, id="wav"),
    pytest.param("pcm_f32le", "wav", 8_000, 2, id="wav float stereo"),
    pytest.param("pcm_mulaw", "wav", 8_000, 1, id="wav mu-law"),
    pytest.param("flac", "flac", 44_100, 2, id="flac"),
    pytest.param("flac", "flac", 96_000, 1, id="flac 96 kHz"),
    pytest.param("libmp3lame", "mp3", 44_100, 1, id="mp3"),
    pytest.param("libopus", "ogg", 48_000, 1, id="ogg opus"),
    pytest.param("flac", "ogg", 48_000, 2, id="ogg flac"),
    pytest.param("aac", "ipod", 48_000, 2, id="m4a"),
    pytest.param("aac", "mp4", 44_100, 1, id="mp4"),
    pytest.param("libopus", "webm", 48_000, 2, id="webm"),
]


def recording(
    samples: np.ndarray,
    *,
    codec: str = "pcm_s16le",
    container: str = "wav",
    rate: int = 16_000,
    channels: int = 1,
) -> bytes:
    file = io.BytesIO()
    write_recording(file, samples, codec=codec, container=container, rate=rate, channels=channels)
    return file.getvalue()


@pytest.mark.parametrize(("codec", "container", "rate", "channels"), KINDS)
def test_every_kind_decodes_to_the_same_sound_at_the_same_time(
    codec: str, container: str, rate: int, channels: int
) -> None:
    data = recording(
        sine(3, rate=rate), codec=codec, container=container, rate=rate, channels=channels
    )
    samples = read_file(io.BytesIO(data))
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(48_000, abs=500)
    steady = slice(8_000, 40_000)
    assert np.abs(samples[steady] - sine(3)[steady]).max() < 0.1  # lossy codecs ripple
    assert duration(io.BytesIO(data)) == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    "path", ["meeting/claire.flac", "noise/silence.flac", "real/udhr_librivox.flac"]
)
def test_a_16_khz_mono_recording_comes_out_exact(path: str) -> None:
    expected, rate = soundfile.read(EXAMPLES / path, dtype="float32")
    assert rate == 16_000
    np.testing.assert_array_equal(read_file(EXAMPLES / path), expected)


def test_blocks_are_bounded_and_complete() -> None:
    data = recording(noise(100_000))
    blocks = list(decode_file(io.BytesIO(data)))
    assert all(BLOCK <= len(block) <= 2 * BLOCK for block in blocks[:-1])
    assert sum(map(len, blocks)) == 100_000


def test_stereo_is_mixed_down_without_clipping(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    write_recording(path, np.full(8_000, 0.9, np.float32), codec="pcm_s16le", channels=2)
    np.testing.assert_allclose(read_file(path), 0.9, atol=1e-4)


def test_a_path_may_be_text(tmp_path: Path) -> None:
    path = tmp_path / "réunion n° 1.wav"
    path.write_bytes(recording(noise(1_600)))
    assert len(read_file(str(path))) == 1_600


def test_a_pipe_will_do() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as sink:
        sink.write(recording(sine(0.5)))
    with os.fdopen(reading, "rb") as source:
        assert len(read_file(source)) == 8_000


def test_a_track_is_chosen_by_number(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    write_recording(path, np.full(16_000, 0.8, np.float32), codec="pcm_s16le", tracks=2)
    np.testing.assert_allclose(read_file(path), 0.8, atol=1e-3)
    np.testing.assert_allclose(read_file(path, track=1), 0.4, atol=1e-3)


@pytest.mark.parametrize("track", [-1, 2])
def test_a_track_that_is_not_there_is_refused(tmp_path: Path, track: int) -> None:
    path = tmp_path / "two.mkv"
    write_recording(path, noise(16_000), codec="pcm_s16le", tracks=2)
    with pytest.raises(InvalidRequest, match=f"2 audio tracks, track {track} does not") as caught:
        read_file(path, track=track)
    assert caught.value.violations[0].field == "track"


def test_a_hole_between_timestamps_becomes_silence(tmp_path: Path) -> None:
    path = tmp_path / "muted.mkv"
    write_recording(path, sine(4), codec="pcm_s16le", hole=(32 * 1024, 40_000))
    samples = read_file(path)
    assert len(samples) == pytest.approx(104_000, abs=32)
    assert np.abs(samples[33_000:72_000]).max() == 0
    np.testing.assert_allclose(samples[:32_000], sine(4)[:32_000], atol=1e-3)


def test_time_begins_with_the_recording_and_not_with_its_clock(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    write_recording(path, sine(2), codec="pcm_s16le", first_pts=16_000 * 60)
    assert len(read_file(path)) == 32_000


def test_timestamps_that_jump_by_a_day_are_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "jump.mkv"
    write_recording(path, sine(2), codec="pcm_s16le", hole=(16 * 1024, 16_000 * 86_400))
    with pytest.raises(UnsupportedAudio, match=r"corrupt at 1\.0 s: its timestamps jump to 86401"):
        read_file(path)


def test_floats_that_are_no_numbers_or_too_large_are_tamed() -> None:
    values = np.array([np.nan, np.inf, 9, -0.5], "<f4").repeat(4_000)
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + 64_000, b"WAVE", b"fmt ", 16, 3, 1,
                         16_000, 64_000, 4, 32, b"data", 64_000)  # fmt: skip
    samples = read_file(io.BytesIO(header + values.tobytes()))
    assert len(samples) == 16_000
    assert samples[[0, 5_000, 9_000, 13_000]].tolist() == [0, 1, 1, -0.5]


def test_a_missing_file_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rien.wav"
    with pytest.raises(
        InvalidRequest, match=r"rien\.wav cannot be read: No such file or directory"
    ):
        read_file(path)


def test_a_directory_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: Is a directory"):
        read_file(tmp_path)


def test_a_name_that_no_file_can_have_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: File name too long"):
        read_file(tmp_path / ("x" * 300))


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Root may read everything: be nobody for a moment."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_without_permission_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(recording(noise(1_600)))
    path.chmod(0)
    with (
        without_privileges(),
        pytest.raises(InvalidRequest, match="cannot be read: Permission denied"),
    ):
        read_file(path)


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "vide.wav"
    path.touch()
    with pytest.raises(UnsupportedAudio, match=r"vide\.wav is empty \(0 bytes\)"):
        read_file(path)


def test_a_file_object_without_a_byte_is_said_to_be_empty() -> None:
    with pytest.raises(UnsupportedAudio, match=r"^the recording is empty \(0 bytes\)"):
        read_file(io.BytesIO())


def test_a_recording_without_a_sample_holds_no_audio() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 16_000, 0, "NONE", ""))
    file.seek(0)
    with pytest.raises(UnsupportedAudio, match="holds no audio"):
        read_file(file)


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"Compte rendu de la reunion.\n" * 500,
        b"\x89PNG\r\n\x1a\n" + bytes(2_000),
        np.random.default_rng(0).bytes(50_000),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    ],
    ids=["byte", "text", "picture", "random", "playlist", "concatenation", "sdp"],
)
def test_what_is_no_recording_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedAudio, match=r"^the recording is not a recording"):
        read_file(io.BytesIO(content))


def test_a_playlist_never_makes_the_decoder_open_another_file(tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(recording(noise(16_000)))
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnsupportedAudio, match=r"list\.m3u8 is not a recording"):
        read_file(playlist)


@pytest.mark.parametrize(
    ("codec", "container", "rate"),
    [
        ("pcm_s16le", "wav", 16_000),
        ("flac", "flac", 16_000),
        ("libmp3lame", "mp3", 16_000),
        ("aac", "mp4", 16_000),
        ("libopus", "webm", 48_000),
    ],
)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.9])
def test_a_file_cut_short_is_not_taken_for_whole(
    codec: str, container: str, rate: int, kept: float
) -> None:
    data = recording(noise(rate * 5), codec=codec, container=container, rate=rate)
    with pytest.raises(UnsupportedAudio, match=r"is truncated|cut off|corrupt|holds no audio"):
        read_file(io.BytesIO(data[: int(len(data) * kept)]))


def test_what_came_before_the_cut_is_yielded_first() -> None:
    data = recording(noise(16_000 * 5), codec="flac", container="flac")
    blocks = decode_file(io.BytesIO(data[: len(data) // 2]))
    assert len(next(blocks)) >= BLOCK
    with pytest.raises(UnsupportedAudio, match=r"ends after 2\.. s of the 5\.0 s"):
        list(blocks)


def test_a_header_that_claims_gigabytes_is_refused_before_it_is_believed() -> None:
    data = bytearray(linear16_wav(16_000))
    data[36:36] = b"LIST" + struct.pack("<I", 0xAA000000) + bytes(32)
    with pytest.raises(UnsupportedAudio, match="cannot hold its chunk 'LIST' of 2852126720 bytes"):
        read_file(io.BytesIO(bytes(data)))


@pytest.mark.parametrize("rate", [999, 768_001])
def test_a_sample_rate_that_nothing_records_is_corrupt(rate: int) -> None:
    data = linear16_wav(16_000, rate=rate)
    with pytest.raises(UnsupportedAudio, match=f"its sample rate is {rate} Hz"):
        read_file(io.BytesIO(data))


def many_channels(count: int) -> bytes:
    """A second of `count` channels, each at its own level: their mean is a half."""
    levels = np.linspace(0.25, 0.75, count)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((count, 2, 16_000, 0, "NONE", ""))
        writer.writeframes(linear16(np.tile(levels, 16_000)))
    return file.getvalue()


@pytest.mark.parametrize("count", [3, 6, 8, 9, 16, 32])
def test_any_number_of_channels_is_mixed_down_to_the_mean(count: int) -> None:
    samples = read_file(io.BytesIO(many_channels(count)))
    assert len(samples) == 16_000
    np.testing.assert_allclose(samples, 0.5, atol=1e-3)


@pytest.mark.parametrize("count", [33, 200])
def test_more_channels_than_anything_records_are_corrupt(count: int) -> None:
    with pytest.raises(UnsupportedAudio, match=f"it has {count} channels"):
        read_file(io.BytesIO(many_channels(count)))


def test_an_unknown_codec_is_refused() -> None:
    data = bytearray(linear16_wav(16_000))
    data[20:22] = b"\x77\x77"  # the format tag
    with pytest.raises(UnsupportedAudio, match="codec that is not known"):
        read_file(io.BytesIO(bytes(data)))


def test_a_film_without_sound_has_no_audio_track() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 16, 16
        picture = np.zeros((16, 16, 3), np.uint8)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    file.seek(0)
    with pytest.raises(UnsupportedAudio, match="has no audio track"):
        read_file(file)


def test_a_long_stretch_of_rubbish_is_corrupt() -> None:
    data = recording(noise(16_000 * 5), codec="aac", container="mp4")
    middle = len(data) // 2
    spoilt = data[: middle - 5_000] + b"\xff" * 10_000 + data[middle + 5_000 :]
    with pytest.raises(UnsupportedAudio, match=r"corrupt at \d\.\d s: 9 packets in a row"):
        read_file(io.BytesIO(spoilt))


def test_a_short_stretch_of_rubbish_is_silence_and_counted() -> None:
    data = recording(noise(16_000 * 5), codec="aac", container="mp4")
    middle = len(data) // 2
    spoilt = data[:middle] + b"\xff" * 300 + data[middle + 300 :]
    with open_media(io.BytesIO(spoilt)) as file:
        total = sum(map(len, file.blocks()))
        assert 1 <= file.damaged <= 8
    assert total == pytest.approx(16_000 * 5, abs=1_100)


@pytest.mark.parametrize(("codec", "container", "rate"), [
    ("flac", "flac", 16_000), ("libmp3lame", "mp3", 16_000), ("aac", "mp4", 16_000),
    ("libopus", "ogg", 48_000), ("libopus", "webm", 48_000),
])  # fmt: skip
def test_random_damage_gives_audio_or_a_clear_error(codec: str, container: str, rate: int) -> None:
    data = recording(noise(rate * 2), codec=codec, container=container, rate=rate)
    random = np.random.default_rng(7)
    for _ in range(8):
        spoilt = bytearray(data)
        for at in random.integers(0, len(data), 30):
            spoilt[at] = random.integers(256)
        with contextlib.suppress(UnsupportedAudio):
            assert np.abs(read_file(io.BytesIO(bytes(spoilt)))).max() <= 1


def test_a_file_knows_its_name_and_duration(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(linear16_wav(24_000))
    with open_media(path) as file:
        assert file.name == str(path)
        assert file.duration == 1.5
    assert duration(path) == 1.5


def test_a_stream_that_the_caller_opened_stays_open(tmp_path: Path) -> None:
    file = io.BytesIO(linear16_wav(1_600))
    read_file(file)
    assert not file.closed


def linear16_wav(count: int, *, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(linear16(noise(count)))
    return file.getvalue()
