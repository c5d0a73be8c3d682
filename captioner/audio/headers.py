"""What a recording's first bytes promise about its length, where FFmpeg does not say."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

# Writers to a pipe cannot come back to fill in the size: they leave none, or nearly the largest.
_UNSET_SIZE = 0
_HUGE_SIZE = 0x7FFFF000  # bytes
_CHUNK_HEADER = 8  # bytes: a name and a size
_RIFF_MARKS = (b"RIFF", b"RF64", b"RIFX")
_ID3_HEADER = struct.Struct(">3s3x4B")
_FRAME_HEAD = 256  # bytes: more than where a Xing header can begin in an MPEG frame


def missing_wav_bytes(file: BinaryIO) -> int:
    """Bytes that a seekable WAV file lacks of those its RIFF header declares.

    FFmpeg takes the end of the file for the end of the audio and says nothing.
    """
    with _Position(file) as length:
        head = file.read(8).ljust(8, b"\0")
    size = int.from_bytes(head[4:], "little")
    if head[:4] != b"RIFF" or size == _UNSET_SIZE or size >= _HUGE_SIZE:
        return 0
    return max(0, size + 8 - length)


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
