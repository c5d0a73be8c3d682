"""Every kind of recording, decoded as it is by everybody: in a process of its own."""

from __future__ import annotations

import io
import struct
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from recording_kinds import KINDS, Kind, run_ffmpeg, sound, write_kind
from synthesis import Samples, noise, sine, write_recording

from captioner.audio.files import TrackInfo, decode_file, duration, open_media, probe, read_file
from captioner.errors import InvalidRequest, UnsupportedAudio

MOST_DELAY = 0.06  # seconds that an encoder may add where its container has no word for it


def assert_is_the_sound(samples: Samples) -> None:
    assert samples.dtype == np.float32
    assert len(samples) / 16_000 == pytest.approx(3, abs=MOST_DELAY)
    level = np.sqrt(np.convolve(samples**2, np.ones(160) / 160, "same"))  # of 10 ms
    edges = np.flatnonzero(np.diff(level > 0.15)) / 16_000
    silence = [(end, start) for end, start in pairwise(edges) if start - end > 0.5]
    middle = [(end, start) for end, start in silence if 0.5 < end < 1.5]
    assert middle[0] == pytest.approx((1, 2), abs=MOST_DELAY)
    tone = samples[4_000:12_000]
    spectrum = np.abs(np.fft.rfft(tone))
    assert np.argmax(spectrum) == 220  # of bins of 2 Hz
    assert np.sqrt(np.mean(tone**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.15)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in KINDS])
def test_every_kind_decodes_to_the_same_sound_at_the_same_time(kind: Kind) -> None:
    data = write_kind(kind)
    assert_is_the_sound(read_file(io.BytesIO(data)))
    seconds = duration(io.BytesIO(data))
    assert (seconds is not None) == kind.declared
    if seconds is not None and kind.name != "aac adts":  # a guess from the first few frames
        assert seconds == pytest.approx(3, abs=MOST_DELAY)


@pytest.mark.parametrize(
    "extra", [("-movflags", "faststart"), ()], ids=["at the start", "at the end"]
)
def test_an_mp4_may_have_its_table_anywhere_even_in_a_pipe(
    tmp_path: Path, extra: tuple[str, ...]
) -> None:
    write_recording(tmp_path / "a.wav", sound(), codec="pcm_s16le")
    run_ffmpeg("-i", tmp_path / "a.wav", "-c:a", "aac", *extra, tmp_path / "a.mp4")
    data = (tmp_path / "a.mp4").read_bytes()
    assert (data.index(b"moov") < data.index(b"mdat")) == bool(extra)
    assert_is_the_sound(read_file(io.BufferedReader(Pipe(data))))


@pytest.mark.parametrize(("codec", "name"), [("libvorbis", "a.ogg"), ("wmav1", "a.wma")])
def test_what_only_the_program_writes_is_read(tmp_path: Path, codec: str, name: str) -> None:
    write_recording(tmp_path / "a.wav", sound(44_100), codec="pcm_s16le", rate=44_100)
    run_ffmpeg("-i", tmp_path / "a.wav", "-c:a", codec, "-b:a", "96k", tmp_path / name)
    assert_is_the_sound(read_file(tmp_path / name))


