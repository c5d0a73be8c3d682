"""The native service: each of its calls handed to the module that serves it."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc.aio

from captioner.clock import Clock
from captioner.rpc.backend import Backend
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.generated.captioner.v1 import captioner_pb2_grpc
from captioner.rpc.info import service_info
from captioner.rpc.live import LiveCall
from captioner.rpc.transcribe import TranscribeCall, Uploads
from captioner.rpc.watch import WatchCall

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class CaptionerServicer(captioner_pb2_grpc.CaptionerServiceServicer):
    """`captioner.v1.CaptionerService` over a backend. Errors leave as `CaptionerError`."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._uploads = Uploads()

    # The stubs know handlers that are generators; those that read and write their context, as a
    # call with two halves needs, are coroutines.

    async def StreamCaptions(  # type: ignore[override]  # noqa: N802
        self, _requests: object, context: Context
    ) -> None:
        """Captions of one live track."""
        await LiveCall(self._backend, self._clock, context).run()

    async def Transcribe(  # type: ignore[override]  # noqa: N802
        self, _requests: object, context: Context
    ) -> None:
        """Segments of one recording."""
        with self._uploads.slot():
            await TranscribeCall(self._backend, context).run()

    async def WatchCaptions(  # type: ignore[override]  # noqa: N802
        self, request: pb.WatchCaptionsRequest, context: Context
    ) -> None:
        """Captions of a room."""
        await WatchCall(self._backend, context).run(request)

    async def GetServiceInfo(  # noqa: N802
        self, _request: pb.GetServiceInfoRequest, _context: Context
    ) -> pb.GetServiceInfoResponse:
        """What the service is and how loaded."""
        return service_info(self._backend)
