"""The life of a server process: start, serve, drain, stop.

On the first signal: health says not serving, new sessions are refused while the port stays open
for `drain_delay` (load balancers need that long to notice), clients are told to reconnect, what
was said is finalized, and the servers stop. A second signal ends the process at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import structlog

from captioner.authentication import TokenFile
from captioner.rpc.backend import Backend
from captioner.rpc.server import RpcServer
from captioner.web.application import application
from captioner.web.operations import Observed
from captioner.web.server import HttpServer

_log = structlog.stdlib.get_logger(__name__)

STOP_GRACE = 1.0  # seconds that calls have to end once everything is drained
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a server listens."""

    grpc_port: int
    http_port: int | None


class Signals:
    """Counts the signals that ask the process to end."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()

    def receive(self) -> None:
        """Count one more."""
        (self.second if self.first.is_set() else self.first).set()

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Receive SIGTERM and SIGINT instead of dying from them."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self.receive)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)


class Service(Backend, Observed, Protocol):
    """A service that a server can be made of: see `captioner.service.CaptionService`."""

    async def __aenter__(self) -> object:
        """Load the model; `ready` from then on."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Free everything."""
        ...


class Server:
    """The front doors of one service, started and stopped together."""

    def __init__(self, service: Service) -> None:
        """Prepare the front doors.

        Raises:
            ConfigError: the token file cannot be used.
        """
        settings = service.settings
        tokens = TokenFile(settings.token_file) if settings.token_file else None
        self._service = service
        self._settings = settings
        self._rpc = RpcServer(service, tokens=tokens)
        self._http = (
            HttpServer(application(service, tokens=tokens), settings)
            if settings.http_listen
            else None
        )

    async def start(self) -> Bound:
        """Open the ports; nothing is ready before the service is.

        Raises:
            ConfigError: an address cannot be bound.
        """
        try:
            if self._http is not None:
                await self._http.start()
            await self._rpc.start()
        except BaseException:
            await self.stop(0)
            raise
        return Bound(self._rpc.port, self._http.port if self._http else None)

    async def drain(self) -> None:
        """Turn clients away without losing what they said, at most for the time that is set."""
        await self._rpc.refuse()
        _log.info("draining", sessions=self._service.capacity.sessions)
        patience = self._settings.drain_delay + self._settings.drain_timeout
        try:
            async with asyncio.timeout(patience), asyncio.TaskGroup() as group:
                group.create_task(self._service.drain())
                group.create_task(asyncio.sleep(self._settings.drain_delay))
        except TimeoutError:
            _log.warning("drain timed out", sessions=self._service.capacity.sessions)
        else:
            _log.info("drained")

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """Close the ports; calls that still run have `grace` seconds to end."""
        self._service.rooms.dismiss()  # readers would otherwise stay until they are cancelled
        await self._rpc.stop(grace)
        if self._http is not None:
            await self._http.stop()


async def serve(
    service: Service, signals: Signals, *, started: Callable[[Bound], None] = lambda _: None
) -> bool:
    """Run a service until a signal asks for its end.

    Args:
        service: Not entered yet: its model is loaded here, with the ports already open.
        signals: The end: the first drains, the second does not wait.
        started: Called when clients are welcome.

    Returns:
        Whether the end was orderly; False when a second signal forced it.

    Raises:
        ConfigError: an address, a certificate or the token file cannot be used.
    """
    allow_files()
    main = asyncio.create_task(_serve(service, signals, started))
    forced = asyncio.create_task(signals.second.wait())
    try:
        await asyncio.wait((main, forced), return_when=asyncio.FIRST_COMPLETED)
        if not main.done():
            _log.warning("stopping at once")
            return False
        await main
        return True
    finally:
        await _cancel(forced)
        await _cancel(main)


async def _serve(service: Service, signals: Signals, started: Callable[[Bound], None]) -> None:
    server = Server(service)
    bound = await server.start()
    grace = 0.0
    try:
        async with service:
            try:
                started(bound)
                await signals.first.wait()
                await server.drain()
                grace = STOP_GRACE
            finally:
                await server.stop(grace)
    finally:  # the service did not start
        await server.stop(0)


def allow_files() -> None:
    """Have as many connections as the operator lets the process have, not as few as by default."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # "unlimited" is more than some systems give
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _cancel(task: asyncio.Task[object]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait([task])
