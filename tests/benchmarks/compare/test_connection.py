from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from compare.adapters import whisper_live
from compare.connection import Manner, SocketConnection, Text, note
from recordings import Take
from tracks import TrackLog
from websockets.asyncio.server import ServerConnection, serve

from captioner.errors import ResourceExhausted, Unavailable
from captioner.evaluation.truth import TimedWord

TAKE = Take("prise", bytes(3200 * 3), (TimedWord("bonjour", 0.05, 0.2),))
SHOWN = {"start": "0.000", "end": "1.000", "text": " Bonjour.", "completed": False}


@asynccontextmanager
async def peer(answers: list[dict[str, object]]) -> AsyncIterator[tuple[str, list[str | bytes]]]:
    """A server that says it is ready, and answers each message of audio with the next message."""
    heard: list[str | bytes] = []

    async def handle(socket: ServerConnection) -> None:
        heard.append(await socket.recv())
        await socket.send(json.dumps(answers[0]))
        pending = answers[1:]
        async for message in socket:
            heard.append(message)
            if pending:
                await socket.send(json.dumps(pending.pop(0)))

    async with serve(handle, "127.0.0.1", 0) as server:
        (port,) = {socket.getsockname()[1] for socket in server.sockets}
        yield f"ws://127.0.0.1:{port}", heard


def connection(url: str) -> SocketConnection:
    manner = Manner(hello="{}", end=b"END", hangs_up=True)
    return SocketConnection(url, whisper_live.SegmentReader(), manner)


class Moments:
    """Counts the seconds: one passes with each change of what is shown."""

    def __init__(self) -> None:
        self.now = 0.0
        self._news = asyncio.Event()

    def __call__(self) -> float:
        self.now += 1.0
        self._news.set()
        return self.now

    async def news(self) -> None:
        await self._news.wait()
        self._news.clear()


async def test_a_track_is_told_with_the_time_of_each_change() -> None:
    ready: dict[str, object] = {"message": "SERVER_READY"}
    final: dict[str, object] = {"segments": [SHOWN | {"completed": True}]}
    log, moments = TrackLog(TAKE), Moments()
    answers: list[dict[str, object]] = [ready, {"segments": [SHOWN]}, final]
    async with peer(answers) as (url, heard), connection(url) as track:
        listening = asyncio.create_task(track.listen(log, moments))
        await track.send(b"\x00\x00")
        await moments.news()
        await track.send(b"\x01\x00")
        await moments.news()
        await track.end()
        await listening
        assert not track.pending
    assert heard == ["{}", b"\x00\x00", b"\x01\x00", b"END"]
    assert [(it.time, it.words, it.final) for it in log.displays] == [
        (1.0, ("bonjour",), 0),
        (2.0, ("bonjour",), 1),
    ]
    assert log.ended
    assert [final.text for final in log.finals] == ["Bonjour."]


async def test_a_refused_track_says_so() -> None:
    async with peer([{"status": "WAIT", "message": 1.0}]) as (url, _):
        with pytest.raises(ResourceExhausted):
            await connection(url).__aenter__()


async def test_nobody_there_is_told_with_the_address() -> None:
    with pytest.raises(Unavailable, match=r"ws://127\.0\.0\.1:1 "):
        await connection("ws://127.0.0.1:1").__aenter__()


async def test_a_track_that_ends_before_all_is_final_is_not_ended() -> None:
    ready: dict[str, object] = {"message": "SERVER_READY"}
    log, moments = TrackLog(TAKE), Moments()
    async with peer([ready, {"segments": [SHOWN]}]) as (url, _), connection(url) as track:
        listening = asyncio.create_task(track.listen(log, moments))
        await track.send(b"\x00\x00")
        await moments.news()
        await track.end()
        await listening
        assert track.pending
    assert not log.ended


def test_what_is_shown_again_is_noted_once() -> None:
    log = TrackLog(TAKE)
    for time, text in enumerate((Text("", "Bonjour"), Text("", "bonjour."), Text("Bonjour."))):
        note(log, text, float(time))
    assert [(it.time, it.final) for it in log.displays] == [(0.0, 0), (2.0, 1)]


def test_a_display_counts_what_is_final_as_stable() -> None:
    shown = Text("L'hiver", "est là").display(1.0)
    assert shown.words == ("l", "hiver", "est", "là")
    assert (shown.stable, shown.final) == (2, 2)


def test_what_a_system_calls_stable_counts_where_it_is_what_is_shown() -> None:
    shown = Text("Oui.", "c'est là-bas", "C'est").display(1.0)
    assert (shown.stable, shown.final) == (3, 1)
    changed = Text("Oui.", "c'est là-bas", "Ces").display(1.0)
    assert (changed.stable, changed.final) == (1, 1)


def test_words_that_only_became_stable_are_noted() -> None:
    log = TrackLog(TAKE)
    note(log, Text("", "oui non"), 1.0)
    note(log, Text("", "oui non", "oui"), 2.0)
    assert [(it.time, it.stable) for it in log.displays] == [(1.0, 0), (2.0, 1)]
