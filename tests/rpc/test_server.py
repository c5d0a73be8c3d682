from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from rpc_calls import RawCall
from rpc_fakes import EchoService, settings_with

from captioner.authentication import TokenFile
from captioner.config import Settings
from captioner.errors import ConfigError, Unauthenticated, Unavailable
from captioner.rpc.client import CaptionerClient, ClientTls
from captioner.rpc.options import server_options
from captioner.rpc.server import SERVICE_NAME, RpcServer

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, tokens: TokenFile | None = None
) -> AsyncIterator[RpcServer]:
    service = EchoService(settings)
    server = RpcServer(service, tokens=tokens)
    await server.start()
    try:
        async with service:
            yield server
    finally:
        await server.stop(0)


# --- Address


async def test_port_0_is_replaced_by_the_port_that_was_bound(server: RpcServer) -> None:
    assert server.port > 0


async def test_a_port_in_use_is_told_with_the_address(server: RpcServer) -> None:
    address = f"127.0.0.1:{server.port}"
    second = RpcServer(EchoService(settings_with(listen=address)))
    with pytest.raises(ConfigError, match=address):
        await second.start()
    await second.stop(0)


async def test_a_unix_socket_can_be_listened_on(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/captioner.sock"
    async with (
        running(settings_with(listen=address)) as server,
        CaptionerClient(address) as client,
    ):
        assert server.port == 0
        assert (await client.info()).model == "echo"


def test_the_settings_that_measurements_asked_for_are_in_force() -> None:
    options = dict(server_options(65_536))
    assert options["grpc.so_reuseport"] == 0
    assert options["grpc.max_receive_message_length"] == 66_560
    assert options["grpc.keepalive_time_ms"] == 20_000
    assert options["grpc.http2.ping_timeout_ms"] == 5_000
    assert options["grpc.http2.bdp_probe"] == 0


# --- Health


async def test_health_is_not_serving_until_the_service_is_ready_and_again_when_it_drains() -> None:
    service = EchoService()
    server = RpcServer(service)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(service=SERVICE_NAME))
            assert (await watch.read()).status == NOT_SERVING
            async with service:
                assert (await watch.read()).status == SERVING
                await server.refuse()
                assert (await watch.read()).status == NOT_SERVING
                whole = await health.Check(health_pb2.HealthCheckRequest())
                assert whole.status == NOT_SERVING
            watch.cancel()
    finally:
        await server.stop(0)


async def test_health_follows_an_engine_that_restarts(
    channel: grpc.aio.Channel, service: EchoService
) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)
    watch = health.Watch(health_pb2.HealthCheckRequest())
    seen = [(await watch.read()).status]
    while seen[-1] != SERVING:
        seen.append((await watch.read()).status)
    service.ready = False
    assert (await watch.read()).status == NOT_SERVING
    service.ready = True
    assert (await watch.read()).status == SERVING
    watch.cancel()


async def test_the_health_of_a_service_that_is_not_here_is_not_found(
    channel: grpc.aio.Channel,
) -> None:
    health: Any = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await health.Check(health_pb2.HealthCheckRequest(service="another"))
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND


# --- Reflection and other calls


def reflection_stub(channel: Any) -> Any:
    """Its types know only channels without asyncio."""
    return reflection_pb2_grpc.ServerReflectionStub(channel)


async def test_the_api_describes_itself(channel: grpc.aio.Channel) -> None:
    stub = reflection_stub(channel)
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE_NAME),
    ]
    listed, described = [it async for it in stub.ServerReflectionInfo(iter(requests))]
    names = [service.name for service in listed.list_services_response.service]
    assert SERVICE_NAME in names
    assert "grpc.health.v1.Health" in names
    files = described.file_descriptor_response.file_descriptor_proto
    parsed = descriptor_pb2.FileDescriptorProto.FromString(files[0])
    assert parsed.package == "captioner.v1"


async def test_an_unknown_method_is_unimplemented(channel: grpc.aio.Channel) -> None:
    call: Any = channel.unary_unary("/captioner.v1.CaptionerService/Nothing")
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(b"")
    assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED


# --- Tokens


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("secret-token\n")
    return path


@pytest.mark.parametrize("token", ["", "wrong-token", "secret"])
async def test_a_call_without_a_valid_token_is_unauthenticated(
    token_file: Path, token: str
) -> None:
    async with (
        running(settings_with(), tokens=TokenFile(token_file)) as server,
        CaptionerClient(f"127.0.0.1:{server.port}", token=token) as client,
    ):
        with pytest.raises(Unauthenticated):
            await client.info()


