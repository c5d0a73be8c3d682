"""Reading the head of a CTranslate2 ``model.bin``, without loading it.

The layout (little-endian), version 6: u32 version; text specification; u32 its revision; u32
number of variables; for each a text name, u8 rank, u32 for each dimension, u8 type, u32 bytes,
the bytes. A text is a u16 length that counts the closing zero, then the characters.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

from captioner.errors import ModelError

BINARY_VERSION = 6
FIRST_CONVOLUTION = "encoder/conv1/weight"  # shape (width, n_mels, 3)


def read_n_mels(path: Path) -> int:
    """Number of mel bands the model takes, out of the shape of its first convolution.

    Raises:
        ModelError: the file is cut short, or is not a Whisper model of CTranslate2.
    """
    try:
        with path.open("rb") as stream:
            return _n_mels(stream, path)
    except (struct.error, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is cut short or is not a CTranslate2 model") from error


def _n_mels(stream: BinaryIO, path: Path) -> int:
    (version,) = _unpack(stream, "<I")
    if version != BINARY_VERSION:
        raise ModelError(
            f"{path} is not a CTranslate2 model of version {BINARY_VERSION}: it says {version}"
        )
    specification = _text(stream)
    if specification != "WhisperSpec":
        raise ModelError(f"{path} is not a Whisper model: it says {specification!r}")
    _revision, count = _unpack(stream, "<II")
    size = path.stat().st_size
    found = None
    for _ in range(count):
        name = _text(stream)
        (rank,) = _unpack(stream, "<B")
        shape = _unpack(stream, f"<{rank}I")
        _type, length = _unpack(stream, "<BI")
        if stream.seek(length, os.SEEK_CUR) > size:
            raise ModelError(f"{path} is cut short: {size} bytes, {name} ends beyond")
        if name == FIRST_CONVOLUTION and rank > 1:
            found = shape[1]
    if found is None:
        raise ModelError(f"{path} has no {FIRST_CONVOLUTION}")
    return found


def _text(stream: BinaryIO) -> str:
    (length,) = _unpack(stream, "<H")
    return _exactly(stream, length).rstrip(b"\0").decode()


def _unpack(stream: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _exactly(stream, struct.calcsize(layout)))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise struct.error(f"{count} bytes wanted, {len(data)} left")
    return data
