"""The WatchCaptions call: the captions of a room to one reader."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

import grpc.aio

import captioner
from captioner.errors import Timeout, Unavailable
from captioner.rooms.captions import RoomEnded
from captioner.rooms.follower import Follower
from captioner.rooms.position import check_room_name
from captioner.rpc import convert, room_events
from captioner.rpc.backend import Backend
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb

HEARTBEAT = 5.0  # seconds without a message after which one says that the call is alive
STALLED = 60.0  # seconds that one message may wait for a reader

Response = pb.WatchCaptionsResponse
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class WatchCall:
    """One WatchCaptions call. A slow reader is slowed down by gRPC; its events are decided late."""

    def __init__(self, backend: Backend, context: Context) -> None:
        self._backend = backend
        self._context = context

    async def run(self, request: pb.WatchCaptionsRequest) -> None:
        """Serve the call until the room ends.

        Raises:
            CaptionerError: why the call was refused or broken off.
        """
        room = check_room_name(request.room)
        after = room_events.read_position(request.after)
        if not self._backend.ready:
            raise Unavailable("the service takes no new readers now", retry_after=2.0)
        interims = not request.disable_interim_results
        with self._backend.rooms.follow(room, after, interims=interims) as follower:
            await self._write(self._started(room))
            try:
                await self._follow(follower, word_times=request.word_times)
            except Unavailable as error:
                await self._write(_reconnect(error))
                raise

    async def _follow(self, follower: Follower, *, word_times: bool) -> None:
        while True:
            event = await follower.next(timeout=HEARTBEAT)
            if event is None:
                await self._write(room_events.heartbeat(follower.position))
                continue
            await self._write(room_events.room_response(event, word_times=word_times))
            if isinstance(event, RoomEnded):
                return

    async def _write(self, response: Response) -> None:
        try:
            async with asyncio.timeout(STALLED):
                await self._context.write(response)
        except TimeoutError:
            raise Timeout(f"nothing was read for {STALLED:g} s") from None

    def _started(self, room: str) -> Response:
        provenance = convert.provenance(self._backend.info, captioner.__version__)
        return Response(started=pb.RoomStarted(room=room, provenance=provenance))


def _reconnect(error: Unavailable) -> Response:
    delay = convert.duration_of_seconds(error.retry_after)
    return Response(reconnect=pb.Reconnect(delay=delay, reason=str(error)))
