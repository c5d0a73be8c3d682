"""The real HTTP front door over a room whose captions a test writes word by word."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rpc_fakes import EchoService, settings_with

from captioner.asr.engine import Engine
from captioner.asr.scripted import ScriptedEngine
from captioner.authentication import TokenFile
from captioner.rooms.captions import RoomCaption, Speaker
from captioner.rooms.notices import Joined, Left, Notice, Present, Spoke, Voice
from captioner.service import CaptionService
from captioner.transcript import SAMPLE_RATE, Caption, Word
from captioner.web.application import application
from captioner.web.server import HttpServer

ROOM = "Comité de pilotage"
WORD_SAMPLES = SAMPLE_RATE // 2  # 0.5 s a word


class Person:
    """Somebody whose captions the test decides."""

    def __init__(self, server: PageServer, name: str, *, room: str, at: float) -> None:
        self._server = server
        self._number = 0
        self._revision = 0
        self._start = 0
        self._open = False
        self._origin = at
        speaker = Speaker(f"s-{name}", f"t-{name}", f"i-{name}", name)
        self.voice = Voice(room, speaker, "a1")

    async def says(self, text: str, *, committed: int | None = None) -> None:
        """An interim of these words; all but the last are committed unless told."""
        known = len(text.split()) - 1 if committed is None else committed
        await self._server.publish([self._spoke(text, committed=known, final=False)])

    async def ends(self, text: str) -> None:
        """The final; an empty one takes the interim back."""
        await self._server.publish([self.final(text)])

    async def comes_back(self) -> None:
        """Attach again after a loss: what was pending is not told again."""
        self.voice = replace(self.voice, attachment="a2")
        self._open = False
        await self._server.publish([Joined(self.voice)])

    async def leaves(self) -> None:
        await self._server.publish([Left(self.voice)])

    def final(self, text: str) -> Notice:
        """The notice of a final, to publish many at once."""
        notice = self._spoke(text, committed=len(text.split()), final=True)
        self._open = False
        return notice

    def _spoke(self, text: str, *, committed: int, final: bool) -> Notice:
        if not self._open:
            self._number += 1
            self._revision = 0
            self._open = True
        self._revision += 1
        words = tuple(
            Word(word, self._start + n * WORD_SAMPLES, self._start + (n + 1) * WORD_SAMPLES, 0.9)
            for n, word in enumerate(text.split(" "))
            if word
        )
        end = words[-1].end if words else self._start
        caption = Caption(
            self._number, self._revision, self._start, end, words, committed, final, "fr"
        )
        if final:
            self._start = end
        return Spoke(self.voice, RoomCaption(self.voice.speaker, caption, self._origin))


class PageServer:
    """A server with rooms in memory; `restarted` loses them, as a process that dies does."""

    def __init__(self, tokens: Path | None = None, **settings: object) -> None:
        self._tokens = tokens
        self._settings = settings
        self._stack = contextlib.AsyncExitStack()
        self.port = 0

    async def start(self) -> None:
        self.service = EchoService(settings_with(http_listen="127.0.0.1:0", **self._settings))
        await self._stack.enter_async_context(self.service)
        await self._open_port()

    async def stop(self) -> None:
        self.service.rooms.dismiss()
        await self._http.stop()
        await self._stack.aclose()

    @contextlib.asynccontextmanager
    async def unreachable(self) -> AsyncIterator[None]:
        """Nobody gets through meanwhile; the rooms stay."""
        await self._http.stop()
        try:
            yield
        finally:
            await self._open_port()

    async def _open_port(self) -> None:
        settings = settings_with(http_listen=f"127.0.0.1:{self.port}", **self._settings)
        tokens = TokenFile(self._tokens) if self._tokens else None
        self._http = HttpServer(application(self.service, tokens=tokens), settings)
        await self._http.start()
        self.port = self._http.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def person(self, name: str, *, room: str = ROOM, at: float | None = None) -> Person:
        return Person(self, name, room=room, at=time.time() if at is None else at)

    async def joins(self, name: str, *, room: str = ROOM, talking: bool = False) -> Person:
        person = self.person(name, room=room)
        await self.publish([Joined(person.voice)])
        if talking:
            await self.publish([Present(person.voice, talking=True)])
        return person

    async def publish(self, notices: Sequence[Notice]) -> None:
        await self.service.rooms.publish(notices)

    async def end(self, room: str = ROOM) -> None:
        await self.service.rooms.end(room)

    async def delete(self, room: str = ROOM) -> None:
        await self.service.rooms.delete(room)


@contextlib.asynccontextmanager
async def page_server(tokens: Path | None = None, **settings: object) -> AsyncIterator[PageServer]:
    """A server on a free port."""
    server = PageServer(tokens, **settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class SpokenServer:
    """The whole service, with an engine that hears a word every 0.4 s of speech.

    Without an engine of its own it has the model of the settings.
    """

    def __init__(
        self,
        tokens: Path | None = None,
        *,
        engine: Callable[[], Engine] | None = ScriptedEngine,
        **settings: object,
    ) -> None:
        self._tokens = TokenFile(tokens) if tokens else None
        self._engine = engine
        self._settings = settings
        self.port = 0

    async def start(self) -> None:
        settings = settings_with(http_listen=f"127.0.0.1:{self.port}", **self._settings)
        self.service = CaptionService(settings, engine_factory=self._engine)
        await self.service.__aenter__()
        await self._open_port()

    async def stop(self) -> None:
        await self._close_port()
        await self.service.__aexit__(None, None, None)

    @contextlib.asynccontextmanager
    async def away(self, *, forgetting: bool = False) -> AsyncIterator[None]:
        """Nobody gets through meanwhile; what comes back may be a process that knows nothing."""
        await (self.stop() if forgetting else self._close_port())
        try:
            yield
        finally:
            await (self.start() if forgetting else self._open_port())

    async def _open_port(self) -> None:
        settings = settings_with(http_listen=f"127.0.0.1:{self.port}", **self._settings)
        self._http = HttpServer(application(self.service, tokens=self._tokens), settings)
        await self._http.start()
        self.port = self._http.port

    async def _close_port(self) -> None:
        self.service.rooms.dismiss()
        await self._http.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextlib.asynccontextmanager
async def spoken_server(
    tokens: Path | None = None,
    *,
    engine: Callable[[], Engine] | None = ScriptedEngine,
    **settings: object,
) -> AsyncIterator[SpokenServer]:
    """The service on a free port."""
    server = SpokenServer(tokens, engine=engine, **settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
