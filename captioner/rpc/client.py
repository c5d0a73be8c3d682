"""The Python client of the native API.

async with CaptionerClient("captions.example:443", token=token, tls=ClientTls()) as client:
    options = StreamOptions(room="conseil", track="t1", audio_format=audio_format)
    async with client.stream(options) as stream, asyncio.TaskGroup() as group:
        group.create_task(capture_into(stream))  # send(), then end()
        async for event in stream:
            ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeAlias, cast

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from captioner.admission import Capacity
from captioner.audio.format import AudioFormat, Encoding
from captioner.clock import Clock, SystemClock
from captioner.errors import CaptionerError, ConfigError
from captioner.live import Mode, SessionConfig
from captioner.rooms.captions import RoomEvent
from captioner.rooms.position import Position
from captioner.rpc import convert
from captioner.rpc.client_stream import CaptionStream, Patience
from captioner.rpc.client_watch import Watch, WatchOptions
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.generated.captioner.v1 import captioner_pb2_grpc
from captioner.rpc.options import client_options
from captioner.rpc.responses import transcription_event
from captioner.rpc.status import from_rpc_error
from captioner.rpc.true_status import with_true_status
from captioner.transcription.events import RecordingEnded, TranscriptionEvent

__all__ = [
    "AudioFormat",
    "CaptionStream",
    "CaptionerClient",
    "ClientTls",
    "Encoding",
    "Mode",
    "Patience",
    "ServiceInfo",
    "StreamOptions",
]

StreamOptions = SessionConfig
"""What a client asks for when it opens a stream."""

UPLOAD_PIECE = 65_536  # bytes of a recording in a message
UNARY_TIMEOUT = 5.0  # seconds

_TranscribeCall: TypeAlias = (
    "grpc.aio.StreamStreamCall[pb.TranscribeRequest, pb.TranscribeResponse]"
)


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How to trust the server, and how to be trusted by it."""

    authorities: Path | None = None
    """PEM; None: those of the system."""
    certificate: Path | None = None
    """PEM chain of this client, for mutual TLS."""
    key: Path | None = None
    """PEM private key of the certificate."""
    server_name: str = ""
    """Name expected in the server's certificate; empty: the host connected to."""


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """What a server is."""

    version: str
    model: str
    digest: str
    languages: tuple[str, ...]
    device: str
    compute_type: str
    capacity: Capacity


