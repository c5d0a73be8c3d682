"""The StreamCaptions call: one half reads the client's messages, the other writes events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeAlias

import grpc
import grpc.aio
import structlog

import captioner
from captioner.clock import Clock
from captioner.errors import InvalidRequest, SessionTakenOver, Timeout, Unavailable
from captioner.live import Ended, Event, SessionConfig, Started, check_audio_size
from captioner.rpc import convert
from captioner.rpc.backend import Backend, Session
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.responses import ResponseWriter
from captioner.transcript import SAMPLE_RATE

RENEWAL = 0.1  # of the idle timeout: a timer set anew for each message would cost more than it does
WRITE_PATIENCE = 5.0  # seconds for a message that is on its way when the call ends

_log = structlog.stdlib.get_logger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[pb.StreamCaptionsRequest, pb.StreamCaptionsResponse]"


class LiveCall:
    """One StreamCaptions call, from its config to its end."""

    def __init__(self, backend: Backend, clock: Clock, context: Context) -> None:
        self._backend = backend
        self._clock = clock
        self._context = context
        self._ending = False
        self._over = False
        self._sending = False
        self._writing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve the call.

        Raises:
            CaptionerError: why the call was refused or broken off.
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
            await self._converse(session, config, self._write(events, config, started))
        except SessionTakenOver:
            taken_over = True
            raise
        finally:
            # Whatever else ended the call, its client may come back for the session.
            if not self._ending and not taken_over:
                await session.detach()
            await self._settle()
        if not self._ending:
            await self._context.abort(
                grpc.StatusCode.CANCELLED,
                "the stream ended without end_of_stream: the session can be resumed",
            )

    async def _receive_config(self) -> SessionConfig:
        timeout = self._backend.settings.config_timeout
        try:
            async with asyncio.timeout(timeout):
                request: Any = await self._context.read()
        except TimeoutError:
            raise Timeout(f"no config within {timeout:g} s") from None
        if request is grpc.aio.EOF:
            raise InvalidRequest("the stream ended before its config", field="config")
        kind = request.WhichOneof("request")
        if kind != "config":
            raise InvalidRequest(f"{kind or 'an empty request'} came before config", field="config")
        return convert.session_config(request.config)

    async def _converse(
        self, session: Session, config: SessionConfig, writing: Coroutine[Any, Any, None]
    ) -> None:
        """Run both halves until one of them ends the call."""
        # gRPC cannot send a status while a message is on its way: a write that was cancelled half
        # way would leave the client waiting for ever. So the writing half is only let go of here.
        self._writing = asyncio.create_task(writing)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(_outcome(self._writing))
                reader = group.create_task(self._read(session, config))
                reader.add_done_callback(lambda _: self._ending or writer.cancel())
                writer.add_done_callback(lambda _: reader.cancel())
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None  # the half that failed first ended the other

    # --- The reading half

    async def _read(self, session: Session, config: SessionConfig) -> None:
        patience = self._backend.settings.idle_timeout
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(patience) as idle:
                renewal = clock() + patience * RENEWAL
                while not self._ending:
                    request: Any = await self._context.read()
                    if request is grpc.aio.EOF:
                        return  # a disconnection: the session stays resumable
                    await self._handle(request, session, config)
                    if (now := clock()) >= renewal:
                        renewal = now + patience * RENEWAL
                        idle.reschedule(renewal + patience)
        except TimeoutError:
            raise Timeout(f"neither audio nor keepalive for {patience:g} s") from None

    async def _handle(
        self, request: pb.StreamCaptionsRequest, session: Session, config: SessionConfig
    ) -> None:
        match request.WhichOneof("request"):
            case "audio":
                data = request.audio.data
                limit = self._backend.settings.max_message_bytes
                check_audio_size(len(data), config.audio_format, limit, field="audio.data")
                given = request.audio.HasField("sample_offset")
                await session.audio(data, offset=request.audio.sample_offset if given else None)
            case "keepalive":
                given = request.keepalive.HasField("capture_position")
                position = convert.samples(request.keepalive.capture_position) if given else None
                await session.keepalive(position)
            case "flush":
                await session.flush()
            case "update":
                language, key_terms = convert.update(request.update)
                await session.update(language=language, key_terms=key_terms)
            case "end_of_stream":
                self._ending = True
                await session.end()
            case "config":
                raise InvalidRequest("config came twice", field="config")
            case _:
                raise InvalidRequest("the request is empty", field="request")

    # --- The writing half

    async def _write(
        self, events: AsyncIterator[Event], config: SessionConfig, started: Started
    ) -> None:
        writer = self._response_writer(config, started)
        await self._send(writer.response(started))
        async for event in events:
            await self._send(writer.response(event))
            if isinstance(event, Ended):
                self._ending = True
                return
        raise Unavailable("this replica is going away: resume the session elsewhere")

    async def _send(self, response: pb.StreamCaptionsResponse) -> None:
        self._sending = True
        await self._context.write(response)
        self._sending = False
        if self._over:
            raise asyncio.CancelledError

    async def _settle(self) -> None:
        """Wait for the write that is on its way, unless its reader stands still."""
        self._over = True
        if self._writing is None:
            return
        if self._sending:
            await asyncio.wait([self._writing], timeout=WRITE_PATIENCE)
        if not self._writing.cancel() and not self._writing.cancelled():
            self._writing.exception()  # the call is over: nobody else asks

    def _response_writer(self, config: SessionConfig, started: Started) -> ResponseWriter:
        capture_time = config.capture_time
        if capture_time is None:
            capture_time = self._clock.wall() - started.resume_from / SAMPLE_RATE
        return ResponseWriter(
            provenance=convert.provenance(self._backend.info, captioner.__version__),
            limits=convert.stream_limits(self._backend.settings, resumed=bool(config.resume_token)),
            sample_rate=config.audio_format.sample_rate,
            capture_time=capture_time,
            word_times=config.word_times,
        )


async def _outcome(task: asyncio.Task[None]) -> None:
    """What a task ends with; it goes on when this is cancelled."""
    await asyncio.shield(task)
