"""Hubs of every kind, among them one over a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias

import pytest
import pytest_asyncio
from redis_fakes import RedisServer

from captioner.clock import ManualClock
from captioner.metrics import Metrics
from captioner.rooms.hub import RoomHub
from captioner.rooms.memory import MemoryHub
from captioner.rooms.redis import RedisHub
from captioner.rooms.room import RoomLimits

HubMaker: TypeAlias = Callable[..., RoomHub]


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """An empty one."""
    shared_redis.run("flushall")
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
