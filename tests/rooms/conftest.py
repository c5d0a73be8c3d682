"""Hubs of every kind, among them one over a real Redis."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from captioner.clock import ManualClock
from captioner.metrics import Metrics
from captioner.rooms.hub import RoomHub
from captioner.rooms.memory import MemoryHub
from captioner.rooms.redis import RedisHub
from captioner.rooms.room import RoomLimits

HubMaker: TypeAlias = Callable[..., RoomHub]

STARTS_WITHIN = 20.0  # seconds


@dataclass
class RedisServer:
    """A redis-server on a Unix socket, with its files beside it."""

    folder: Path
    persistent: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        persistence = ["--appendonly", "yes", "--appendfsync", "always"] if self.persistent else []
        address = ["--port", "0", "--unixsocket", str(self.folder / "redis.sock")]
        files = ["--dir", str(self.folder), "--save", "", "--logfile", "redis.log"]
        self.process = subprocess.Popen([program, *address, *files, *persistence])
        self._wait()

    def _wait(self) -> None:
        command = ["redis-cli", "-s", str(self.folder / "redis.sock"), "ping"]
        deadline = time.monotonic() + STARTS_WITHIN
        while subprocess.run(command, capture_output=True, check=False).stdout != b"PONG\n":
            assert time.monotonic() < deadline, (self.folder / "redis.log").read_text()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def forget(self) -> None:
        command = ["redis-cli", "-s", str(self.folder / "redis.sock"), "flushall"]
        subprocess.run(command, capture_output=True, check=True)


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """An empty one."""
    shared_redis.forget()
    return shared_redis


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000_000.0)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture(params=["memory", "redis"])
def make_hub(request: pytest.FixtureRequest, clock: ManualClock, metrics: Metrics) -> HubMaker:
    """Makes a hub with these limits; over Redis all hubs of a test share the rooms."""
    if request.param == "memory":
        return lambda **limits: MemoryHub(RoomLimits(**limits), clock, metrics)
    server: RedisServer = request.getfixturevalue("redis_server")
    return lambda **limits: RedisHub(server.url, RoomLimits(**limits), clock, metrics)


@pytest_asyncio.fixture
async def hub(make_hub: HubMaker) -> AsyncIterator[RoomHub]:
    async with make_hub() as hub:
        yield hub
