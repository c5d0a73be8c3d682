"""The real service with a scripted engine and real speech, over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import soundfile
import structlog
from rpc_fakes import settings_with
from web_calls import TIMEOUT, following
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from captioner import logs
from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import ScriptedEngine, steady_words
from captioner.service import CaptionService
from captioner.transcript import Hypothesis
from captioner.web.application import application
from captioner.web.server import HttpServer

CANARY = "perroquet"
SECOND = 2 * 16_000  # bytes
CONFIG: dict[str, Any] = {
    "room": "salle",
    "track": "micro",
    "speaker": "claire",
    "speaker_name": "Claire Dubois",
    "format": {"encoding": "linear16", "sample_rate": 16_000},
}


@pytest.fixture
def speech(recordings: Path) -> bytes:
    """A sentence with a second of silence after it."""
    samples, rate = soundfile.read(recordings / "sentences" / "000.flac", dtype="int16")
    return bytes(samples[: 3 * rate].tobytes() + bytes(SECOND))


class Replica:
    def __init__(self, service: CaptionService, server: HttpServer) -> None:
        self.service = service
        self.url = f"http://127.0.0.1:{server.port}"
        self.live = f"ws://127.0.0.1:{server.port}/v1/live"


def canary_words(row: DecodeRow) -> Hypothesis:
    """Every word is the canary."""
    heard = steady_words(row)
    return replace(heard, words=tuple(replace(word, text=CANARY) for word in heard.words))


@pytest_asyncio.fixture
async def replica() -> AsyncIterator[Replica]:
    service = CaptionService(
        settings_with(http_listen="127.0.0.1:0"),
        engine_factory=lambda: ScriptedEngine(canary_words),
    )
    server = HttpServer(application(service), service.settings)
    async with service:
        await server.start()
        try:
            yield Replica(service, server)
        finally:
            service.rooms.dismiss()
            await server.stop()


async def begin(socket: ClientConnection, **changes: Any) -> dict[str, Any]:
    await socket.send(json.dumps(CONFIG | changes))
    return await receive(socket)


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def feed(socket: ClientConnection, audio: bytes) -> None:
    for start in range(0, len(audio), SECOND // 10):
        await socket.send(audio[start : start + SECOND // 10])


async def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    messages = []
    try:
        async with asyncio.timeout(TIMEOUT):
            while True:
                messages.append(await receive(socket))
    except ConnectionClosed:
        return messages


async def captioned(replica: Replica, speech: bytes, **changes: Any) -> list[dict[str, Any]]:
    """Everything about a track that is spoken to its end."""
    async with connect(replica.live) as socket:
        await begin(socket, **changes)
        await feed(socket, speech)
        await socket.send('{"type":"end"}')
        return await rest(socket)


def finals(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The finals, by the fields that readers of the room get too."""
    own = {"type", "resume_token"}
    captions = [message for message in messages if message.get("final")]
    return [{name: it[name] for name in it if name not in own} for it in captions]


async def test_what_a_browser_hears_is_read_by_the_room(replica: Replica, speech: bytes) -> None:
    async with httpx.AsyncClient(base_url=replica.url, timeout=TIMEOUT) as client:
        async with following(client) as source:
            messages = await captioned(replica, speech, capture_time="2026-11-23T16:00:00Z")
            shown: dict[str, dict[str, Any]] = {}
            while not any(caption["final"] for caption in shown.values()):
                event = await anext(source)
                if event.type == "caption":
                    shown[event.data["id"]] = event.data
        file = await client.get("/v1/rooms/salle/transcript.vtt")
    [final] = finals(messages)
    assert list(shown.values()) == [final]
    assert final["speaker"] == "Claire Dubois"
    assert final["committed"] == len(final["text"]) > 0
    assert messages[-1]["type"] == "ended"
    assert final["wall"].startswith("2026-11-23T16:00:0")
    assert f"<v Claire Dubois>{CANARY}" in file.text


async def test_audio_beyond_the_burst_is_refused(replica: Replica) -> None:
    async with connect(replica.live) as socket:
        await begin(socket)
        await feed(socket, bytes(12 * SECOND))
        messages = await rest(socket)
    assert messages[-1]["code"] == "TOO_FAST"
    assert "ahead of real time" in messages[-1]["message"]
    assert messages[-1]["retry_after"] > 0
    assert socket.close_code == 4429


async def test_a_second_writer_of_a_track_evicts_the_first(replica: Replica) -> None:
    async with connect(replica.live) as first, connect(replica.live) as second:
        await begin(first)
        await begin(second)
        assert (await rest(first))[-1]["code"] == "SESSION_TAKEN_OVER"
        assert first.close_code == 4409
        await second.send('{"type":"end"}')
        assert (await rest(second))[-1]["type"] == "ended"


async def test_half_a_sample_is_refused(replica: Replica) -> None:
    async with connect(replica.live) as socket:
        await begin(socket)
        await socket.send(bytes(101))
        messages = await rest(socket)
    assert messages[-1]["code"] == "UNSUPPORTED_AUDIO"
    assert "101 bytes" in messages[-1]["message"]


async def test_a_session_whose_connection_broke_goes_on(replica: Replica, speech: bytes) -> None:
    whole = finals(await captioned(replica, speech, track="autre"))
    async with connect(replica.live) as socket:
        started = await begin(socket)
        await feed(socket, speech[:SECOND])
        socket.transport.abort()
    async with connect(replica.live) as socket:
        again = await begin(socket, resume_token=started["resume_token"])
        assert again["session"] == started["session"]
        await feed(socket, speech[2 * again["resume_from_sample"] :])
        await socket.send('{"type":"end"}')
        [final] = finals(await rest(socket))
    assert [(final["text"], final["start"], final["end"])] == [
        (it["text"], it["start"], it["end"]) for it in whole
    ]


async def test_no_log_of_http_holds_what_was_said_or_where(
    replica: Replica, speech: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", "json")
    try:
        messages = await captioned(replica, speech, room=CANARY, key_terms=[CANARY])
        async with httpx.AsyncClient(base_url=replica.url, timeout=TIMEOUT) as client:
            async with following(client, CANARY) as source:
                await source.until("caught_up")
            for path in (f"/v1/rooms/{CANARY}/transcript.txt", f"/v1/{CANARY}?token={CANARY}"):
                await client.get(path)
            await client.post("/v1/login", json={"token": CANARY})
            await client.delete(f"/v1/rooms/{CANARY}")
    finally:
        logging.getLogger().handlers.clear()
        structlog.reset_defaults()
    assert CANARY in finals(messages)[0]["text"]  # it did pass through
    captured = capsys.readouterr()
    written = captured.out + captured.err
    assert "request ended" in written
    assert CANARY not in written
