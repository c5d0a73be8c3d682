"""The HTTP server: uvicorn inside the event loop that is already there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from captioner.config import Settings
from captioner.errors import ConfigError
from captioner.web.connections import Patience, limit_kernel, protocols

_log = structlog.stdlib.get_logger(__name__)

BACKLOG = 512  # connections waiting to be accepted: all readers of a room may come at once
SPARE_CONNECTIONS = 500  # beyond readers and sessions: pages, probes, downloads
MAX_UNREAD_BYTES = 65_536  # of a request whose headers have not come to their end
KEEP_ALIVE = 15  # seconds for which a connection waits for another request
STOP_TIMEOUT = 2  # seconds for requests that still run
PROXIES = ["127.0.0.1", "::1"]  # of which forwarded addresses and schemes are believed


class _Uvicorn(uvicorn.Server):
    """Leaves the process's signals alone: the lifecycle has them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves one application on ``http_listen``. `start` before `stop`, each once."""

    def __init__(
        self, application: ASGIApp, settings: Settings, *, patience: Patience | None = None
    ) -> None:
        self._settings = settings
        self._patience = patience or Patience()
        http, websocket = protocols(self._patience)
        self._server = _Uvicorn(
            uvicorn.Config(
                application,
                access_log=False,
                backlog=BACKLOG,
                forwarded_allow_ips=PROXIES,
                h11_max_incomplete_event_size=MAX_UNREAD_BYTES,
                http=http,
                lifespan="off",
                limit_concurrency=max_connections(settings),
                log_config=None,
                server_header=False,
                ssl_certfile=settings.tls_certificate,
                ssl_keyfile=settings.tls_key,
                timeout_graceful_shutdown=STOP_TIMEOUT,
                timeout_keep_alive=KEEP_ALIVE,
                workers=1,
                ws=websocket,
                # twice what is accepted: up to there, messages that are too large are explained
                ws_max_size=2 * settings.max_message_bytes,
                ws_per_message_deflate=False,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self.port = 0
        """The port bound by `start`: another than asked for when that was 0."""

    async def start(self) -> None:
        """Bind the address and answer requests.

        Raises:
            ConfigError: the address cannot be bound, or the certificate cannot be used.
        """
        try:
            self._server.config.load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the certificate cannot be used for HTTP: {error}") from None
        listener = bind(self._settings.http_listen)
        if listener.family != socket.AF_UNIX:
            self.port = listener.getsockname()[1]
        limit_kernel(listener, self._patience)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        _log.info("http listening", port=self.port, tls=self._settings.tls_certificate is not None)

    async def stop(self) -> None:
        """Close the port and wait shortly for the requests that still run."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def max_connections(settings: Settings) -> int:
    """How many there may be at once; more are told to come back later."""
    return settings.max_followers + settings.max_sessions + SPARE_CONNECTIONS


def bind(address: str) -> socket.socket:
    """Listen on HOST:PORT or unix:PATH.

    Raises:
        ConfigError: the address is taken, not of this machine, or cannot be resolved.
    """
    try:
        if address.startswith("unix:"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(address.removeprefix("unix:"))
        else:
            listener = _bind_tcp(address)
    except OSError as error:
        raise ConfigError(f"cannot listen on {address}: {error.strerror}") from None
    listener.setblocking(False)  # noqa: FBT003 - a name it does not have
    return listener


def _bind_tcp(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
