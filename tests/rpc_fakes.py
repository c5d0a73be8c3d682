"""A service that hears words in sample values, to test the front doors without a model.

Audio at 16 kHz is read in blocks of 100 ms. A block whose first sample is 0 is silence, one whose
first sample is N is the word "mN". Silence ends an utterance. So what was lost or heard twice on
the way shows in the text.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import BinaryIO, Self

import numpy as np

from captioner.admission import Capacity
from captioner.asr.engine import EngineInfo
from captioner.audio.format import AudioFormat, Encoding
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.errors import (
    CaptionerError,
    InvalidRequest,
    ResumeExpired,
    SessionTakenOver,
    Unavailable,
    UnsupportedAudio,
)
from captioner.live import (
    Captioned,
    Ended,
    Event,
    Gap,
    Progress,
    Reconnect,
    SessionConfig,
    SpeechEnded,
    SpeechStarted,
    Started,
)
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.rooms.memory import MemoryHub
from captioner.rooms.room import RoomLimits
from captioner.rpc.backend import Backend
from captioner.rpc.client import CaptionerClient
from captioner.rpc.server import RpcServer
from captioner.transcript import Caption, Word
from captioner.transcription.events import (
    RecordingEnded,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)

BLOCK = 1600  # samples of a word: 100 ms
FORMAT = AudioFormat(Encoding.LINEAR16, 16_000)
DIGEST = "sha256:" + "0" * 64  # of the model that does not exist
SETTINGS = Settings(listen="127.0.0.1:0", http_listen="")


def spoken(*numbers: int) -> bytes:
    """The audio of some words; 0 is 100 ms of silence."""
    return np.repeat(np.array(numbers, dtype="<i2"), BLOCK).tobytes()


class EchoSession:
    """One track."""

    def __init__(self, service: EchoService, config: SessionConfig, start: Started) -> None:
        self.service = service
        self.config = config
        self.id = start.session_id
        self.position = start.resume_from
        self.finalized = start.resume_from
        self.next_id = start.next_caption_id
        self.detached = asyncio.Event()
        self.keepalives: list[int | None] = []
        self.updates: list[tuple[str | None, tuple[str, ...] | None]] = []
        self._rest = b""
        self._words: list[Word] = []
        self._revision = 0
        self._total = 0
        self.queue: asyncio.Queue[Event | CaptionerError | None] = asyncio.Queue()
        self.queue.put_nowait(start)

    async def audio(self, data: bytes, *, offset: int | None = None) -> None:
        if self.service.audio_error is not None:
            raise self.service.audio_error
        self.service.heard.set()
        if len(data) % 2:
            raise UnsupportedAudio(f"{len(data)} bytes are not whole samples", field="audio")
        here = self.position + len(self._rest) // 2
        if offset is not None and offset < here:
            raise InvalidRequest(f"offset {offset}, expected {here}", field="audio.sample_offset")
        if offset is not None and offset > here:
            self.queue.put_nowait(Gap(here, offset))
            self.position, self._rest = offset, b""
        self._rest += data
        while len(self._rest) >= 2 * BLOCK:
            self._hear(int(np.frombuffer(self._rest[:2], dtype="<i2")[0]))
            self._rest = self._rest[2 * BLOCK :]
        self.queue.put_nowait(Progress(self.position, self.finalized, 0.0, 0))

    def _hear(self, number: int) -> None:
        start, self.position = self.position, self.position + BLOCK
        if not number:
            self._finalize()
            self.finalized = self.position
            return
        if not self._words:
            self.queue.put_nowait(SpeechStarted(start))
        text = self.service.text or f"m{number}"
        self._words.append(Word(text, start, self.position, 0.5))
        self._emit(final=False)

    def _emit(self, *, final: bool) -> None:
        words = tuple(self._words)
        self._revision += 1
        committed = len(words) if final else len(words) - 1
        caption = Caption(
            id=self.next_id,
            revision=self._revision,
            start=words[0].start,
            end=words[-1].end,
            words=words,
            committed=committed,
            final=final,
            language="fr",
            appended=words[-1].text + " " if not final else "",
        )
        token = ""
        if final:
            self.next_id += 1
            self.finalized = self.position
            token = self.service.token(self.id, self.finalized, self.next_id)
        self.queue.put_nowait(Captioned(caption, token))

    def _finalize(self) -> None:
        if self._words:
            self._total += len(self._words)
            self._emit(final=True)
            self._words, self._revision = [], 0
            self.queue.put_nowait(SpeechEnded(self.position))

    async def keepalive(self, position: int | None = None) -> None:
        self.keepalives.append(position)
        self.service.heard.set()
        self.queue.put_nowait(Progress(self.position, self.finalized, 0.0, 0))

    async def flush(self) -> None:
        self._finalize()
        self.service.heard.set()

    async def update(
        self, *, language: str | None = None, key_terms: tuple[str, ...] | None = None
    ) -> None:
        self.updates.append((language, key_terms))
        self.service.heard.set()

    async def end(self) -> None:
        self._finalize()
        count = self.next_id - 1
        self.queue.put_nowait(Ended(self.position, self._total * BLOCK, count, self._total))

    async def detach(self) -> None:
        self.detached.set()
        self.service.sessions.pop(self.id, None)

    async def drain(self) -> None:
        self.queue.put_nowait(Reconnect(0.0, "the replica is going away"))
        self._finalize()
        self.queue.put_nowait(None)

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self.queue.get()) is not None:
            if isinstance(event, CaptionerError):
                raise event
            if isinstance(event, Ended):
                self.service.sessions.pop(self.id, None)
            yield event


class EchoService:
    """The service of `captioner.service`, without a model."""

    def __init__(self, settings: Settings = SETTINGS, *, key: bytes = b"key") -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.rooms = MemoryHub(RoomLimits.of(settings), SystemClock(), self.metrics)
        self.sessions: dict[str, EchoSession] = {}
        self.opened: list[EchoSession] = []
        self.ready = False
        self.alive = True
        self.draining = False
        self.open_error: CaptionerError | Exception | None = None
        self.audio_error: CaptionerError | Exception | None = None
        self.foreign_token: CaptionerError = ResumeExpired("the token is not ours")
        self.text = ""
        """What every word is, when it is not to be told from the others."""
        self.transcribed: list[tuple[str, tuple[str, ...], AudioFormat | None]] = []
        self.heard = asyncio.Event()
        self.drained = asyncio.Event()
        self._key = key

    @property
    def info(self) -> EngineInfo:
        rule = WindowRule(padded=False, silence=4.0)
        return EngineInfo("echo", DIGEST, ("fr", "en"), 80, rule, "cpu", "int8")

    @property
    def capacity(self) -> Capacity:
        return Capacity(len(self.sessions), 0, 1000, 10.0, self.draining)

    async def __aenter__(self) -> Self:
        self.ready = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.ready = False

    async def open(self, config: SessionConfig) -> EchoSession:
        if self.open_error is not None:
            raise self.open_error
        if not self.ready:
            raise Unavailable("draining", retry_after=2.0)
        started = self._start(config.resume_token)
        if older := self.sessions.pop(started.session_id, None):
            older.queue.put_nowait(SessionTakenOver("a newer stream attached to the session"))
        session = EchoSession(self, config, started)
        self.sessions[session.id] = session
        self.opened.append(session)
        return session

    def _start(self, token: str) -> Started:
        if not token:
            identifier = secrets.token_hex(4)
            return Started(identifier, self.token(identifier, 0, 1), 0, 1)
        claims, _, signature = token.rpartition(".")
        if signature != self._sign(claims):
            raise self.foreign_token
        identifier, position, next_id = json.loads(claims)
        return Started(identifier, token, position, next_id)

    def token(self, identifier: str, position: int, next_id: int) -> str:
        claims = json.dumps([identifier, position, next_id])
        return f"{claims}.{self._sign(claims)}"

    def _sign(self, claims: str) -> str:
        return hmac.new(self._key, claims.encode(), hashlib.sha256).hexdigest()

    async def drain(self) -> None:
        self.ready, self.draining = False, True
        for session in list(self.sessions.values()):
            await session.drain()
        self.rooms.dismiss()
        self.drained.set()

    async def transcribe(
        self,
        recording: BinaryIO,
        *,
        language: str = "",
        key_terms: tuple[str, ...] = (),
        audio_format: AudioFormat | None = None,
    ) -> AsyncIterator[TranscriptionEvent]:
        self.transcribed.append((language, key_terms, audio_format))
        data = recording.read()
        if len(data) % 2:
            raise UnsupportedAudio("not a recording", field="data")
        duration = len(data) // 2
        yield RecordingProgress(0, duration)
        numbers = np.frombuffer(data, dtype="<i2")[::BLOCK]
        for index, number in enumerate(numbers):
            text = self.text or f"m{number}"
            word = Word(text, index * BLOCK, (index + 1) * BLOCK, 0.5)
            yield RecordingSegment(index + 1, word.start, word.end, (word,), language or "fr")
        yield RecordingEnded(duration, len(numbers))


def settings_with(**changes: object) -> Settings:
    """The settings of the tests with some changed."""
    return Settings.model_validate(SETTINGS.model_dump() | changes)


def live_config(**changes: object) -> SessionConfig:
    """A valid config with some of it changed."""
    return replace(SessionConfig(room="salle", track="piste", audio_format=FORMAT), **changes)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def client_of(service: Backend) -> AsyncIterator[CaptionerClient]:
    """A client of a real server on a port, in front of a service."""
    server = RpcServer(service)
    await server.start()
    try:
        async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
            yield client
    finally:
        await server.stop(0)
