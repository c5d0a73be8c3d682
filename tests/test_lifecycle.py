from __future__ import annotations

import asyncio
import os
import resource
import signal
from pathlib import Path
from typing import Self

import grpc
import httpx
import pytest
from room_fakes import ROOM, Person
from rpc_calls import RawCall
from rpc_fakes import EchoService, live_config, settings_with, spoken

from captioner.config import Settings
from captioner.errors import ConfigError, ModelError, Unavailable
from captioner.lifecycle import Bound, Signals, allow_files, serve
from captioner.rpc import convert
from captioner.rpc.client import CaptionerClient
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.status import from_rpc_error

TIMEOUT = 10.0  # seconds: when a test has failed


class Process:
    """A service that is being served, as `captioner serve` does it."""

    def __init__(self, service: EchoService | None = None, **settings: object) -> None:
        self.service = service or EchoService(
            settings_with(**{"http_listen": "127.0.0.1:0"} | settings)
        )
        self.signals = Signals()
        self._bound: asyncio.Future[Bound] = asyncio.get_running_loop().create_future()
        self.task = asyncio.create_task(
            serve(self.service, self.signals, started=self._bound.set_result)
        )

    async def welcome(self) -> Bound:
        await asyncio.wait((self.task, self._bound), return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            await self.task
        return self._bound.result()

    async def end(self) -> bool:
        async with asyncio.timeout(TIMEOUT):
            return await self.task


async def test_both_servers_are_up_when_clients_are_welcome() -> None:
    process = Process()
    bound = await process.welcome()
    async with CaptionerClient(f"127.0.0.1:{bound.grpc_port}") as client:
        assert (await client.info()).model == "echo"
    async with httpx.AsyncClient() as client_of_http:
        response = await client_of_http.get(f"http://127.0.0.1:{bound.http_port}/readyz")
        assert response.status_code == 200
    process.signals.receive()
    assert await process.end() is True


async def test_http_can_be_left_out() -> None:
    process = Process(http_listen="")
    assert (await process.welcome()).http_port is None
    process.signals.receive()
    assert await process.end() is True


async def test_the_first_signal_drains_every_stream_to_its_final() -> None:
    process = Process()
    bound = await process.welcome()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc_port}") as channel:
        call = RawCall(channel)
        await call.configure()
        await call.send(audio=pb.AudioChunk(data=spoken(1, 2)))
        await process.service.heard.wait()
        process.signals.receive()
        responses: list[pb.StreamCaptionsResponse] = []
        assert (await call.failure(responses)).code() is grpc.StatusCode.UNAVAILABLE
    assert await process.end() is True
    kinds = [response.WhichOneof("response") for response in responses]
    assert "reconnect" in kinds
    assert [it.caption.text for it in responses if it.caption.final] == ["m1 m2"]


async def test_while_it_drains_the_port_is_open_and_refuses() -> None:
    process = Process(drain_delay=0.5)
    bound = await process.welcome()
    async with (
        CaptionerClient(f"127.0.0.1:{bound.grpc_port}") as client,
        grpc.aio.insecure_channel(f"127.0.0.1:{bound.grpc_port}") as channel,
        httpx.AsyncClient() as client_of_http,
    ):
        assert (await client.info()).capacity.draining is False
        process.signals.receive()
        await process.service.drained.wait()
        assert await client.health() is False
        ready = await client_of_http.get(f"http://127.0.0.1:{bound.http_port}/readyz")
        assert ready.status_code == 503
        call = RawCall(channel)
        await call.send(config=convert.stream_config(live_config()))
        refusal = from_rpc_error(await call.failure())
        assert isinstance(refusal, Unavailable)
        assert refusal.retry_after == 2.0
    assert await process.end() is True


async def test_readers_of_rooms_get_what_there_is_and_end_with_the_process() -> None:
    process = Process()
    bound = await process.welcome()
    await process.service.rooms.publish([Person().final(1, "un")])
    address = f"http://127.0.0.1:{bound.http_port}/v1/rooms/{ROOM}/captions"
    async with (
        httpx.AsyncClient(timeout=TIMEOUT) as client,
        client.stream("GET", address) as response,
    ):
        lines = response.aiter_lines()
        while not (await anext(lines)).startswith("event: caught_up"):
            pass
        process.signals.receive()
        rest = [line async for line in lines]
    assert not [line for line in rest if line.startswith("event:")]
    assert await process.end() is True


async def test_readers_do_not_keep_a_process_that_is_told_to_stop_at_once() -> None:
    process = Process(Endless(settings_with(http_listen="127.0.0.1:0", drain_timeout=600)))
    bound = await process.welcome()
    address = f"http://127.0.0.1:{bound.http_port}/v1/rooms/{ROOM}/captions"
    async with (
        httpx.AsyncClient(timeout=TIMEOUT) as client,
        client.stream("GET", address) as response,
    ):
        await anext(response.aiter_lines())
        process.signals.receive()
        await process.service.drained.wait()
        process.signals.receive()
        assert await process.end() is False


def test_a_process_may_have_as_many_connections_as_its_limit_allows() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] - 1, before[1]))
        allow_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Endless(EchoService):
    """A service whose drain does not come to an end."""

    async def drain(self) -> None:
        await super().drain()
        await asyncio.Event().wait()


async def test_a_drain_that_takes_too_long_is_cut_off() -> None:
    process = Process(Endless(settings_with(drain_timeout=0.1)))
    await process.welcome()
    process.signals.receive()
    assert await process.end() is True


async def test_the_second_signal_does_not_wait() -> None:
    process = Process(Endless(settings_with(drain_timeout=600)))
    await process.welcome()
    process.signals.receive()
    await process.service.drained.wait()
    process.signals.receive()
    assert await process.end() is False
    assert process.service.ready is False


async def test_a_port_in_use_is_told_before_the_model_is_loaded() -> None:
    first = Process()
    bound = await first.welcome()
    for port, second in (
        (bound.grpc_port, Process(listen=f"127.0.0.1:{bound.grpc_port}")),
        (bound.http_port, Process(http_listen=f"127.0.0.1:{bound.http_port}")),
    ):
        with pytest.raises(ConfigError, match=str(port)):
            await second.end()
        assert second.service.ready is False
    first.signals.receive()
    await first.end()


async def test_a_token_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none"):
        await Process(token_file=tmp_path / "none").end()


class Broken(EchoService):
    """A service whose model cannot be loaded."""

    async def __aenter__(self) -> Self:
        raise ModelError("model.bin is missing")


async def test_a_model_that_cannot_be_loaded_ends_the_process() -> None:
    with pytest.raises(ModelError, match=r"model\.bin"):
        await Process(Broken()).end()


async def test_signals_of_the_process_are_received_while_they_are_installed() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signals = Signals()
    with signals.installed():
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(TIMEOUT):
            await signals.first.wait()
        assert not signals.second.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(TIMEOUT):
            await signals.second.wait()
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_defaults_listen_on_loopback_only() -> None:
    settings = Settings()
    assert settings.listen.startswith("127.0.0.1:")
    assert settings.http_listen.startswith("127.0.0.1:")
