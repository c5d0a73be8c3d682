from __future__ import annotations

import io
import struct

import pytest

from captioner.audio.headers import counts_mpeg_frames, missing_wav_bytes


def riff(size: int, *, follows: int, mark: bytes = b"RIFF") -> io.BytesIO:
    return io.BytesIO(mark + struct.pack("<I", size) + bytes(follows))


def test_a_complete_wav_lacks_nothing() -> None:
    assert missing_wav_bytes(riff(1000, follows=1000)) == 0


def test_trailing_bytes_are_not_negative_bytes() -> None:
    assert missing_wav_bytes(riff(1000, follows=5000)) == 0


def test_a_cut_wav_lacks_what_it_declares_and_has_not() -> None:
    assert missing_wav_bytes(riff(1000, follows=400)) == 600


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_declares_no_size(size: int) -> None:
    assert missing_wav_bytes(riff(size, follows=400)) == 0


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RF64\xff\xff\x00\x00"])
def test_what_is_no_riff_declares_nothing(content: bytes) -> None:
    assert missing_wav_bytes(io.BytesIO(content)) == 0


def test_the_file_stays_where_it_was() -> None:
    file = riff(1000, follows=400)
    file.seek(17)
    missing_wav_bytes(file)
    counts_mpeg_frames(file)
    assert file.tell() == 17


@pytest.mark.parametrize("mark", [b"Xing", b"Info"])
def test_an_mp3_with_a_xing_header_counts_its_frames(mark: bytes) -> None:
    assert counts_mpeg_frames(io.BytesIO(b"\xff\xfb" + bytes(34) + mark))


def test_the_xing_header_comes_after_a_tag_of_any_size() -> None:
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 5, 64]) + bytes(5 * 128 + 64)
    assert counts_mpeg_frames(io.BytesIO(tag + b"\xff\xfb" + bytes(34) + b"Xing"))
    assert not counts_mpeg_frames(io.BytesIO(tag + b"\xff\xfb" + bytes(34)))


def test_an_mp3_without_a_xing_header_does_not() -> None:
    assert not counts_mpeg_frames(io.BytesIO(b"\xff\xfb" + bytes(500) + b"Xing"))
    assert not counts_mpeg_frames(io.BytesIO(b""))
