"""A real server in the test's own process, and the program as a process of its own."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from cli_program import Program, Running, WriteWav
from rpc_fakes import EchoService, settings_with, spoken

from captioner.lifecycle import Server


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest_asyncio.fixture
async def running() -> AsyncIterator[Running]:
    service = EchoService(settings_with(listen="127.0.0.1:0", http_listen=""))
    server = Server(service)
    bound = await server.start()
    async with service:
        yield Running(service, server, f"127.0.0.1:{bound.grpc_port}")
        await server.stop(0)


@pytest.fixture
def write_wav(tmp_path: Path) -> WriteWav:
    def write(name: str, numbers: Sequence[int]) -> Path:
        path = tmp_path / name
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(spoken(*numbers))
        return path

    return write
