"""Live tracks to a server, and what it says of them to a meeting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from captioner.cli.meeting import Meeting
from captioner.cli.playback import Pace
from captioner.clock import Clock
from captioner.errors import InvalidRequest
from captioner.live import Event, SessionConfig

TICK = 0.2  # seconds between two looks at the clock


class Stream(Protocol):
    """One session on a server, as the client gives it."""

    async def send(self, data: bytes) -> None:
        """Send audio."""
        ...

    async def end(self) -> None:
        """Say that the track is over, and wait until what is pending is final."""
        ...

    def __aiter__(self) -> AsyncIterator[Event]:
        """What the server says, to the end of the session."""
        ...


Connect = Callable[[SessionConfig], AbstractAsyncContextManager[Stream]]


@dataclass(frozen=True, slots=True)
class Track:
    """One source of audio, and what the server is asked to do with it."""

    config: SessionConfig
    chunks: AsyncIterator[bytes]

    @property
    def name(self) -> str:
        """What the meeting calls it."""
        return self.config.track


async def relay(
    tracks: Sequence[Track],
    connect: Connect,
    meeting: Meeting,
    *,
    pace: Pace,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Play tracks until they end or `stop` is set, and wait for the last finals.

    A track whose recording turns out to be broken ends there; the others go on.

    Raises:
        CaptionerError: the server refused, or cannot be reached any more.
    """
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(_tick(meeting, pace, clock))
        async with asyncio.TaskGroup() as playing:
            for track in tracks:
                playing.create_task(
                    _play(track, connect, meeting, pace=pace, clock=clock, stop=stop)
                )
        ticking.cancel()


async def _tick(meeting: Meeting, pace: Pace, clock: Clock) -> None:
    while True:
        meeting.advance(pace.elapsed(clock.monotonic()))
        await asyncio.sleep(TICK)


async def _play(
    track: Track,
    connect: Connect,
    meeting: Meeting,
    *,
    pace: Pace,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    async with connect(track.config) as stream, asyncio.TaskGroup() as group:
        sending = group.create_task(_send(track, stream, meeting, stop))
        async for event in stream:
            meeting.receive(track.name, event, at=pace.elapsed(clock.monotonic()))
        sending.cancel()


async def _send(track: Track, stream: Stream, meeting: Meeting, stop: asyncio.Event) -> None:
    stopped = asyncio.create_task(stop.wait())
    try:
        while (chunk := await _next(track, meeting, stopped)) is not None:
            await stream.send(chunk)
    finally:
        stopped.cancel()
    await stream.end()


async def _next(track: Track, meeting: Meeting, stopped: asyncio.Task[bool]) -> bytes | None:
    """The next chunk; None when there is none, or when nobody wants more."""
    coming = asyncio.ensure_future(anext(track.chunks, None))
    try:
        await asyncio.wait((coming, stopped), return_when=asyncio.FIRST_COMPLETED)
        return None if stopped.done() else coming.result()
    except InvalidRequest as error:  # of the recording: the server's come with the events
        meeting.fail(track.name, str(error))
        return None
    finally:
        coming.cancel()
