"""A room as a client follows it: one sequence of events over any number of calls."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio

from captioner.clock import Clock
from captioner.errors import CaptionerError, Timeout, Unavailable
from captioner.rooms.captions import (
    CaptionKey,
    CaughtUp,
    Delivered,
    Reset,
    Retracted,
    RoomEnded,
    RoomEvent,
)
from captioner.rooms.position import Position
from captioner.rpc import room_events
from captioner.rpc.client_stream import Patience
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.replay import backoff
from captioner.rpc.status import from_rpc_error

Call: TypeAlias = "grpc.aio.UnaryStreamCall[pb.WatchCaptionsRequest, pb.WatchCaptionsResponse]"

SILENCE = 15.0  # seconds without a message, three heartbeats, after which a call counts as lost

_RETRIED = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.CANCELLED,  # a proxy's way to close a call
    grpc.StatusCode.UNKNOWN,  # the same
)
_CUT_OFF = "RST_STREAM"  # in the text of INTERNAL: a proxy's idle timeout


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """What to follow."""

    room: str
    after: Position | None = None
    interims: bool = True
    word_times: bool = False


class Thread:
    """Makes the events of several calls those of one following. Pure."""

    def __init__(self, after: Position | None) -> None:
        self.position = after
        """Where the next call goes on from."""
        self._caught_up = False
        self._shown: set[CaptionKey] = set()  # interims handed on and not replaced yet
        self._stale: set[CaptionKey] = set()  # those of them not told again in this call

    def begin(self) -> None:
        """A new call: interims are told again."""
        self._stale = set(self._shown)

    def accept(self, event: RoomEvent) -> list[RoomEvent]:
        """What the reader is told of an event."""
        match event:
            case Reset():
                self.position, self._caught_up = None, False
                self._shown.clear()
                self._stale.clear()
                return [event]
            case Delivered(position=position, said=said):
                self.position = position
                self._stale.discard(said.key)
                if said.caption.final:
                    self._shown.discard(said.key)
                else:
                    self._shown.add(said.key)
                return [event]
            case Retracted(key=key):
                self._shown.discard(key)
                self._stale.discard(key)
                return [event]
            case CaughtUp(position=position):
                return self._catch_up(event, position)
            case RoomEnded():
                return [event]

    def _catch_up(self, event: CaughtUp, position: Position | None) -> list[RoomEvent]:
        gone: list[RoomEvent] = []
        if position is not None:
            self.position = position
            gone = [Retracted(position, key) for key in sorted(self._stale)]
        self._shown -= self._stale
        self._stale.clear()
        first, self._caught_up = not self._caught_up, True
        return [*gone, event] if first else gone


class Watch:
    """A room, followed over as many calls as it takes until it ends."""

    def __init__(
        self,
        connect: Callable[[pb.WatchCaptionsRequest], Call],
        options: WatchOptions,
        *,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self._connect = connect
        self._options = options
        self._clock = clock
        self._patience = patience
        self._thread = Thread(options.after)
        self._greeted = False
        self._failures = 0  # since the last message
        self._lost_at = clock.monotonic()

    async def events(self) -> AsyncIterator[RoomEvent]:
        """What happens in the room.

        Raises (in the iteration):
            CaptionerError: it was refused, or nobody answered in time.
        """
        over = False
        while not over:
            try:
                async with contextlib.aclosing(self._call()) as events:
                    async for event in events:
                        over = isinstance(event, RoomEnded)
                        yield event
            except _Lost as lost:
                await self._back_off(lost.error)

    async def _call(self) -> AsyncGenerator[RoomEvent]:
        """The events of one call.

        Raises (in the iteration):
            _Lost: it broke off; another one may go on.
            CaptionerError: there is no point in another one.
        """
        call = self._connect(self._request())
        try:
            while True:
                response = await self._read(call)
                self._failures, self._greeted = 0, True
                if response.WhichOneof("response") == "started":
                    self._thread.begin()
                event = room_events.room_event(response)
                for news in self._thread.accept(event) if event else ():
                    yield news
                if isinstance(event, RoomEnded):
                    return
        finally:
            call.cancel()

    def _request(self) -> pb.WatchCaptionsRequest:
        return pb.WatchCaptionsRequest(
            room=self._options.room,
            after=room_events.written_position(self._thread.position),
            disable_interim_results=not self._options.interims,
            word_times=self._options.word_times,
        )

    async def _read(self, call: Call) -> pb.WatchCaptionsResponse:
        try:
            async with asyncio.timeout(SILENCE):
                response: Any = await call.read()
        except TimeoutError:
            raise _Lost(Timeout(f"nothing came for {SILENCE:g} s")) from None
        except grpc.aio.AioRpcError as error:
            raise self._judged(error) from None
        if response is grpc.aio.EOF:
            raise _Lost(Unavailable("the call ended before the room did"))
        return cast("pb.WatchCaptionsResponse", response)

    def _judged(self, error: grpc.aio.AioRpcError) -> Exception:
        meaning = from_rpc_error(error)
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and not self._greeted:
            return meaning
        cut_off = error.code() is grpc.StatusCode.INTERNAL and _CUT_OFF in (error.details() or "")
        return _Lost(meaning) if error.code() in _RETRIED or cut_off else meaning

    async def _back_off(self, error: CaptionerError) -> None:
        now = self._clock.monotonic()
        if self._greeted and not self._failures:
            self._lost_at = now
        patience = self._patience.outage if self._greeted else self._patience.connect
        if now - self._lost_at > patience:
            raise error from None
        delay = backoff(self._failures, random.random())  # noqa: S311 - jitter
        self._failures += 1
        await asyncio.sleep(max(delay, getattr(error, "retry_after", 0.0)))


class _Lost(Exception):
    """A call broke off, and another one may go on."""

    def __init__(self, error: CaptionerError) -> None:
        super().__init__(str(error))
        self.error = error
