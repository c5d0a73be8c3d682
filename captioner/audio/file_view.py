"""A part of an open file that several processes read at once."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Final

# How often a recording may be read in full: to open it, to find its length, to decode it. More
# is a demuxer that goes round in circles; reading is no sign of life then.
_READINGS: Final = 8
_FREE_READING: Final = 64 * 1024 * 1024  # bytes, of which small files take their share


class FileView(io.RawIOBase):
    """An open file from an offset on, read without moving the position that others share.

    Args:
        descriptor: Stays open.
        offset: Where the recording starts.
        on_progress: Called as more of it is read, within reason.
    """

    def __init__(self, descriptor: int, offset: int, on_progress: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._position = 0
        self._on_progress = on_progress
        self._readings = _READINGS * os.fstat(descriptor).st_size + _FREE_READING

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read in any order."""
        return True

    def tell(self) -> int:
        """The position, from the offset."""
        return self._position

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position, which may be beyond the end."""
        if whence == os.SEEK_CUR:
            position += self._position
        elif whence == os.SEEK_END:
            position += max(0, os.fstat(self._descriptor).st_size - self._offset)
        if position < 0:
            raise ValueError(f"position {position} is before the start")
        self._position = position
        return position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # any buffer
        """Fill a buffer as far as the file goes."""
        count = os.preadv(self._descriptor, [buffer], self._offset + self._position)
        self._position += count
        self._readings -= count
        if count and self._readings > 0:
            self._on_progress()
        return count
