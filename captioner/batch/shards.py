"""Which tracks are worked on together. Pure: the same tracks always make the same shards.

Short tracks fill the batches of a worker only together; a long track fills them alone. Nothing but
the tracks and their declared lengths decides, so whoever works on a shard makes the same batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from captioner.batch.job import Shard, Track

SHARD_SECONDS: Final = 600.0  # of audio: what is lost at most when a worker goes down
SHARD_TRACKS: Final = 64  # each costs an open file and a voice detector
_TYPICAL: Final = 16_000  # bytes of a second where nothing better is known: mp3 at 128 kbit/s
_BYTES_A_SECOND: Final[Mapping[str, int]] = MappingProxyType(
    {
        ".aif": 64_000,
        ".aiff": 64_000,
        ".amr": 1_500,
        ".flac": 32_000,
        ".mkv": 250_000,
        ".mov": 500_000,
        ".mp4": 250_000,
        ".ogg": 6_000,
        ".opus": 4_000,
        ".ts": 500_000,
        ".wav": 64_000,
        ".webm": 6_000,
    }
)
"""Rough, and only for files whose length nobody asked for: opening ten thousand takes long."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A track and how long it is."""

    track: Track
    seconds: float
    """As declared, or estimated from the size of the file."""


def estimated_seconds(suffix: str, size: int) -> float:
    """How long a file of that kind and size may be."""
    return size / _BYTES_A_SECOND.get(suffix.lower(), _TYPICAL)


def into_shards(extents: Iterable[Extent], *, first: int = 1) -> list[Shard]:
    """Divide tracks among shards numbered from `first`, in order.

    Neighbours share a shard of at most `SHARD_SECONDS` and `SHARD_TRACKS`; a track that is longer
    has one to itself. The tracks of one document may be in several.
    """
    shards: list[Shard] = []
    open_: list[Track] = []
    seconds = 0.0
    for extent in extents:
        full = seconds + extent.seconds > SHARD_SECONDS or len(open_) >= SHARD_TRACKS
        if open_ and full:
            shards.append(Shard(first + len(shards), tuple(open_)))
            open_, seconds = [], 0.0
        open_.append(extent.track)
        seconds += extent.seconds
    if open_:
        shards.append(Shard(first + len(shards), tuple(open_)))
    return shards
