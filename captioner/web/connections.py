"""Connections that end when the other side does not do its part, and how much they hold for it.

uvicorn gives a peer as long as it likes to send a request, or to read what was written. These
protocols add what it lacks: a time for each, and buffers small enough that what a slow reader gets
is not old.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_NO_LINGER = struct.pack("ii", 1, 0)  # the kernel lets go of unsent bytes and resets the connection


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a peer may take, in seconds, and what waits for it, in bytes."""

    request: float = 10.0
    """For a request to arrive whole, its body left aside."""
    reading: float = 30.0
    """Without reading any of what waits for it."""
    waiting: int = 16_384
    """Beyond which nothing more is written until it reads."""


class _Deadline:
    """Aborts a connection when it was not called off in time."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, transport: asyncio.Transport) -> None:
        """Abort after so many seconds; one that runs already stays."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, _break_off, transport)

    def call_off(self) -> None:
        """Let the connection live."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _break_off(transport: asyncio.Transport) -> None:
    """Close a connection without waiting for its peer to take what is on its way."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


class PatientHttp(H11Protocol):
    """HTTP/1.1 for peers that send their requests and read their responses in time."""

    patience = Patience()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=self.patience.waiting)
        self._request = _Deadline()
        self._reading = _Deadline()
        self._request.set(self.patience.request, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._request.call_off()
        self._reading.call_off()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A request goes on; while one is answered there is nothing to wait for."""
        super().data_received(data)
        if self.transport.get_protocol() is not self:
            return  # it is a WebSocket now
        if self._answering():
            self._request.call_off()
        else:
            self._request.set(self.patience.request, self.transport)

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is not None and not cycle.response_complete

    def handle_websocket_upgrade(self, event: Any) -> None:  # noqa: ANN401 - of the library
        """The connection has another protocol from here on."""
        self._request.call_off()
        self._reading.call_off()
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is written to."""
        super().pause_writing()
        self._reading.set(self.patience.reading, self.transport)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._reading.call_off()
        super().resume_writing()


class PatientWebSocket(WebSocketsSansIOProtocol):
    """WebSocket for peers that read what they are sent in time."""

    patience = Patience()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=self.patience.waiting)
        self._reading = _Deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._reading.call_off()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not read as fast as it is written to."""
        super().pause_writing()
        self._reading.set(self.patience.reading, self.transport)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._reading.call_off()
        super().resume_writing()


def protocols(patience: Patience) -> tuple[type[PatientHttp], type[PatientWebSocket]]:
    """The classes of connections with this patience: uvicorn makes the objects itself."""
    http = type("Http", (PatientHttp,), {"patience": patience})
    websocket = type("WebSocket", (PatientWebSocket,), {"patience": patience})
    return http, websocket


def limit_kernel(listener: socket.socket, patience: Patience) -> None:
    """Have the kernel hold little for slow readers, and give up on those that are gone.

    Connections inherit both options from the socket that accepts them. Without the first, megabytes
    of outdated interims may wait in the kernel; without the second, a peer that lost its network
    counts as a reader for a quarter of an hour.
    """
    if listener.family == socket.AF_UNIX or not hasattr(socket, "TCP_NOTSENT_LOWAT"):
        return
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, patience.waiting)
    milliseconds = round(2 * patience.reading * 1000)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
