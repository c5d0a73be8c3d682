"""Captions in a room without anybody who speaks, each with the moment of its publication in it."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from captioner.rooms.captions import RoomCaption, Speaker
from captioner.rooms.hub import RoomHub
from captioner.rooms.notices import Spoke, Voice
from captioner.transcript import SAMPLE_RATE, Caption, Word

ROOM = "fanout"
REVISIONS = 10  # of each caption, the final included
WORDS = (
    "le",
    "conseil",
    "municipal",
    "examine",
    "ce",
    "soir",
    "le",
    "budget",
    "de",
    "la",
    "commune",
)

_STAMP = re.compile(rb"@(\d+)-(\d+)-([if])@")
_NANOSECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is written into each caption."""

    number: int
    """Counts the captions that were published, interims too."""
    at: float
    """When it was published, in seconds of the machine's monotonic clock."""
    final: bool

    def __str__(self) -> str:
        """As it is written."""
        kind = "f" if self.final else "i"
        return f"@{self.number}-{round(self.at * _NANOSECONDS)}-{kind}@"


def read_stamps(data: bytes) -> list[Stamp]:
    """The stamps in what a reader received."""
    return [
        Stamp(int(number), int(at) / _NANOSECONDS, kind == b"f")
        for number, at, kind in _STAMP.findall(data)
    ]


async def announce(hub: RoomHub, rate: float) -> None:
    """Publish so many captions a second for ever: utterances that grow, each with its final."""
    if not rate:
        return
    speaker = Speaker("bench", "track", "claire", "Claire Dubois")
    voice = Voice(ROOM, speaker, "attachment")
    due = time.monotonic()
    number = 0
    while True:
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        caption = _caption(Stamp(number, time.monotonic(), number % REVISIONS == REVISIONS - 1))
        await hub.publish([Spoke(voice, RoomCaption(speaker, caption, time.time()))])
        number += 1


def _caption(stamp: Stamp) -> Caption:
    revision = stamp.number % REVISIONS + 1
    texts = [*WORDS[: revision + 1], str(stamp)]
    words = tuple(
        Word(text, index * SAMPLE_RATE, (index + 1) * SAMPLE_RATE, 0.9)
        for index, text in enumerate(texts)
    )
    return Caption(
        id=stamp.number // REVISIONS + 1,
        revision=revision,
        start=0,
        end=words[-1].end,
        words=words,
        committed=len(words) if stamp.final else len(words) // 2,
        final=stamp.final,
        language="fr",
    )
