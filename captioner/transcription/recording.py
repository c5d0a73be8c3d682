"""A recording as it is read: 16 kHz mono in blocks. Everything here blocks; run it in a thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from captioner.audio.files import open_media
from captioner.audio.format import AudioFormat
from captioner.audio.pcm import Samples
from captioner.audio.stream import AudioStream
from captioner.errors import InvalidRequest, UnsupportedAudio
from captioner.transcript import SAMPLE_RATE

RAW_BLOCK_SECONDS: Final = 1  # of bare samples that are read at once


class Recording(Protocol):
    """A recording that was opened for one reading."""

    @property
    def duration(self) -> int | None:
        """How long it says it is, in samples at 16 kHz; None when it does not say."""
        ...

    @property
    def clamped(self) -> int:
        """Values that were out of range so far."""
        ...

    def blocks(self) -> Iterator[Samples]:
        """Read it from start to end.

        Raises:
            UnsupportedAudio: the rest is missing or broken; what was yielded before is good.
        """
        ...

    def close(self) -> None:
        """Free what reading needed; the file itself stays open."""
        ...


def open_recording(file: BinaryIO, audio_format: AudioFormat | None) -> Recording:
    """Open a file that says itself what it holds, or bare samples of the given format.

    Raises:
        UnsupportedAudio: it is empty or no recording.
        InvalidRequest: bare samples cannot be told apart in this format.
    """
    return _FileRecording(file) if audio_format is None else _RawRecording(file, audio_format)


def open_track(path: Path, *, track: int, channel: int | None) -> Recording:
    """Open an audio track of a file, or one channel of it.

    Raises:
        InvalidRequest: it cannot be read, or has no such track or channel.
        UnsupportedAudio: it is empty or no recording.
    """
    return _FileRecording(path, track=track, channel=channel)


class _FileRecording:
    clamped = 0

    def __init__(
        self, source: Path | BinaryIO, *, track: int = 0, channel: int | None = None
    ) -> None:
        self._file = open_media(source, track=track, channel=channel)
        seconds = self._file.duration
        self.duration = None if seconds is None else round(seconds * SAMPLE_RATE)

    def blocks(self) -> Iterator[Samples]:
        return self._file.blocks()

    def close(self) -> None:
        self._file.close()


class _RawRecording:
    def __init__(self, file: BinaryIO, audio_format: AudioFormat) -> None:
        if not audio_format.frame_bytes:
            raise InvalidRequest(
                f"bare {audio_format.encoding.name} packets cannot be told apart in a recording",
                field="audio_format.encoding",
            )
        self.duration = _duration(file, audio_format)
        self._file = file
        self._format = audio_format
        self._stream = AudioStream(audio_format)

    @property
    def clamped(self) -> int:
        return self._stream.clamped

    def blocks(self) -> Iterator[Samples]:
        frame = self._format.frame_bytes
        size = RAW_BLOCK_SECONDS * self._format.sample_rate * frame
        rest = b""  # of a sample whose other bytes come with the next read
        while data := self._file.read(size):
            data = rest + data
            whole = len(data) - len(data) % frame
            rest = data[whole:]
            yield self._stream.push(data[:whole])
        yield self._stream.push(rest)  # refused, unless the last sample was whole
        yield self._stream.flush()
        if not self._stream.position:
            raise UnsupportedAudio("the recording is empty (0 samples)", field="audio")

    def close(self) -> None:
        pass


def _duration(file: BinaryIO, audio_format: AudioFormat) -> int | None:
    if not file.seekable():
        return None
    here = file.tell()
    size = file.seek(0, os.SEEK_END) - here
    file.seek(here)
    return size // audio_format.frame_bytes * SAMPLE_RATE // audio_format.sample_rate
