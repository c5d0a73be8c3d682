from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest

from captioner.audio.headers import counts_mpeg_frames, first_false_wav_chunk, missing_wav_bytes


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


def wave64(size: int, *, follows: int) -> io.BytesIO:
    guid = bytes.fromhex("726966662e91cf11a5d628db04c10000")
    return io.BytesIO(guid + struct.pack("<Q", size) + bytes(follows - 24))


def rf64(size: int, *, follows: int) -> io.BytesIO:
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQ", 28, size)
    return io.BytesIO(head.ljust(8 + follows, b"\0"))


@pytest.mark.parametrize("kind", [rf64, wave64])
def test_the_kinds_for_more_than_4_gb_are_counted_too(
    kind: Callable[..., io.BytesIO],
) -> None:
    assert missing_wav_bytes(kind(1000, follows=1000)) == 0
    assert missing_wav_bytes(kind(1000, follows=400)) == 600
    assert missing_wav_bytes(kind(5 << 32, follows=1000)) == (5 << 32) - 1000
    assert missing_wav_bytes(kind(0, follows=400)) == 0
    assert missing_wav_bytes(kind((1 << 64) - 1, follows=400)) == 0


def wav(*chunks: tuple[bytes, int, int], mark: bytes = b"RIFF") -> io.BytesIO:
    """Chunks of (name, declared size, true size)."""
    body = b"".join(name + struct.pack("<I", size) + bytes(true) for name, size, true in chunks)
    return io.BytesIO(mark + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)


def test_chunks_that_fit_are_true() -> None:
    file = wav((b"fmt ", 16, 16), (b"LIST", 27, 28), (b"data", 100, 100))
    assert first_false_wav_chunk(file) == ""


@pytest.mark.parametrize("mark", [b"RIFF", b"RF64"])
def test_a_chunk_larger_than_the_file_is_named(mark: bytes) -> None:
    file = wav((b"fmt ", 16, 16), (b"LIST", 0xAA00001A, 26), (b"data", 100, 100), mark=mark)
    assert first_false_wav_chunk(file) == "'LIST' of 2852126746 bytes"


def test_a_big_endian_wav_has_big_endian_sizes() -> None:
    def rifx(size: int) -> io.BytesIO:
        fmt = b"fmt " + struct.pack(">I", size) + bytes(16)
        return io.BytesIO(b"RIFX" + bytes(4) + b"WAVE" + fmt + b"data" + struct.pack(">I", 0))

    assert first_false_wav_chunk(rifx(16)) == ""
    assert first_false_wav_chunk(rifx(1_000)) == "'fmt ' of 1000 bytes"


def test_audio_that_was_cut_short_is_no_false_chunk() -> None:
    assert first_false_wav_chunk(wav((b"fmt ", 16, 16), (b"data", 1_000, 100))) == ""
    assert first_false_wav_chunk(wav((b"fmt ", 16, 16))) == ""


@pytest.mark.parametrize("content", [b"", b"RIFF", b"fLaC" + bytes(100), b"RIFF\0\0\0\0AVI LIST"])
def test_what_is_no_wav_has_no_false_chunk(content: bytes) -> None:
    assert first_false_wav_chunk(io.BytesIO(content)) == ""


def test_the_file_stays_where_it_was() -> None:
    file = riff(1000, follows=400)
    file.seek(17)
    missing_wav_bytes(file)
    first_false_wav_chunk(file)
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
