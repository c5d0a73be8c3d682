"""``GET /v1/rooms/{room}/captions``: the captions of a room, as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Self

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from captioner.errors import InvalidRequest, ResourceExhausted, Unavailable
from captioner.rooms.follower import Follower
from captioner.rooms.position import Position, check_room_name
from captioner.web.backend import Backend
from captioner.web.event_stream import CHUNK, HEARTBEAT, HINT, MEDIA_TYPE, EventWriter, event_bytes
from captioner.web.values import provenance_values

HEARTBEAT_PERIOD = 10.0  # seconds without an event after which a comment says: still there
CROWDED = 5.0  # seconds after which a reader who found the room full may try again
HISTORY = "history"
HEADERS = {
    "content-type": MEDIA_TYPE,
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # proxies must not hold events back
}


class CaptionStreams:
    """An ASGI application: one response a reader, for as long as the room lasts.

    A slow reader is one whose connection is full. Its events are not decided until there is room
    again, so it misses interims that newer ones replaced, and costs nobody anything. One that
    reads nothing at all is cut off by its connection (`captioner.web.connections`).
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._writer = EventWriter(_later)
        self._readers: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            CaptionerError: why it is refused.
        """
        request = Request(scope, receive)
        room = check_room_name(request.path_params["room"])
        after = _position(request)
        history = _history(request.query_params)
        if not self._backend.ready:
            raise Unavailable("the service takes no new readers now", retry_after=2.0)
        if request.method == "HEAD":
            await _begin(send)
            await _Body(send).end()
            return
        if after is None and history is not None:
            after = await self._newest(room, history)
        with self._counted(room), self._backend.rooms.follow(room, after) as follower:
            await _begin(send)
            started = {**provenance_values(self._backend.info), "room": room}
            with _Body(send) as out:
                await out.write(HINT + event_bytes("started", started))
                async with asyncio.TaskGroup() as group:
                    delivering = group.create_task(self._deliver(follower, out))
                    await _disconnection(receive)
                    delivering.cancel()

    @contextlib.contextmanager
    def _counted(self, room: str) -> Iterator[None]:
        most = self._backend.settings.max_room_followers
        if self._readers[room] >= most:
            raise ResourceExhausted(
                f"{most} readers follow this room here, the limit", retry_after=CROWDED
            )
        self._readers[room] += 1
        try:
            yield
        finally:
            self._readers[room] -= 1
            if not self._readers[room]:
                del self._readers[room]

    async def _newest(self, room: str, count: int) -> Position | None:
        """Where a reader begins that wants the last few finals only; None: with all there are."""
        found = await self._backend.rooms.history(room)
        if found is None or count >= len(found.captions):
            return None
        return found.captions[-count - 1].position if count else found.position

    async def _deliver(self, follower: Follower, out: _Body) -> None:
        """Write events until the room ends or the replica goes away."""
        with contextlib.suppress(Unavailable):  # the browser connects again, elsewhere
            while (first := await follower.next()) is not None:
                chunk = self._writer.gather(follower, first)
                await out.write(chunk)
                if len(chunk) >= CHUNK:  # a long history must not keep others waiting
                    await asyncio.sleep(0)
        await out.end()


class _Body:
    """The body of a response, with heartbeats while nothing is written."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._written = self._loop.time()
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._heartbeat: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._wait(HEARTBEAT_PERIOD)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    async def write(self, chunk: bytes) -> None:
        """Write some of it; waits while the reader is slow."""
        self._writing = True
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        self._writing = False
        self._written = self._loop.time()

    async def end(self) -> None:
        """Write the end of it."""
        self._writing = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _beat(self) -> None:
        if not self._writing:  # nor has it ended since
            await self.write(HEARTBEAT)

    def _wait(self, seconds: float) -> None:
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """One timer for many events: setting one for each would cost as much as writing it."""
        silent = self._loop.time() - self._written
        if silent >= HEARTBEAT_PERIOD and not self._writing:
            self._heartbeat = asyncio.create_task(self._beat())
        self._wait(HEARTBEAT_PERIOD - silent if silent < HEARTBEAT_PERIOD else HEARTBEAT_PERIOD)


def _later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


async def _disconnection(receive: Receive) -> None:
    """Wait until the reader is gone, or the response is complete."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _begin(send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


def _position(request: Request) -> Position | None:
    """Where to go on from. The header is what browsers send when they connect again."""
    if header := request.headers.get("last-event-id"):
        return Position.parse(header, field="Last-Event-ID")
    after = request.query_params.get("after")
    return Position.parse(after) if after else None


def _history(query: QueryParams) -> int | None:
    """How many finals a newcomer wants at most; None: all."""
    written = query.get(HISTORY)
    if written is None:
        return None
    if written == "none":
        return 0
    if not (written.isascii() and written.isdecimal()) or len(written) > 9:  # noqa: PLR2004 - digits
        raise InvalidRequest("history is neither a number of captions nor none", field=HISTORY)
    return int(written)
