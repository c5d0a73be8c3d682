"""Recordings as live audio: cut into chunks, each due when a microphone would have captured it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from captioner.audio.files import decode_file, open_media
from captioner.clock import Clock
from captioner.transcript import SAMPLE_RATE

CHUNK = SAMPLE_RATE // 10  # samples: 100 ms a message is the best size
FULL_SCALE = 32_767  # of a 16-bit sample

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pace:
    """When the audio of a position was captured, in seconds of the monotonic clock."""

    start: float
    """When position 0 was captured."""
    speed: float = 1.0
    """Seconds of audio in a second of time."""

    def due(self, position: int) -> float:
        """When everything before `position` has been captured."""
        return self.start + position / SAMPLE_RATE / self.speed

    def elapsed(self, now: float) -> float:
        """Seconds of audio captured by then, however long the recording."""
        return max(0.0, (now - self.start) * self.speed)


def length_of(path: Path, *, start_at: float = 0.0) -> float | None:
    """Seconds of a recording from `start_at` on; None when it does not say how long it is.

    Its beginning is decoded, so that a file that cannot be played is found before anything starts.

    Raises:
        InvalidRequest: the file cannot be opened.
        UnsupportedAudio: it is no recording.
    """
    with open_media(path) as file:
        length = file.duration
        next(file.blocks())
    return None if length is None else max(0.0, length - start_at)


def play(path: Path, *, start_at: float = 0.0, duration: float | None = None) -> Iterator[bytes]:
    """The chunks of a recording as 16-bit samples at 16 kHz; the last may be shorter.

    Raises:
        InvalidRequest: the file cannot be opened.
        UnsupportedAudio: it is truncated or corrupt; what came before is good.
    """
    first = round(start_at * SAMPLE_RATE)
    last = None if duration is None else first + round(duration * SAMPLE_RATE)
    return cut(_between(decode_file(path), first, last), size=CHUNK)


def _between(blocks: Iterable[Float32], first: int, last: int | None) -> Iterator[Float32]:
    """The samples from `first` to before `last`."""
    position = 0
    for block in blocks:
        end = len(block) if last is None else last - position
        yield block[max(0, first - position) : max(0, end)]
        position += len(block)
        if last is not None and position >= last:
            return


def cut(blocks: Iterable[Float32], *, size: int) -> Iterator[bytes]:
    """Blocks of any length as 16-bit chunks of `size` samples, the last one of what is left."""
    pending = np.empty(0, np.float32)
    for block in blocks:
        pending = np.concatenate((pending, block))
        while len(pending) >= size:
            yield to_linear16(pending[:size])
            pending = pending[size:]
    if len(pending):
        yield to_linear16(pending)


def to_linear16(samples: Float32) -> bytes:
    """Floats in [-1, 1] as little-endian 16-bit samples; what is outside is clipped."""
    return np.round(np.clip(samples, -1, 1) * FULL_SCALE).astype("<i2").tobytes()


async def paced(chunks: Iterable[bytes], pace: Pace, *, clock: Clock) -> AsyncIterator[bytes]:
    """Hand out chunks of 16-bit samples, each once all of it would have been captured."""
    position = 0
    for chunk in chunks:
        position += len(chunk) // 2
        # Even when late: other tracks, and the captions, must get their turn.
        await asyncio.sleep(max(0.0, pace.due(position) - clock.monotonic()))
        yield chunk
