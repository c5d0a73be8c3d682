"""What a recording's first bytes promise about its length, where FFmpeg does not say."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

# Writers to a pipe cannot come back to fill in the size: they leave none, or nearly the largest.
_UNSET_SIZE = 0
_HUGE_SIZE = 0x7FFFF000  # bytes
_HUGE_WAVE64_SIZE = 0x7FFFFFFFFFFFFFFF  # bytes
_WAVE64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"  # a GUID
_WAVE64_SIZE = struct.Struct("<Q")
_LONGEST_HEAD = 28  # bytes up to the end of the size of the largest kinds
_CHUNK_HEADER = 8  # bytes: a name and a size
_RIFF_MARKS = (b"RIFF", b"RF64", b"RIFX")
_ID3_HEADER = struct.Struct(">3s3x4B")
_FRAME_HEAD = 256  # bytes: more than where a Xing header can begin in an MPEG frame


def missing_wav_bytes(file: BinaryIO) -> int:
    """Bytes that a seekable WAV file, RF64 and Wave64 included, lacks of those it declares.

    FFmpeg takes the end of the file for the end of the audio and says nothing.
    """
    with _Position(file) as length:
        head = file.read(_LONGEST_HEAD).ljust(_LONGEST_HEAD, b"\0")
    return max(0, _declared_bytes(head) - length)


def _declared_bytes(head: bytes) -> int:
    """The length of the whole file, as its head says; 0 when it does not say."""
    if head.startswith(_WAVE64_RIFF):
        size: int = _WAVE64_SIZE.unpack_from(head, len(_WAVE64_RIFF))[0]
        return 0 if size >= _HUGE_WAVE64_SIZE else size
    if head.startswith(b"RF64") and head[12:16] == b"ds64":
        size = _WAVE64_SIZE.unpack_from(head, 20)[0]
        return 0 if size == _UNSET_SIZE or size >= _HUGE_WAVE64_SIZE else size + 8
    size = int.from_bytes(head[4:8], "little")
    if not head.startswith(b"RIFF") or size == _UNSET_SIZE or size >= _HUGE_SIZE:
        return 0
    return size + 8


def first_false_wav_chunk(file: BinaryIO) -> str:
    """Name the first chunk of a seekable WAV file, before its audio, that the file cannot hold.

    FFmpeg allocates what such a chunk declares, up to 2 GB, before it reads it.

    Returns:
        The chunk's name and size; empty when there is none, or the file is no WAV file.
    """
    with _Position(file) as length:
        head = file.read(12)
        if head[:4] not in _RIFF_MARKS or head[8:] != b"WAVE":
            return ""
        while len(chunk := file.read(_CHUNK_HEADER)) == _CHUNK_HEADER and chunk[:4] != b"data":
            size = int.from_bytes(chunk[4:], "big" if head.startswith(b"RIFX") else "little")
            if file.tell() + size > length:
                return f"{chunk[:4].decode('ascii', 'replace')!r} of {size} bytes"
            file.seek(size + size % 2, os.SEEK_CUR)
    return ""


def counts_mpeg_frames(file: BinaryIO) -> bool:
    """Whether a seekable MP3 file counts its own frames, in a Xing header.

    Without one its duration is a guess from the first bit rate and the size of the file.
    """
    with _Position(file):
        mark, *sevens = _ID3_HEADER.unpack(file.read(10).ljust(10, b"\0"))
        tag_size = 0
        for seven in sevens:
            tag_size = tag_size << 7 | seven
        file.seek(10 + tag_size if mark == b"ID3" else 0)
        head = file.read(_FRAME_HEAD)
    return b"Xing" in head or b"Info" in head


class _Position:
    """Reads from the start, and puts the file back where it was; yields its length in bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def __enter__(self) -> int:
        self._at = self._file.tell()
        length = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        return length

    def __exit__(self, *_: object) -> None:
        self._file.seek(self._at)
