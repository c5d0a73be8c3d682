"""A real server on a port of its own, and a real channel to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc.aio
import pytest
import pytest_asyncio
from rpc_calls import RawCall
from rpc_fakes import EchoService

from captioner.rpc.options import client_options
from captioner.rpc.server import RpcServer


@pytest.fixture
def service() -> EchoService:
    return EchoService()


@pytest_asyncio.fixture
async def server(service: EchoService) -> AsyncIterator[RpcServer]:
    server = RpcServer(service)
    await server.start()
    async with service:
        try:
            yield server
        finally:
            await server.stop(0)


@pytest_asyncio.fixture
async def channel(server: RpcServer) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{server.port}", options=client_options()
    ) as channel:
        yield channel


@pytest.fixture
def raw_call(channel: grpc.aio.Channel) -> RawCall:
    return RawCall(channel)
