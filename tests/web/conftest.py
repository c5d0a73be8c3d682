"""A served front door, and a client of it, for the tests of HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from rpc_fakes import EchoService
from web_calls import Front, served


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    async with served() as front:
        yield front


@pytest_asyncio.fixture
async def client(front: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with front.client() as client:
        yield client


@pytest_asyncio.fixture
async def service(front: Front) -> EchoService:
    return front.service
