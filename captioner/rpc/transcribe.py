"""The Transcribe call: a recording goes up, progress and segments come back."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeAlias, cast

import grpc.aio

import captioner
from captioner.audio.format import AudioFormat
from captioner.errors import InvalidRequest, ResourceExhausted, Timeout
from captioner.live import check_key_terms
from captioner.rpc import convert
from captioner.rpc.backend import Backend
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.responses import transcription_response

MAX_IN_MEMORY = 16 * 1024 * 1024  # bytes of an upload; the rest goes to an unnamed temporary file
MAX_UPLOADS = 8  # recordings at once, from their first byte to their last segment

Context: TypeAlias = "grpc.aio.ServicerContext[pb.TranscribeRequest, pb.TranscribeResponse]"


class Uploads:
    """How many recordings are being received or transcribed; bounded."""

    def __init__(self, limit: int = MAX_UPLOADS) -> None:
        self._limit = limit
        self._count = 0

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places.

        Raises:
            ResourceExhausted: there is none.
        """
        if self._count >= self._limit:
            raise ResourceExhausted(
                f"{self._count} recordings are being transcribed, the limit is {self._limit}",
                retry_after=10.0,
                subject="recordings",
            )
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1


class TranscribeCall:
    """One Transcribe call, from its config to its end."""

    def __init__(self, backend: Backend, context: Context) -> None:
        self._backend = backend
        self._context = context

    async def run(self) -> None:
        """Serve the call.

        Raises:
            CaptionerError: why the recording was refused.
        """
        config = await self._receive_config()
        language, terms, word_times = (
            config.language,
            check_key_terms(tuple(config.key_terms)),
            config.word_times,
        )
        audio_format = _audio_format(config)
        started = convert.provenance(self._backend.info, captioner.__version__)
        await self._context.write(pb.TranscribeResponse(started=started))
        with tempfile.SpooledTemporaryFile(MAX_IN_MEMORY) as spooled:
            recording = cast("BinaryIO", spooled)
            await self._receive_recording(recording)
            recording.seek(0)
            events = self._backend.transcribe(
                recording, language=language, key_terms=terms, audio_format=audio_format
            )
            async for event in events:
                await self._context.write(transcription_response(event, word_times=word_times))

    async def _receive_config(self) -> pb.TranscribeConfig:
        request = await self._receive(self._backend.settings.config_timeout)
        kind = request.WhichOneof("request") if request else "the end of the stream"
        if request is None or kind != "config":
            raise InvalidRequest(f"{kind or 'an empty request'} came before config", field="config")
        return request.config

    async def _receive_recording(self, recording: BinaryIO) -> None:
        settings = self._backend.settings
        size = 0
        while request := await self._receive(settings.idle_timeout):
            if request.WhichOneof("request") != "data":
                raise InvalidRequest("only data may follow config", field="request")
            size += len(request.data)
            if size > settings.max_upload_bytes:
                raise InvalidRequest(
                    f"the recording has more than {settings.max_upload_bytes} bytes", field="data"
                )
            _store(recording, request.data)
        if not size:
            raise InvalidRequest("the recording is empty", field="data")

    async def _receive(self, patience: float) -> pb.TranscribeRequest | None:
        """The next message; None at the end of the request stream."""
        try:
            async with asyncio.timeout(patience):
                request: Any = await self._context.read()
        except TimeoutError:
            raise Timeout(f"nothing of the recording came for {patience:g} s") from None
        return None if request is grpc.aio.EOF else cast("pb.TranscribeRequest", request)


def _audio_format(config: pb.TranscribeConfig) -> AudioFormat | None:
    if not config.HasField("audio_format"):
        return None
    value = convert.audio_format(config.audio_format)
    if not value.frame_bytes:
        raise InvalidRequest(
            "bare Opus packets cannot be told apart in an upload: send an Ogg file",
            field="audio_format.encoding",
        )
    return value


def _store(recording: BinaryIO, data: bytes) -> None:
    try:
        recording.write(data)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ResourceExhausted(
            "no room is left for the recording", retry_after=30.0, subject="temporary files"
        ) from None
