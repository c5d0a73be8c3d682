"""``/v1/live``: a browser's audio in, captions out, over one WebSocket.

It carries the same session as the gRPC call. The first message is the configuration, in JSON;
binary messages are audio; other texts are commands. What goes wrong is told in a last message of
the type ``error`` before the connection is closed, because pages see nothing else of it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from captioner.clock import Clock
from captioner.errors import (
    CaptionerError,
    InvalidRequest,
    SessionTakenOver,
    Timeout,
    Unavailable,
)
from captioner.live import Ended, Event, SessionConfig, Started, check_audio_size
from captioner.transcript import SAMPLE_RATE
from captioner.web.access import SUBPROTOCOL, Access, subprotocols
from captioner.web.backend import Backend, Session
from captioner.web.live_messages import (
    End,
    Flush,
    Keepalive,
    MessageWriter,
    Offset,
    Update,
    read_command,
    read_config,
)
from captioner.web.problems import TooLarge, close_code_of, error_message
from captioner.web.values import dump

WELL = 1000  # close code
INTERNAL = 1011  # close code
LONGEST_REASON = 120  # bytes: a close frame has room for 123

_log = structlog.stdlib.get_logger(__name__)


class LiveSockets:
    """Opens a session for each WebSocket."""

    def __init__(self, backend: Backend, access: Access, clock: Clock) -> None:
        self._backend = backend
        self._access = access
        self._clock = clock

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection from its opening to its end."""
        known = SUBPROTOCOL in subprotocols(socket)
        await socket.accept(subprotocol=SUBPROTOCOL if known else None)
        try:
            self._access.check(socket)
            await LiveSocket(self._backend, self._clock, socket).run()
            await socket.close(WELL)
        except WebSocketDisconnect:
            pass  # its session stays resumable
        except CaptionerError as error:
            await _refuse(socket, error)
        except Exception as error:  # noqa: BLE001 - the last catch: its text must not get out
            await _fail(socket, error)


class LiveSocket:
    """One connection: one half reads what the client sends, the other writes events."""

    def __init__(self, backend: Backend, clock: Clock, socket: WebSocket) -> None:
        self._backend = backend
        self._clock = clock
        self._socket = socket
        self._ending = False
        self._offset: int | None = None

    async def run(self) -> None:
        """Serve the session until it ends.

        Raises:
            CaptionerError: why it was refused or broken off.
            WebSocketDisconnect: the client is gone; its session can be resumed.
        """
        config = await self._receive_config()
        session = await self._backend.open(config)
        events = session.events()
        taken_over = False
        try:
            started = await anext(events, None)
            if not isinstance(started, Started):
                raise Unavailable("the session ended before it started")
            structlog.contextvars.bind_contextvars(session=started.session_id)
            await self._converse(session, config, events, started)
        except SessionTakenOver:
            taken_over = True
            raise
        finally:
            # Whatever else ended the connection, its client may come back for the session.
            if not self._ending and not taken_over:
                await session.detach()

    async def _receive_config(self) -> SessionConfig:
        timeout = self._backend.settings.config_timeout
        message = await self._receive(timeout, f"no config within {timeout:g} s")
        if isinstance(message, bytes):
            raise InvalidRequest("audio came before the config", field="type")
        return read_config(message)

    async def _converse(
        self,
        session: Session,
        config: SessionConfig,
        events: AsyncIterator[Event],
        started: Started,
    ) -> None:
        """Run both halves until one of them ends the connection."""
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(events, config, started))
                reader = group.create_task(self._read(session, config))
                reader.add_done_callback(lambda _: self._ending or writer.cancel())
                writer.add_done_callback(lambda _: reader.cancel())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None  # the half that failed first ended the other

    # --- The reading half

    async def _read(self, session: Session, config: SessionConfig) -> None:
        idle = self._backend.settings.idle_timeout
        late = f"neither audio nor keepalive for {idle:g} s"
        while not self._ending:
            message = await self._receive(idle, late)
            if isinstance(message, bytes):
                await self._hear(message, session, config)
            else:
                await self._obey(message, session)

    async def _hear(self, data: bytes, session: Session, config: SessionConfig) -> None:
        most = self._backend.settings.max_message_bytes
        check_audio_size(len(data), config.audio_format, most, field="audio")
        offset, self._offset = self._offset, None
        await session.audio(data, offset=offset)

    async def _obey(self, text: str, session: Session) -> None:
        match read_command(text):
            case Flush():
                await session.flush()
            case Keepalive(position=position):
                await session.keepalive(position)
            case Update(language=language, key_terms=key_terms):
                await session.update(language=language, key_terms=key_terms)
            case Offset(sample=sample):
                self._offset = sample
            case End():
                self._ending = True
                await session.end()

    async def _receive(self, patience: float, late: str) -> str | bytes:
        """The next message of either kind."""
        try:
            async with asyncio.timeout(patience):
                message = await self._socket.receive()
        except TimeoutError:
            raise Timeout(late) from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", WELL))
        data: str | bytes | None = message.get("bytes")
        if data is None:
            data = message["text"]
        most = self._backend.settings.max_message_bytes
        if len(data) > most:
            raise TooLarge(f"a message of {len(data)} bytes, expected no more than {most}")
        return data

    # --- The writing half

    async def _write(
        self, events: AsyncIterator[Event], config: SessionConfig, started: Started
    ) -> None:
        writer = self._writer(config, started)
        await self._socket.send_text(dump(writer.message(started)))
        async for event in events:
            await self._socket.send_text(dump(writer.message(event)))
            if isinstance(event, Ended):
                self._ending = True
                return
        raise Unavailable("this replica is going away: resume the session elsewhere")

    def _writer(self, config: SessionConfig, started: Started) -> MessageWriter:
        origin = config.capture_time
        if origin is None:
            origin = self._clock.wall() - started.resume_from / SAMPLE_RATE
        return MessageWriter(
            started.session_id, config, origin, self._backend.info, self._backend.settings
        )


async def _refuse(socket: WebSocket, error: CaptionerError) -> None:
    code = close_code_of(error)
    if code == INTERNAL:
        await _fail(socket, error)
        return
    await _end(socket, error_message(error), code)


async def _fail(socket: WebSocket, error: Exception) -> None:
    incident = secrets.token_hex(8)
    _log.error("internal error", incident=incident, exc_info=error)
    text = f"internal error {incident}: tell the operator"
    await _end(socket, {"type": "error", "code": "INTERNAL", "message": text}, INTERNAL)


async def _end(socket: WebSocket, message: dict[str, object], code: int) -> None:
    """Say what went wrong, if anybody still listens."""
    reason = str(message["message"]).encode()[:LONGEST_REASON].decode(errors="ignore")
    try:
        await socket.send_text(dump(message))
        await socket.close(code, reason)
    except (WebSocketDisconnect, RuntimeError):
        pass
