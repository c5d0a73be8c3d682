"""The gRPC server: its settings, its services, its start and its stop."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from captioner.authentication import TokenFile
from captioner.clock import Clock, SystemClock
from captioner.config import Settings
from captioner.errors import ConfigError
from captioner.rpc.backend import Backend
from captioner.rpc.generated.captioner.v1 import captioner_pb2, captioner_pb2_grpc
from captioner.rpc.interceptors import CallGuard, TokenCheck
from captioner.rpc.options import server_options
from captioner.rpc.servicer import CaptionerServicer

_log = structlog.stdlib.get_logger(__name__)

SERVICE_NAME = captioner_pb2.DESCRIPTOR.services_by_name["CaptionerService"].full_name
SERVICE_NAMES = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
HEALTH_NAMES = ("", SERVICE_NAME)  # "" stands for the server as a whole
READINESS_PERIOD = 0.25  # seconds between two looks at whether the service is ready


class RpcServer:
    """The gRPC front door of a service. `start` before `stop`, each once.

    The order of an orderly end is the caller's (see `captioner.lifecycle`): health first, so
    that load balancers turn away, then the service drains, then `stop`.
    """

    def __init__(
        self, backend: Backend, *, tokens: TokenFile | None = None, clock: Clock | None = None
    ) -> None:
        self._backend = backend
        self._settings = backend.settings
        self._health = health.aio.HealthServicer()
        interceptors: list[grpc.aio.ServerInterceptor] = [CallGuard()]
        if tokens is not None:
            interceptors.append(TokenCheck(tokens))
        self._server = grpc.aio.server(
            interceptors=interceptors,
            options=server_options(self._settings.max_message_bytes),
        )
        servicer = CaptionerServicer(backend, clock or SystemClock())
        captioner_pb2_grpc.add_CaptionerServiceServicer_to_server(servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(SERVICE_NAMES, self._server)
        self._readiness: asyncio.Task[None] | None = None
        self.port = 0
        """The port bound by `start`: another than asked for when that was 0."""

    async def start(self) -> None:
        """Bind the address and answer calls; healthy as soon as the service is ready.

        Raises:
            ConfigError: the address cannot be bound, or the certificates cannot be used.
        """
        await self._publish(ready=False)
        self.port = bind(self._server, self._settings)
        await self._server.start()
        self._readiness = asyncio.create_task(self._follow_readiness())
        _log.info("grpc listening", port=self.port, tls=bool(self._settings.tls_certificate))

    async def refuse(self) -> None:
        """Report NOT_SERVING from now on; calls still work."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Close the port and wait at most `grace` seconds for the calls that still run."""
        await self.refuse()
        if self._readiness is not None:
            self._readiness.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._readiness
        await self._server.stop(grace)

    async def _follow_readiness(self) -> None:
        known = False
        while True:
            if self._backend.ready is not known:
                known = self._backend.ready
                await self._publish(ready=known)
            await asyncio.sleep(READINESS_PERIOD)

    async def _publish(self, *, ready: bool) -> None:
        states = health_pb2.HealthCheckResponse
        for name in HEALTH_NAMES:
            await self._health.set(name, states.SERVING if ready else states.NOT_SERVING)


def bind(server: grpc.aio.Server, settings: Settings) -> int:
    """Bind the address of the settings, with TLS when they have a certificate.

    Returns:
        The port; 0 for a Unix socket.

    Raises:
        ConfigError: the address cannot be bound, or the certificates cannot be used.
    """
    secure = credentials(settings) if settings.tls_certificate else None
    try:
        if secure is None:
            port = server.add_insecure_port(settings.listen)
        else:
            port = server.add_secure_port(settings.listen, secure)
    except RuntimeError:
        raise ConfigError(
            f"cannot listen on {settings.listen}: it is in use, or not an address of this machine"
        ) from None
    return 0 if settings.listen.startswith("unix:") else port


def credentials(settings: Settings) -> grpc.ServerCredentials:
    """The certificate of the server, and the authorities of its clients' ones.

    Raises:
        ConfigError: one of the files cannot be read, or is not what it should be.
    """
    certificate, key, authorities = (
        settings.tls_certificate,
        settings.tls_key,
        settings.tls_client_ca,
    )
    if certificate is None or key is None:
        raise ConfigError("TLS needs tls_certificate and tls_key")
    pair = _read(key), _read(certificate)
    try:  # gRPC itself would say no more than that the port cannot be bound
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if authorities:
            context.load_verify_locations(authorities)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in (certificate, key, authorities) if path)
        raise ConfigError(f"TLS cannot use {files}: {error}") from None
    return grpc.ssl_server_credentials(
        [pair],
        root_certificates=_read(authorities) if authorities else None,
        require_client_auth=authorities is not None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
