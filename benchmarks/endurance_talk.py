"""One speaker for hours: recordings in a shuffled order, and what was shown of each of them.

What was shown is judged recording by recording, so that memory does not grow with the hours. A
pause between them keeps captions from reaching from one into the next.
"""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from recordings import SAMPLE_BYTES, Take, trim
from timeline import Timeline, trace
from tracks import CHUNK_BYTES

from captioner.audio.format import AudioFormat, Encoding
from captioner.cli.playback import Pace, paced
from captioner.clock import Clock
from captioner.errors import CaptionerError
from captioner.evaluation.display import Display, Screen
from captioner.live import Captioned, Ended, Event, Gap, Progress, SessionConfig
from captioner.rpc.client import CaptionerClient, CaptionStream
from captioner.transcript import SAMPLE_RATE, Caption

PAUSE = 1.0  # seconds between two recordings: longer than any endpoint
SETTLED = 15.0  # seconds after the end of a recording in which its finals may come


@dataclass(slots=True)
class Part:
    """One recording at its place in the session."""

    take: Take
    start: float
    """Seconds after the session began."""
    displays: list[Display] = field(default_factory=list)
    screen: Screen = field(default_factory=Screen)

    @property
    def end(self) -> float:
        """Seconds after the session began."""
        return self.start + self.take.seconds


@dataclass(frozen=True, slots=True)
class Heard:
    """What was shown of one recording, on the session's clock."""

    take: str
    start: float
    end: float
    line: Timeline
    interim_words: int
    """Shown, never final."""


def shuffled(sources: Sequence[Take], *, seconds: float, seed: int) -> list[Part]:
    """Recordings one after the other, all of them in each round, until that many seconds."""
    chance = random.Random(seed)  # noqa: S311 - an order, not a secret
    parts: list[Part] = []
    at = 0.0
    while at < seconds:
        order = list(sources)
        chance.shuffle(order)
        for take in order:
            if at >= seconds:
                break
            part = Part(trim(take, seconds - at), at)
            parts.append(part)
            at = part.end + PAUSE
    return parts


class Speaker:
    """A track that plays its parts, and notes what comes back."""

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        self._name = name
        self._parts = list(parts)
        self._starts = [part.start - PAUSE / 2 for part in parts]
        self._part_of: dict[int, Part] = {}
        self.gaps = 0
        self.reconnections = 0
        self.problem = ""
        self.ended = False
        self.lag = 0.0
        """The largest that was told since it was last asked for."""
        self.lateness = 0.0
        """The latest message so far, in seconds after it was due."""

    async def talk(self, client: CaptionerClient, *, start: float, clock: Clock) -> None:
        """Play everything, from a moment of the clock on; returns when all is final."""
        config = SessionConfig(
            room="benchmark",
            track=self._name,
            audio_format=AudioFormat(Encoding.LINEAR16, SAMPLE_RATE),
        )
        await asyncio.sleep(max(0.0, start - clock.monotonic()))
        stream = client.stream(config)
        try:
            async with stream, asyncio.TaskGroup() as group:
                group.create_task(self._send(stream, Pace(start), clock))
                group.create_task(self._receive(stream, start, clock))
        except* CaptionerError as errors:
            self.problem = str(errors.exceptions[0])
        self.reconnections = stream.reconnections

    def settled(self, now: float) -> Iterator[Heard]:
        """The recordings that are over, once each; ``now`` in seconds after the session began."""
        while self._parts:
            over = len(self._parts) > 1 and self._parts[0].end + SETTLED <= now
            if not (over or self.ended or self.problem):
                return
            part = self._parts.pop(0)
            self._starts.pop(0)
            line = trace(part.displays, part.take.words).shifted(part.start)
            last = part.displays[-1] if part.displays else None
            interim = len(last.words) - last.final if last else 0
            yield Heard(part.take.name, part.start, part.end, line, interim)

    def take_lag(self) -> float:
        """The largest lag told since the last call."""
        lag, self.lag = self.lag, 0.0
        return lag

    def note(self, event: Event, *, at: float) -> None:
        """Take an event of the server; ``at`` in seconds after the session began."""
        match event:
            case Captioned():
                self._show(event.caption, at)
            case Gap():
                self.gaps += 1
            case Progress():
                self.lag = max(self.lag, event.lag)
            case Ended():
                self.ended = True
            case _:
                pass

    def _show(self, caption: Caption, at: float) -> None:
        part = self._part_of.get(caption.id) or self._part_at(caption.start / SAMPLE_RATE)
        self._part_of[caption.id] = part
        if caption.final:
            del self._part_of[caption.id]
        texts = [word.text for word in caption.words]
        shown = part.screen.show(
            caption.id,
            texts,
            at=at - part.start,
            committed=caption.committed,
            final=caption.final,
        )
        part.displays.append(shown)

    def _part_at(self, position: float) -> Part:
        """What is said at a position; what was settled already counts for what comes next."""
        return self._parts[max(0, bisect_right(self._starts, position) - 1)]

    async def _send(self, stream: CaptionStream, pace: Pace, clock: Clock) -> None:
        position = 0
        async for chunk in paced(_chunks(list(self._parts)), pace, clock=clock):
            position += len(chunk) // SAMPLE_BYTES
            self.lateness = max(self.lateness, clock.monotonic() - pace.due(position))
            await stream.send(chunk)
        await stream.end()

    async def _receive(self, stream: CaptionStream, start: float, clock: Clock) -> None:
        async for event in stream:
            self.note(event, at=clock.monotonic() - start)


def _chunks(parts: Sequence[Part]) -> Iterator[bytes]:
    """The messages of a whole session; recordings begin where their parts say."""
    pending = bytearray()
    sent = 0
    for part in parts:
        begin = round(part.start * SAMPLE_RATE) * SAMPLE_BYTES
        pending += bytes(begin - sent - len(pending))
        for first in range(0, len(part.take.audio), CHUNK_BYTES):
            pending += part.take.audio[first : first + CHUNK_BYTES]
            while len(pending) >= CHUNK_BYTES:
                yield bytes(pending[:CHUNK_BYTES])
                del pending[:CHUNK_BYTES]
                sent += CHUNK_BYTES
    if pending:
        yield bytes(pending)
