"""The HTTP front door of a service without a model, and readers of it that help with nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from room_fakes import ROOM
from rpc_fakes import EchoService, settings_with

from captioner.authentication import TokenFile
from captioner.web.application import application
from captioner.web.connections import Patience
from captioner.web.server import HttpServer

TOKEN = "jeton-secret"
TIMEOUT = 20.0  # seconds: when a test has failed


@dataclass
class Front:
    """A service that is served."""

    service: EchoService
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/live"

    def client(self, **options: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, **options)


@asynccontextmanager
async def served(
    *, tokens: TokenFile | None = None, patience: Patience | None = None, **settings: object
) -> AsyncIterator[Front]:
    """Serve an `EchoService` with these settings on a port of its own."""
    service = EchoService(settings_with(http_listen="127.0.0.1:0", **settings))
    app = application(service, tokens=tokens)
    server = HttpServer(app, service.settings, patience=patience)
    async with service:
        await server.start()
        try:
            yield Front(service, server.port)
        finally:
            service.rooms.dismiss()
            await server.stop()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what nothing tells."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 - of other programs, and counters
            await asyncio.sleep(0.001)


def followers(service: EchoService) -> int:
    return int(service.metrics.room_followers._value.get())


def token_file(folder: Path) -> TokenFile:
    path = folder / "tokens"
    path.write_text(TOKEN)
    return TokenFile(path)


@dataclass(frozen=True)
class ServerEvent:
    type: str
    data: dict[str, Any]
    id: str | None


class EventSource:
    """Reads server-sent events line by line."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.comments = 0
        self.retry: int | None = None

    def __aiter__(self) -> EventSource:
        return self

    async def __anext__(self) -> ServerEvent:
        """The next event; a comment line in between is counted."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif "event" in fields:
                data = json.loads(fields["data"])
                return ServerEvent(fields["event"], data, fields.get("id"))
            else:
                self.comments += "" in fields
                self.retry = int(fields["retry"]) if "retry" in fields else self.retry
                fields = {}
        raise StopAsyncIteration

    async def heartbeat(self) -> None:
        """Wait for a comment line."""
        async for line in self._lines:
            if line.startswith(":"):
                return

    async def take(self, count: int) -> list[ServerEvent]:
        return [await anext(self) for _ in range(count)]

    async def until(self, type_: str) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        async for event in self:
            events.append(event)
            if event.type == type_:
                break
        return events

    async def text(self) -> str:
        """The text of the next caption."""
        while (event := await anext(self)).type != "caption":
            pass
        return str(event.data["text"])


@asynccontextmanager
async def following(
    client: httpx.AsyncClient,
    room: str = ROOM,
    *,
    headers: dict[str, str] | None = None,
    **query: Any,
) -> AsyncIterator[EventSource]:
    """Follow a room."""
    path = f"/v1/rooms/{room}/captions"
    async with client.stream("GET", path, params=query, headers=headers) as response:
        yield EventSource(response)