async def test_a_stream_without_a_token_is_refused_before_its_config(token_file: Path) -> None:
    async with (
        running(settings_with(), tokens=TokenFile(token_file)) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        failure = await RawCall(channel).failure()
        assert failure.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_reflection_needs_a_token_too(token_file: Path) -> None:
    async with (
        running(settings_with(), tokens=TokenFile(token_file)) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = reflection_stub(channel)
        requests = [reflection_pb2.ServerReflectionRequest(list_services="")]
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            async for _ in stub.ServerReflectionInfo(iter(requests)):
                pass
        assert failed.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_valid_token_opens_every_call_and_health_needs_none(token_file: Path) -> None:
    async with running(settings_with(), tokens=TokenFile(token_file)) as server:
        address = f"127.0.0.1:{server.port}"
        async with CaptionerClient(address, token="secret-token") as client:
            assert (await client.info()).model == "echo"
        async with CaptionerClient(address) as client:
            assert isinstance(await client.health(), bool)


async def test_a_token_can_be_fetched_anew_for_each_call(token_file: Path) -> None:
    tokens = iter(["wrong-token", "secret-token"])
    async with (
        running(settings_with(), tokens=TokenFile(token_file)) as server,
        CaptionerClient(f"127.0.0.1:{server.port}", token=lambda: next(tokens)) as client,
    ):
        with pytest.raises(Unauthenticated):
            await client.info()
        assert (await client.info()).model == "echo"


# --- TLS


class Certificates:
    """An authority, and what it signed for a server and a client."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.authority = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.authority)
        self.server, self.server_key = self._issue(authority, folder, "localhost")
        self.client, self.client_key = self._issue(authority, folder, "media.example")

    @staticmethod
    def _issue(authority: trustme.CA, folder: Path, name: str) -> tuple[Path, Path]:
        issued = authority.issue_cert(name)
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        for index, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(certificate, append=index > 0)
        issued.private_key_pem.write_to_path(key)
        return certificate, key


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def tls_settings(certificates: Certificates, *, mutual: bool = False) -> Settings:
    return settings_with(
        tls_certificate=certificates.server,
        tls_key=certificates.server_key,
        tls_client_ca=certificates.authority if mutual else None,
    )


async def test_a_client_that_trusts_the_authority_talks_over_tls(
    certificates: Certificates,
) -> None:
    async with (
        running(tls_settings(certificates)) as server,
        CaptionerClient(
            f"localhost:{server.port}", tls=ClientTls(authorities=certificates.authority)
        ) as client,
    ):
        assert (await client.info()).model == "echo"


async def test_a_client_that_does_not_trust_the_authority_does_not_connect(
    certificates: Certificates, tmp_path: Path
) -> None:
    other = Certificates(tmp_path)
    async with (
        running(tls_settings(certificates)) as server,
        CaptionerClient(
            f"localhost:{server.port}", tls=ClientTls(authorities=other.authority)
        ) as client,
    ):
        with pytest.raises(Unavailable):
            await client.info()


async def test_a_client_without_tls_does_not_connect_to_a_server_with_it(
    certificates: Certificates,
) -> None:
    async with (
        running(tls_settings(certificates)) as server,
        CaptionerClient(f"localhost:{server.port}") as client,
    ):
        with pytest.raises(Unavailable):
            await client.info()


async def test_the_name_in_the_certificate_can_be_given(certificates: Certificates) -> None:
    tls = ClientTls(authorities=certificates.authority, server_name="localhost")
    async with (
        running(tls_settings(certificates)) as server,
        CaptionerClient(f"127.0.0.1:{server.port}", tls=tls) as client,
    ):
        assert (await client.info()).model == "echo"


async def test_mutual_tls_wants_a_certificate_of_the_client(certificates: Certificates) -> None:
    async with running(tls_settings(certificates, mutual=True)) as server:
        address = f"localhost:{server.port}"
        anonymous = ClientTls(authorities=certificates.authority)
        async with CaptionerClient(address, tls=anonymous) as client:
            with pytest.raises(Unavailable):
                await client.info()
        known = ClientTls(
            authorities=certificates.authority,
            certificate=certificates.client,
            key=certificates.client_key,
        )
        async with CaptionerClient(address, tls=known) as client:
            assert (await client.info()).model == "echo"


async def test_a_certificate_that_cannot_be_read_is_told(
    certificates: Certificates, tmp_path: Path
) -> None:
    missing = tmp_path / "none.pem"
    server = RpcServer(
        EchoService(settings_with(tls_certificate=missing, tls_key=certificates.server_key))
    )
    with pytest.raises(ConfigError, match=r"none\.pem"):
        await server.start()
    await server.stop(0)


async def test_authorities_that_are_none_are_told(
    certificates: Certificates, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    server = RpcServer(
        EchoService(
            settings_with(
                tls_certificate=certificates.server,
                tls_key=certificates.server_key,
                tls_client_ca=wrong,
            )
        )
    )
    with pytest.raises(ConfigError, match=r"wrong\.pem"):
        await server.start()
    await server.stop(0)


async def test_a_file_that_is_not_a_certificate_is_told(
    certificates: Certificates, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    server = RpcServer(
        EchoService(settings_with(tls_certificate=wrong, tls_key=certificates.server_key))
    )
    with pytest.raises(ConfigError, match=r"wrong\.pem"):
        await server.start()
    await server.stop(0)


def test_a_client_tells_which_of_its_files_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.pem"):
        CaptionerClient("localhost:1", tls=ClientTls(authorities=tmp_path / "none.pem"))
