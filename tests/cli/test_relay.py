from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest
from rich.console import Console

from captioner.audio.format import AudioFormat, Encoding
from captioner.cli.display import PlainDisplay
from captioner.cli.exits import only_error
from captioner.cli.meeting import Meeting
from captioner.cli.playback import Pace
from captioner.cli.relay import Stream, Track, relay
from captioner.clock import SystemClock
from captioner.errors import Unavailable, UnsupportedAudio
from captioner.live import Captioned, Ended, Event, SessionConfig, Started
from captioner.transcript import Caption, Word

FORMAT = AudioFormat(Encoding.LINEAR16, 16_000)


class EchoServer:
    """Answers the end of a track with one final that tells how many bytes came."""

    def __init__(self, *, failing: frozenset[str] = frozenset()) -> None:
        self.received: dict[str, bytes] = {}
        self.failing = failing

    @asynccontextmanager
    async def connect(self, config: SessionConfig) -> AsyncIterator[Stream]:
        if config.track in self.failing:
            raise Unavailable("nobody answers")
        yield EchoStream(self, config.track)


class EchoStream:
    def __init__(self, server: EchoServer, track: str) -> None:
        self._server = server
        self._track = track
        self._ended = asyncio.Event()
        server.received[track] = b""

    async def send(self, data: bytes) -> None:
        self._server.received[self._track] += data

    async def end(self) -> None:
        self._ended.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        yield Started("s", "t", 0, 1)
        await self._ended.wait()
        count = str(len(self._server.received[self._track]))
        yield Captioned(Caption(1, 1, 0, 1, (Word(count, 0, 1, 1.0),), 1, True, "fr"))
        yield Ended(0, 0, 1, 1)


async def hand_out(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def for_ever(after: Callable[[], None]) -> AsyncIterator[bytes]:
    yield b"ab"
    after()
    await asyncio.Event().wait()


async def broken() -> AsyncIterator[bytes]:
    yield b"abcd"
    raise UnsupportedAudio("a.flac is truncated")


def track(name: str, chunks: AsyncIterator[bytes]) -> Track:
    return Track(SessionConfig(room="r", track=name, audio_format=FORMAT), chunks)


async def run(server: EchoServer, *tracks: Track, stop: asyncio.Event | None = None) -> Meeting:
    display = PlainDisplay(Console(file=io.StringIO()))
    meeting = Meeting(display, {each.name: each.name for each in tracks})
    clock = SystemClock()
    await relay(
        tracks,
        server.connect,
        meeting,
        pace=Pace(clock.monotonic()),
        clock=clock,
        stop=stop or asyncio.Event(),
    )
    return meeting


def texts(meeting: Meeting) -> dict[str, str]:
    return {spoken.speaker: spoken.caption.text for spoken in meeting.finals}


async def test_every_track_is_sent_whole_and_its_last_final_awaited() -> None:
    server = EchoServer()
    meeting = await run(
        server, track("a", hand_out([b"ab", b"cd"])), track("b", hand_out([b"abcdef"]))
    )
    assert server.received == {"a": b"abcd", "b": b"abcdef"}
    assert texts(meeting) == {"a": "4", "b": "6"}


async def test_stopping_ends_the_tracks_and_keeps_what_was_said() -> None:
    stop = asyncio.Event()
    meeting = await run(EchoServer(), track("a", for_ever(stop.set)), stop=stop)
    assert texts(meeting) == {"a": "2"}


async def test_a_broken_recording_ends_its_track_and_no_other() -> None:
    meeting = await run(EchoServer(), track("a", broken()), track("b", hand_out([b"ab"])))
    assert texts(meeting) == {"a": "4", "b": "2"}
    assert meeting.problems == ["a.flac is truncated"]


async def test_a_server_that_cannot_be_reached_ends_the_run() -> None:
    server = EchoServer(failing=frozenset({"b"}))
    with pytest.raises(ExceptionGroup) as caught:
        await run(server, track("a", for_ever(lambda: None)), track("b", hand_out([])))
    assert str(only_error(caught.value)) == "nobody answers"
