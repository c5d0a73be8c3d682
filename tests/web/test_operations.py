from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from rpc_fakes import EchoService

from captioner.authentication import TokenFile
from captioner.web.application import application


@pytest.fixture
def service() -> EchoService:
    return EchoService()


def http(service: EchoService, tokens: TokenFile | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application(service, tokens=tokens))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest.fixture
async def client(service: EchoService) -> AsyncIterator[httpx.AsyncClient]:
    async with http(service) as client:
        yield client


async def test_the_process_is_alive_before_it_is_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503


async def test_readiness_is_that_of_the_service(
    client: httpx.AsyncClient, service: EchoService
) -> None:
    async with service:
        assert (await client.get("/readyz")).status_code == 200
        await service.drain()
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/livez")).status_code == 200


async def test_a_process_whose_engine_cannot_be_replaced_asks_to_be_restarted(
    client: httpx.AsyncClient, service: EchoService
) -> None:
    service.alive = False
    assert (await client.get("/livez")).status_code == 503


async def test_metrics_are_in_the_text_format_of_prometheus(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert "captioner_sessions" in response.text


async def test_metrics_need_a_token_where_calls_do_and_probes_never_do(
    service: EchoService, tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    path.write_text("secret-token")
    async with http(service, TokenFile(path)) as client:
        assert (await client.get("/livez")).status_code == 200
        refused = await client.get("/metrics")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert "captioner_" not in refused.text
        wrong = await client.get("/metrics", headers={"authorization": "Bearer wrong"})
        assert wrong.status_code == 401
        right = await client.get("/metrics", headers={"authorization": "Bearer secret-token"})
        assert right.status_code == 200
        path.unlink()
        unknown = await client.get("/metrics", headers={"authorization": "Bearer secret-token"})
        assert unknown.status_code == 503


async def test_probes_may_come_by_any_name(client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/readyz"):
        response = await client.get(path, headers={"host": "10.0.0.7:8080"})
        assert response.status_code != 403