class CaptionerClient:
    """One connection to a server, for any number of streams. Use it as a context manager."""

    def __init__(
        self,
        target: str,
        *,
        token: str | Callable[[], str] = "",
        tls: ClientTls | None = None,
        patience: Patience | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare the connection; it is made when first needed.

        Args:
            target: HOST:PORT or unix:PATH.
            token: The bearer token, or what returns it, called for each call.
            tls: None: no TLS.
            patience: How long to wait for what.
            clock: The time, for tests.

        Raises:
            ConfigError: a TLS file cannot be read.
        """
        self._token = token
        self._patience = patience or Patience()
        self._clock = clock or SystemClock()
        self._channel = _channel(target, tls)
        self._stub = captioner_pb2_grpc.CaptionerServiceStub(self._channel)
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)

    async def __aenter__(self) -> Self:
        """Nothing waits for the connection here."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection and whatever still uses it."""
        await self.close()

    async def close(self) -> None:
        """Close the connection and whatever still uses it."""
        await self._channel.close()

    def stream(self, options: SessionConfig) -> CaptionStream:
        """A live track, to be opened with `async with`."""
        return CaptionStream(
            lambda: self._stub.StreamCaptions(metadata=self._metadata()),
            options,
            clock=self._clock,
            patience=self._patience,
        )

    async def transcribe(
        self,
        path: Path,
        *,
        language: str = "",
        key_terms: tuple[str, ...] = (),
        audio_format: AudioFormat | None = None,
    ) -> AsyncIterator[TranscriptionEvent]:
        """Transcribe a recording; close the iterator to give up.

        Args:
            path: A media file; raw audio when `audio_format` says what it is.
            language: Empty: the server's default.
            key_terms: Names and acronyms that are likely.
            audio_format: None: the file says it itself.

        Raises (in the iteration):
            CaptionerError: the recording was refused, or the connection lost.
            OSError: the file cannot be read.
        """
        config = pb.TranscribeConfig(language=language, word_times=True, key_terms=key_terms)
        if audio_format is not None:
            config.audio_format.CopyFrom(convert.audio_format_message(audio_format))
        with path.open("rb") as recording:
            call = with_true_status(self._stub.Transcribe(metadata=self._metadata()))
            upload = asyncio.create_task(_upload(call, config, recording))
            try:
                async for event in _received(call):
                    yield event
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from None
            except asyncio.CancelledError:
                if upload.done():
                    upload.result()  # the file could not be read to its end: that ended the call
                raise
            finally:
                call.cancel()
                upload.cancel()
                await asyncio.wait([upload])

    def watch(
        self,
        room: str,
        *,
        after: Position | None = None,
        interims: bool = True,
        word_times: bool = False,
    ) -> AsyncIterator[RoomEvent]:
        """Follow a room until it ends: the captions that are kept, then those that come.

        When the connection or the server is lost it reconnects and goes on where it was: no final
        is missing or comes twice, unless a `Reset` tells to start afresh. Close the iterator to
        give up.

        Args:
            room: Its name; it need not be there yet.
            after: The position of an event received earlier; None: all that is kept.
            interims: False: finals only.
            word_times: Whether words have their own times; otherwise those of their caption.

        Raises (in the iteration):
            CaptionerError: it was refused, or nobody answered in time.
        """
        return Watch(
            lambda request: self._stub.WatchCaptions(request, metadata=self._metadata()),
            WatchOptions(room, after, interims, word_times),
            clock=self._clock,
            patience=self._patience,
        ).events()

    async def info(self) -> ServiceInfo:
        """What the server is.

        Raises:
            CaptionerError: it did not answer.
        """
        try:
            response = await self._stub.GetServiceInfo(
                pb.GetServiceInfoRequest(), metadata=self._metadata(), timeout=UNARY_TIMEOUT
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        capacity = response.capacity
        return ServiceInfo(
            version=response.provenance.service_version,
            model=response.provenance.model,
            digest=response.provenance.model_digest,
            languages=tuple(response.languages),
            device=response.device,
            compute_type=response.compute_type,
            capacity=Capacity(
                capacity.sessions,
                capacity.talking,
                capacity.max_sessions,
                capacity.talking_headroom,
                capacity.draining,
            ),
        )

    async def health(self) -> bool:
        """Whether the server welcomes sessions.

        Raises:
            CaptionerError: it did not answer.
        """
        request = health_pb2.HealthCheckRequest()
        try:
            response = await self._health.Check(request, timeout=UNARY_TIMEOUT)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        token = self._token() if callable(self._token) else self._token
        return (("authorization", f"Bearer {token}"),) if token else ()


def _channel(target: str, tls: ClientTls | None) -> grpc.aio.Channel:
    options: list[tuple[str, Any]] = list(client_options())
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(
        _read(tls.authorities), _read(tls.key), _read(tls.certificate)
    )
    return grpc.aio.secure_channel(target, credentials, options=options)


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None


async def _upload(call: _TranscribeCall, config: pb.TranscribeConfig, recording: BinaryIO) -> None:
    """Send a recording; when the call breaks off, the receiving half learns why."""
    try:
        await call.write(pb.TranscribeRequest(config=config))
        while piece := recording.read(UPLOAD_PIECE):
            await call.write(pb.TranscribeRequest(data=piece))
        await call.done_writing()
    except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
        return
    except OSError:
        call.cancel()
        raise


async def _received(call: _TranscribeCall) -> AsyncIterator[TranscriptionEvent]:
    while True:
        response: Any = await call.read()
        if response is grpc.aio.EOF:
            raise CaptionerError("the call ended before the transcription did")
        event = transcription_event(cast("pb.TranscribeResponse", response))
        if event is not None:
            yield event
        if isinstance(event, RecordingEnded):
            return
