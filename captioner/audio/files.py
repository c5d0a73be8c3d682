"""Recordings: whatever FFmpeg decodes, to 16 kHz mono in blocks of bounded size.

The bytes of a recording come from strangers, and what takes them apart is a million lines of C:
it runs in a process of its own, which may use the one file that it was handed, compute, and
answer. Nothing here lets FFmpeg near those bytes in this process.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import numpy as np

from captioner.audio.decoder_pool import DecoderPool
from captioner.audio.decoder_process import DecoderDied, DecoderProcess
from captioner.audio.media import BLOCK, MediaInfo, TrackInfo
from captioner.audio.messages import (
    Kind,
    Message,
    Nonsense,
    Request,
    error_from,
    info_from,
    seconds_from,
)
from captioner.audio.pcm import Samples
from captioner.audio.sources import Source, name_of, open_source
from captioner.errors import UnsupportedAudio
from captioner.transcript import SAMPLE_RATE

__all__ = [
    "BLOCK",
    "MediaInfo",
    "MediaReader",
    "TrackInfo",
    "decode_file",
    "duration",
    "open_media",
    "probe",
    "read_file",
]

_SAMPLE_BYTES: Final = 4
_Answer = TypeVar("_Answer")


class MediaReader:
    """One audio track of a recording, decoded once from start to end: see `open_media`.

    A context manager. One thread at a time may use it, and not always the same.
    """

    def __init__(
        self, pool: DecoderPool, process: DecoderProcess, *, name: str, duration: float | None
    ) -> None:
        self.name = name
        """What messages call it."""
        self.duration = duration
        """Seconds that the file says it lasts (for some formats an estimate), if it does."""
        self.damaged = 0
        """Packets so far that could not be decoded and count as silence."""
        self._pool = pool
        self._process: DecoderProcess | None = process
        self._started = False
        self._samples = 0

    def blocks(self) -> Iterator[Samples]:
        """Decode the track; holes between its timestamps become silence.

        Yields:
            Blocks of `BLOCK` samples to twice as many, the last one of any length.

        Raises:
            InvalidRequest: the file can no longer be read.
            UnsupportedAudio: it is truncated or corrupt, holds no audio, or takes more than
                decoding may. What was yielded before is good.
        """
        process = self._process
        if self._started or process is None:
            raise ValueError(f"{self.name} was read before, or is closed")
        self._started = True
        try:
            process.tell(Kind.GO)
            while (block := self._next(process)) is not None:
                yield block
        except (DecoderDied, Nonsense) as death:
            raise UnsupportedAudio(
                f"{self.name} cannot be decoded beyond {self._seconds:.1f} s: {death}"
            ) from None
        finally:
            self.close()

    def close(self) -> None:
        """Leave the rest of it unread. May be called again."""
        process = self._process
        if process is not None and not self._started:
            with contextlib.suppress(DecoderDied):
                process.tell(Kind.CLOSE)
        # One that was started and not read to its end is in the middle of something.
        self._give_back(reusable=not self._started)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _seconds(self) -> float:
        return self._samples / SAMPLE_RATE

    def _next(self, process: DecoderProcess) -> Samples | None:
        """The next block, or None at the end."""
        message = process.receive()
        self.damaged = message.damaged
        if message.kind is Kind.BLOCK:
            return self._checked(message)
        if message.kind is Kind.ERROR:
            raise error_from(message.fields())
        if message.kind is Kind.END:
            self._give_back(reusable=True)
            return None
        raise DecoderDied(f"its decoder answered {message.kind.name} in the middle")

    def _checked(self, message: Message) -> Samples:
        if not message.payload or len(message.payload) % _SAMPLE_BYTES:
            raise DecoderDied(f"its decoder answered a block of {len(message.payload)} bytes")
        block = np.frombuffer(message.payload, dtype="<f4")
        if not np.abs(block).max() <= 1:  # nor when one is not a number
            raise DecoderDied("its decoder answered what is no audio")
        longest = self._pool.limits.longest
        if self._samples + len(block) > longest * SAMPLE_RATE:
            raise UnsupportedAudio(f"{self.name} lasts more than {longest:g} s, which is the limit")
        self._samples += len(block)
        return block

    def _give_back(self, *, reusable: bool) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._pool.release(process, reusable=reusable)


def open_media(
    source: Source,
    *,
    track: int = 0,
    channel: int | None = None,
    pool: DecoderPool | None = None,
) -> MediaReader:
    """Open one audio track of a recording; it must be closed.

    Args:
        source: A path, or a binary file, which stays open. What is a pipe is copied first.
        track: Which of its audio tracks, from 0.
        channel: Which channel of that track, from 0; None mixes them all.
        pool: Where the process comes from that decodes; None for one that all share.

    Raises:
        InvalidRequest: it cannot be read, or has no such track or channel.
        UnsupportedAudio: it is empty or no recording.
        ResourceExhausted: no room is left to copy it, or too many are open.
        Unavailable: the process does not start.
    """
    pool = pool or _shared_pool(os.getpid())
    asked = Request(name_of(source), track=track, channel=channel)
    process, seconds = _ask(pool, Kind.OPEN, source, asked, read=_duration_from)
    return MediaReader(pool, process, name=asked.name, duration=seconds)


def probe(source: Source, *, pool: DecoderPool | None = None) -> MediaInfo:
    """Tell what a recording holds; raises like `open_media`."""
    pool = pool or _shared_pool(os.getpid())
    asked = Request(name_of(source))
    process, info = _ask(pool, Kind.PROBE, source, asked, read=info_from)
    pool.release(process, reusable=True)
    return info


def decode_file(source: Source, *, track: int = 0, channel: int | None = None) -> Iterator[Samples]:
    """Decode a recording to blocks of about a second, holding no more than that in memory.

    Raises:
        InvalidRequest: the file cannot be opened, or has no such track or channel.
        UnsupportedAudio: it is empty, no recording, truncated or corrupt.
    """
    with open_media(source, track=track, channel=channel) as reader:
        yield from reader.blocks()


def read_file(source: Source, *, track: int = 0, channel: int | None = None) -> Samples:
    """Decode a whole recording into memory; raises like `decode_file`."""
    return np.concatenate(list(decode_file(source, track=track, channel=channel)))


def duration(source: Source) -> float | None:
    """Tell the seconds a recording says it lasts, or None; raises like `open_media`."""
    with open_media(source) as reader:
        return reader.duration


def _ask(
    pool: DecoderPool,
    kind: Kind,
    source: Source,
    request: Request,
    *,
    read: Callable[[dict[str, Any]], _Answer],
) -> tuple[DecoderProcess, _Answer]:
    """Have a recording opened: the process that does, and its answer."""
    with open_source(source, most=pool.limits.copied) as opened:
        process = pool.acquire()
        reusable = False
        try:
            request = dataclasses.replace(request, offset=opened.offset)
            answer = process.ask(kind, request, opened.descriptor)
            if answer.kind is not Kind.ERROR:
                return process, read(answer.fields())
            error = error_from(answer.fields())
            reusable = not isinstance(error, UnsupportedAudio)
        except (DecoderDied, Nonsense) as death:
            error = UnsupportedAudio(f"{request.name} cannot be opened: {death}")
        except BaseException:
            pool.release(process, reusable=False)
            raise
    pool.release(process, reusable=reusable)
    raise error


def _duration_from(fields: dict[str, Any]) -> float | None:
    return seconds_from(fields.get("duration"))


@functools.cache
def _shared_pool(_process: int) -> DecoderPool:
    """The pool of all who do not bring one: a cache of warm processes, without other state.

    One for each process: a fork must not talk on the sockets of its parent.
    """
    pool = DecoderPool()
    atexit.register(pool.close)
    return pool
