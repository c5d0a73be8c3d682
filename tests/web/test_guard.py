"""What every request passes through, on a server with a page of another site before it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from rpc_fakes import EchoService, settings_with
from web_calls import Front, following, served
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from captioner.errors import ModelError
from captioner.rooms.captions import RoomStatus
from captioner.rooms.memory import MemoryHub
from captioner.web.application import application
from captioner.web.guard import MAX_TARGET

VISIO = "https://visio.example.org"
EVIL = "https://evil.example.org"


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    async with served(allowed_origins=VISIO) as front:
        yield front


# --- Origins


async def test_a_page_of_an_allowed_site_may_read_answers(client: httpx.AsyncClient) -> None:
    async with following(client, headers={"origin": VISIO}) as source:
        headers = source.response.headers
        assert (await anext(source)).type == "started"
    assert headers["access-control-allow-origin"] == VISIO
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["vary"] == "Origin"
    assert "retry-after" in headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", [EVIL, "null"])
async def test_a_page_of_another_site_is_refused(
    client: httpx.AsyncClient, service: EchoService, origin: str
) -> None:
    for method, path in (
        ("GET", "/v1/rooms"),
        ("GET", "/v1/rooms/salle/captions"),
        ("DELETE", "/v1/rooms/salle"),
        ("OPTIONS", "/v1/rooms/salle"),
        ("POST", "/v1/login"),
        ("GET", "/metrics"),
    ):
        response = await client.request(method, path, headers={"origin": origin})
        assert response.status_code == 403
        assert "allowed_origins" in response.json()["detail"]
        assert "access-control-allow-origin" not in response.headers


async def test_the_servers_own_pages_need_no_permission(
    front: Front, client: httpx.AsyncClient
) -> None:
    response = await client.get("/v1/rooms", headers={"origin": front.url})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


async def test_an_error_can_be_read_by_an_allowed_page_too(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/rooms/salle/transcript.vtt", headers={"origin": VISIO})
    assert response.status_code == 404
    assert response.headers["access-control-allow-origin"] == VISIO


async def test_a_preflight_says_what_is_allowed(client: httpx.AsyncClient) -> None:
    response = await client.options(
        "/v1/rooms/salle",
        headers={
            "origin": VISIO,
            "access-control-request-method": "DELETE",
            "access-control-request-headers": "authorization",
        },
    )
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == VISIO
    assert response.headers["access-control-allow-methods"] == "DELETE, OPTIONS"
    assert "authorization" in response.headers["access-control-allow-headers"]
    assert response.headers["access-control-max-age"] == "600"


async def test_where_every_site_may_none_may_bring_cookies() -> None:
    async with served(allowed_origins="*") as front, front.client() as client:
        response = await client.get("/v1/rooms", headers={"origin": EVIL})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


async def test_a_websocket_of_a_page_of_another_site_is_not_opened(front: Front) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(front.ws, origin=EVIL)  # type: ignore[arg-type]
    response = refused.value.response
    assert response.status_code == 403
    assert json.loads(response.body)["code"] == "PERMISSION_DENIED"
    async with connect(front.ws, origin=VISIO):  # type: ignore[arg-type]
        pass
    async with connect(front.ws, origin=front.url):  # type: ignore[arg-type]
        pass


# --- Names of the machine


async def test_a_server_for_its_own_machine_answers_to_no_other_name(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/v1/rooms", "/metrics", "/nothing"):
        response = await client.get(path, headers={"host": "evil.example.org"})
        assert response.status_code == 403
        assert "localhost" in response.json()["detail"]
    assert (await client.get("/livez", headers={"host": "10.0.0.7"})).status_code == 200
    visio = await client.get("/v1/rooms", headers={"host": "visio.example.org"})
    assert visio.status_code == 200


async def test_a_server_that_everybody_may_use_answers_to_any_name() -> None:
    async with served(insecure=True) as front, front.client() as client:
        response = await client.get("/v1/rooms", headers={"host": "captions.example.org"})
        assert response.status_code == 200


# --- Addresses and methods


async def test_options_says_what_an_address_allows(client: httpx.AsyncClient) -> None:
    for path, allowed in (
        ("/v1/rooms", "GET, HEAD, OPTIONS"),
        ("/v1/rooms/salle/captions", "DELETE, GET, HEAD, OPTIONS"),
        ("/v1/login", "OPTIONS, POST"),
    ):
        response = await client.options(path)
        assert response.status_code == 204
        assert response.headers["allow"] == allowed


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
async def test_an_unknown_address_is_told(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/v2/rooms")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "NOT_FOUND",
        "detail": "there is nothing at this address: docs/http.md lists what there is",
    }


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/livez", {"GET", "HEAD"}), ("PUT", "/v1/rooms/salle", {"DELETE"})],
)
async def test_a_method_that_is_not_allowed_is_told_which_are(
    client: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == allowed
    assert response.json()["code"] == "METHOD_NOT_ALLOWED"


async def test_a_websocket_elsewhere_is_not_opened(front: Front) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(front.ws.replace("live", "rooms"))
    assert refused.value.response.status_code in {403, 404}


async def test_an_address_has_a_limit(client: httpx.AsyncClient) -> None:
    path = "/v1/rooms"
    room_left = MAX_TARGET - len(path) - len("q=")
    assert (await client.get(path, params={"q": "x" * room_left})).status_code == 200
    response = await client.get(path, params={"q": "x" * (room_left + 1)})
    assert response.status_code == 414
    assert f"{MAX_TARGET + 1} bytes" in response.json()["detail"]


# --- Headers


@pytest.mark.parametrize("path", ["/v1/rooms", "/nothing", "/livez", "/metrics"])
async def test_answers_say_what_browsers_may_do_with_them(
    client: httpx.AsyncClient, path: str
) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cache-control"] == "no-store"


# --- Faults


class Faulty(MemoryHub):
    """A hub with a fault that quotes what was said."""

    error: Exception = ValueError("bonjour à tous")

    async def rooms(self) -> tuple[RoomStatus, ...]:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("bonjour à tous"), ModelError("bonjour à tous")])
async def test_a_fault_of_ours_is_told_by_an_identifier_only(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    service = EchoService(settings_with(http_listen="127.0.0.1:0"))
    service.rooms.__class__ = Faulty
    service.rooms.error = error  # type: ignore[attr-defined]
    transport = httpx.ASGITransport(application(service))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/v1/rooms")
    assert response.status_code == 500
    assert response.json()["code"] == "INTERNAL"
    assert response.json()["detail"].startswith("internal error ")
    assert "bonjour" not in response.text