class Pipe(io.RawIOBase):
    """Bytes that come once, in pieces."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def id3_tag(picture: int) -> bytes:
    """The tag of an MP3 file, with a cover picture of so many bytes."""

    def sevens(size: int) -> bytes:
        return bytes(size >> shift & 127 for shift in (21, 14, 7, 0))

    body = b"\0image/png\0\3\0\x89PNG\r\n\x1a\n" + bytes(picture)
    frame = b"APIC" + sevens(len(body)) + b"\0\0" + body
    return b"ID3\x04\0\0" + sevens(len(frame)) + frame


def test_an_mp3_may_begin_with_a_large_picture() -> None:
    mp3 = write_kind(next(kind for kind in KINDS if kind.name == "mp3"))
    data = id3_tag(1_000_000) + mp3[mp3.index(b"\xff\xfb") :]
    assert_is_the_sound(read_file(io.BytesIO(data)))
    assert duration(io.BytesIO(data)) == pytest.approx(3, abs=0.1)


def film(path: Path) -> None:
    """A film with two audio tracks, the first one of two channels."""
    write_recording(
        path.with_suffix(".fr.wav"), np.full(32_000, 0.5, np.float32), codec="pcm_s16le"
    )
    write_recording(
        path.with_suffix(".en.wav"), np.full(32_000, 0.25, np.float32), codec="pcm_s16le"
    )
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=2"),
        *("-i", path.with_suffix(".fr.wav"), "-i", path.with_suffix(".en.wav")),
        *("-filter_complex", "[1:a][1:a]amerge=inputs=2[two]"),
        *("-map", "0", "-map", "[two]", "-map", "2"),
        *("-c:v", "mpeg4", "-c:a", "pcm_s16le"),
        *("-metadata:s:a:0", "language=fra", "-metadata:s:a:0", "title=Réunion\x1b[31m"),
        *("-metadata:s:a:1", "language=eng", path),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["film.mkv", "film.mov"])
def test_a_film_tells_its_audio_tracks_and_one_is_chosen(tmp_path: Path, name: str) -> None:
    film(tmp_path / name)
    info = probe(tmp_path / name)
    assert info.duration == pytest.approx(2, abs=0.1)
    assert [(track.index, track.language) for track in info.tracks] == [(0, "fra"), (1, "eng")]
    assert [track.channels for track in info.tracks] == [2, 1]
    assert {(track.codec, track.sample_rate) for track in info.tracks} == {("pcm_s16le", 16_000)}
    np.testing.assert_allclose(read_file(tmp_path / name, track=0), 0.5, atol=1e-3)
    np.testing.assert_allclose(read_file(tmp_path / name, track=1), 0.25, atol=1e-3)


def test_a_title_is_shown_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    film(tmp_path / "film.mkv")
    assert [track.title for track in probe(tmp_path / "film.mkv").tracks] == ["Réunion[31m", ""]


def test_a_recording_tells_what_it_holds() -> None:
    info = probe(io.BytesIO(write_kind(Kind("", "flac", "flac", rate=44_100))))
    assert info.format == "flac"
    assert info.tracks == (TrackInfo(0, "flac", 2, 44_100, "", "", 3.0),)


def two_channels(left: float, right: float) -> io.BytesIO:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as output:
        stream = output.add_stream("flac", rate=16_000, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        values = (np.tile([left, right], 16_000) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(values[np.newaxis], format="s16", layout="stereo")
        frame.sample_rate = 16_000
        output.mux([*stream.encode(frame), *stream.encode(None)])
    file.seek(0)
    return file


def test_one_channel_is_taken_alone_or_all_are_mixed() -> None:
    for channel, level in ((0, 0.8), (1, 0.2), (None, 0.5)):
        samples = read_file(two_channels(0.8, 0.2), channel=channel)
        np.testing.assert_allclose(samples, level, atol=1e-3)


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_channel_that_is_not_there_is_refused(channel: int) -> None:
    with pytest.raises(
        InvalidRequest, match=f"has 2 channels, channel {channel} does not exist"
    ) as caught:
        open_media(two_channels(0.8, 0.2), channel=channel)
    assert caught.value.violations[0].field == "channel"


def test_a_track_that_starts_after_the_picture_keeps_its_place(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav", sine(2), codec="pcm_s16le")
    run_ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=4"),
        *("-itsoffset", "1.5", "-i", tmp_path / "a.wav"),
        *("-c:v", "mpeg4", "-c:a", "aac", tmp_path / "late.mp4"),
    )
    samples = read_file(tmp_path / "late.mp4")
    assert np.abs(samples[: 16_000 * 14 // 10]).max() < 0.01
    assert np.abs(samples[16_000 * 16 // 10 : 16_000 * 17 // 10]).max() > 0.4
    assert len(samples) / 16_000 == pytest.approx(3.5, abs=0.1)


def test_an_edit_list_that_cuts_the_beginning_is_obeyed(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.wav", sound(), codec="pcm_s16le")
    run_ffmpeg("-i", tmp_path / "a.wav", "-c:a", "aac", tmp_path / "whole.mp4")
    run_ffmpeg("-ss", "0.5", "-i", tmp_path / "whole.mp4", "-c", "copy", tmp_path / "cut.mp4")
    samples = read_file(tmp_path / "cut.mp4")
    assert len(samples) / 16_000 == pytest.approx(2.5, abs=0.05)
    level = np.abs(samples.reshape(-1)[: 16_000 * 2]).reshape(-1, 800).max(axis=1)  # of 50 ms
    assert (level[:9] > 0.4).all()
    assert (level[11:29] < 0.05).all()


def test_a_length_that_is_only_estimated_tells_no_truncation() -> None:
    file = io.BytesIO()
    write_recording(file, noise(16_000 * 200), codec="pcm_s16le", container="matroska")
    data = bytearray(file.getvalue())
    # A padding element in the place of its length: as a browser or a pipe leaves it.
    at = data.index(b"\x44\x89\x88")
    data[at : at + 2] = b"\xec\x89"
    assert (duration(io.BytesIO(bytes(data))) or 0) > 200.25
    assert sum(map(len, decode_file(io.BytesIO(bytes(data))))) == 16_000 * 200


def test_a_container_that_is_not_on_the_list_stays_closed() -> None:
    file = io.BytesIO()
    write_recording(file, noise(16_000), codec="pcm_s16le", container="nut")
    with pytest.raises(UnsupportedAudio, match="is not a recording that can be read"):
        read_file(io.BytesIO(file.getvalue()))


def test_a_codec_that_is_not_on_the_list_stays_closed() -> None:
    data = bytearray(write_kind(Kind("", "wav", "pcm_s16le", rate=16_000, channels=1)))
    data[20:22] = struct.pack("<H", 0x0270)  # ATRAC3
    with pytest.raises(UnsupportedAudio, match="codec that is not known"):
        read_file(io.BytesIO(bytes(data)))
