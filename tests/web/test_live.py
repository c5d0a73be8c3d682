"""Live sessions over a real WebSocket: order of messages, limits, ways to end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from rpc_fakes import EchoService, spoken
from web_calls import Front, eventually, served
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from captioner import errors

FORMAT = {"encoding": "linear16", "sample_rate": 16_000}
CONFIG: dict[str, Any] = {"room": "salle", "track": "micro", "format": FORMAT}


class Live:
    """One connection, without any help."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, message: dict[str, Any] | bytes | str) -> None:
        await self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def start(self, **changes: Any) -> dict[str, Any]:
        await self.send(CONFIG | changes)
        message = await self.next()
        assert message["type"] == "started", message
        return message

    async def rest(self) -> list[dict[str, Any]]:
        """Everything until the connection is closed."""
        messages = []
        try:
            while True:
                messages.append(await self.next())
        except ConnectionClosed:
            return messages

    async def refusal(self) -> dict[str, Any]:
        """The last message; the connection is closed after it."""
        return (await self.rest())[-1]

    @property
    def closed_with(self) -> int | None:
        return self.socket.close_code


@asynccontextmanager
async def live_at(front: Front) -> AsyncIterator[Live]:
    async with connect(front.ws) as socket:
        yield Live(socket)


def types(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def finals(messages: list[dict[str, Any]]) -> list[str]:
    return [message["text"] for message in messages if message.get("final")]


# --- A session


async def test_a_track_goes_from_its_configuration_to_its_end(front: Front) -> None:
    async with live_at(front) as live:
        started = await live.start()
        await live.send(spoken(1, 2, 0))
        await live.send({"type": "end"})
        messages = await live.rest()
    assert started["machine_generated"] is True
    assert types(messages) == [
        "speech_started",
        "caption",
        "caption",
        "caption",
        "speech_ended",
        "progress",
        "ended",
    ]
    assert finals(messages) == ["m1 m2"]
    assert messages[-1]["words"] == 2
    assert live.closed_with == 1000


async def test_the_last_words_before_the_end_are_final(front: Front) -> None:
    async with live_at(front) as live:
        await live.start()
        await live.send(spoken(1, 2))
        await live.send({"type": "end"})
        assert finals(await live.rest()) == ["m1 m2"]


async def test_everything_a_page_sends_reaches_the_session(
    front: Front, service: EchoService
) -> None:
    async with live_at(front) as live:
        await live.start(words=True, speaker_name="Claire")
        for message in (
            {"type": "keepalive"},
            {"type": "keepalive", "position": 1.0},
            {"type": "update", "language": "en"},
            {"type": "update", "key_terms": ["DINUM"]},
        ):
            await live.send(message)
        await live.send(spoken(1))
        await live.send({"type": "flush"})
        await live.send({"type": "end"})
        messages = await live.rest()
    [session] = service.opened
    assert session.keepalives == [None, 16_000]
    assert session.updates == [("en", None), (None, ("DINUM",))]
    assert session.config.speaker_name == "Claire"
    assert finals(messages) == ["m1"]
    [said] = [message for message in messages if message.get("final")]
    assert [word["text"] for word in said["words"]] == ["m1"]


async def test_a_hole_in_the_audio_is_told(front: Front) -> None:
    async with live_at(front) as live:
        await live.start()
        await live.send(spoken(1))
        await live.send({"type": "offset", "sample": 48_000})
        await live.send(spoken(2))
        await live.send(spoken(3))  # the offset was of one message only
        await live.send({"type": "end"})
        messages = await live.rest()
    assert [(it["start"], it["end"]) for it in messages if it["type"] == "gap"] == [(0.1, 3.0)]


async def test_captions_of_the_session_are_in_real_time_order_and_have_a_token(
    front: Front,
) -> None:
    async with live_at(front) as live:
        await live.start(capture_time="1970-01-01T00:16:40Z")
        await live.send(spoken(0, 1, 0))
        await live.send({"type": "end"})
        [final] = [message for message in await live.rest() if message.get("final")]
    assert final["wall"] == "1970-01-01T00:16:40.100Z"
    assert final["resume_token"]


# --- Ways to lose it


async def test_a_connection_closed_without_an_end_leaves_a_session_to_resume(
    front: Front, service: EchoService
) -> None:
    async with live_at(front) as live:
        await live.start()
        await live.send(spoken(1, 0, 2))
        messages = [await live.next() for _ in range(5)]
        token = messages[2]["resume_token"]
    await service.opened[0].detached.wait()
    async with live_at(front) as live:
        started = await live.start(resume_token=token)
        assert started["session"] == service.opened[0].id
        assert started["resume_from_sample"] == 3200
        assert started["next_caption"] == 2
        await live.send(spoken(2))
        await live.send({"type": "end"})
        assert finals(await live.rest()) == ["m2"]


async def test_a_connection_that_breaks_leaves_a_session_to_resume(
    front: Front, service: EchoService
) -> None:
    async with live_at(front) as live:
        await live.start()
        live.socket.transport.abort()
        await service.opened[0].detached.wait()


async def test_a_second_writer_takes_the_session_over(front: Front, service: EchoService) -> None:
    async with live_at(front) as first, live_at(front) as second:
        started = await first.start()
        await second.start(resume_token=started["resume_token"])
        error = await first.refusal()
        assert (error["type"], error["code"]) == ("error", "SESSION_TAKEN_OVER")
        assert first.closed_with == 4409
        assert not service.opened[1].detached.is_set()


async def test_a_drain_tells_to_reconnect_after_the_last_finals(
    front: Front, service: EchoService
) -> None:
    async with live_at(front) as live:
        await live.start()
        await live.send(spoken(1, 2))
        await eventually(lambda: service.opened[0].position == 3200)
        await service.drain()
        messages = await live.rest()
    assert finals(messages) == ["m1 m2"]
    assert types(messages)[-4:] == ["reconnect", "caption", "speech_ended", "error"]
    assert (messages[-1]["code"], live.closed_with) == ("UNAVAILABLE", 1013)
    assert messages[-1]["retry_after"] > 0


# --- Refusals


@pytest.mark.parametrize(
    ("error", "close"),
    [
        (errors.InvalidRequest("bad", field="language"), 4400),
        (errors.UnsupportedAudio("bad", field="audio"), 4400),
        (errors.PermissionDenied("not this room"), 1008),
        (errors.ResourceExhausted("full", retry_after=2), 1013),
        (errors.Unavailable("draining", retry_after=2), 1013),
        (errors.EngineFault("restarting", retry_after=2), 1013),
        (errors.ResumeExpired("gone"), 4410),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_a_refusal_of_the_service_reaches_the_page(
    front: Front, service: EchoService, error: errors.CaptionerError, close: int
) -> None:
    service.open_error = error
    async with live_at(front) as live:
        await live.send(CONFIG)
        message = await live.refusal()
    assert (message["type"], message["message"]) == ("error", str(error))
    assert live.closed_with == close
    assert live.socket.close_reason == str(error)
    if isinstance(error, errors.InvalidRequest):
        assert message["field"] == error.violations[0].field
    if isinstance(error, errors.Unavailable | errors.ResourceExhausted):
        assert message["retry_after"] == 2


async def test_audio_that_comes_too_fast_is_refused_and_can_be_resumed(
    front: Front, service: EchoService
) -> None:
    service.audio_error = errors.TooFast("12 s ahead", retry_after=2)
    async with live_at(front) as live:
        await live.start()
        await live.send(spoken(1))
        message = await live.refusal()
    assert (message["code"], live.closed_with) == ("TOO_FAST", 4429)
    assert service.opened[0].detached.is_set()


async def test_a_fault_of_ours_is_told_by_an_identifier_only(
    front: Front, service: EchoService
) -> None:
    service.audio_error = ValueError("bonjour à tous")
    async with live_at(front) as live:
        await live.start()
        await live.send(spoken(1))
        message = await live.refusal()
    assert (message["code"], live.closed_with) == ("INTERNAL", 1011)
    assert message["message"].startswith("internal error ")
    assert "bonjour" not in json.dumps(message)


@pytest.mark.parametrize(
    ("first", "field"),
    [
        ("pas du JSON", None),
        ("{}", "room"),
        (json.dumps(CONFIG | {"rooom": 1}), "rooom"),
        (json.dumps(CONFIG | {"format": FORMAT | {"sample_rate": 96_000}}), "format.sample_rate"),
        (spoken(1), "type"),
    ],
)
async def test_a_first_message_that_is_no_configuration_is_refused(
    front: Front, service: EchoService, first: str | bytes, field: str | None
) -> None:
    async with live_at(front) as live:
        await live.send(first)
        message = await live.refusal()
    assert (message["code"], message.get("field")) == ("INVALID_REQUEST", field)
    assert live.closed_with == 4400
    assert not service.opened


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("pas du JSON", "INVALID_REQUEST"),
        ('{"type":"stop"}', "INVALID_REQUEST"),
        (json.dumps(CONFIG | {"type": "config"}), "INVALID_REQUEST"),
        (spoken(1)[:-1], "UNSUPPORTED_AUDIO"),
        (bytes(32_002), "INVALID_REQUEST"),
    ],
    ids=["not JSON", "unknown", "config twice", "half a sample", "more than a second"],
)
async def test_a_wrong_message_ends_the_connection_and_leaves_the_session(
    front: Front, service: EchoService, message: str | bytes, code: str
) -> None:
    async with live_at(front) as live:
        await live.start()
        await live.send(message)
        assert (await live.refusal())["code"] == code
    assert live.closed_with == 4400
    assert service.opened[0].detached.is_set()


@pytest.mark.parametrize("kind", ["audio", "text"])
async def test_a_message_has_a_limit(front: Front, kind: str) -> None:
    async with live_at(front) as live:
        await live.start(format={"encoding": "float32", "sample_rate": 48_000})
        await live.send(bytes(65_540) if kind == "audio" else "x" * 65_537)
        message = await live.refusal()
    assert (message["code"], live.closed_with) == ("TOO_LARGE", 1009)
    assert "expected no more than 65536" in message["message"]


async def test_a_message_far_beyond_the_limit_is_not_even_read(
    front: Front, service: EchoService
) -> None:
    async with live_at(front) as live:
        await live.start()
        await live.send(bytes(131_073))
        assert await live.rest() == []
    assert live.closed_with == 1009
    await service.opened[0].detached.wait()


async def test_a_connection_without_a_configuration_is_closed() -> None:
    async with served(config_timeout=0.05) as front, live_at(front) as live:
        message = await live.refusal()
    assert (message["code"], live.closed_with) == ("TIMEOUT", 4408)
    assert message["message"] == "no config within 0.05 s"


async def test_a_silent_connection_is_closed_and_its_session_stays() -> None:
    async with served(idle_timeout=0.05) as front, live_at(front) as live:
        await live.start()
        message = await live.refusal()
        assert (message["code"], live.closed_with) == ("TIMEOUT", 4408)
        assert front.service.opened[0].detached.is_set()


async def test_a_page_that_closes_before_its_configuration_leaves_nothing(
    front: Front, service: EchoService
) -> None:
    async with live_at(front):
        pass
    assert not service.opened


async def test_sessions_side_by_side_do_not_mix(front: Front) -> None:
    async def one(number: int) -> list[str]:
        async with live_at(front) as live:
            await live.start(track=f"micro-{number}")
            for _ in range(3):
                await live.send(spoken(number, 0))
            await live.send({"type": "end"})
            return finals(await live.rest())

    texts = await asyncio.gather(*(one(number) for number in range(1, 6)))
    assert texts == [[f"m{number}"] * 3 for number in range(1, 6)]
