"""Tokens as programs and browsers show them, on a server that asks for one."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from rpc_fakes import EchoService, settings_with
from web_calls import TOKEN, Front, following, served, token_file
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from captioner.authentication import TokenFile
from captioner.web import body
from captioner.web.access import COOKIE, MAX_LOGIN_BYTES
from captioner.web.application import application

BEARER = {"authorization": f"Bearer {TOKEN}"}
CONFIG = json.dumps(
    {"room": "r", "track": "t", "format": {"encoding": "linear16", "sample_rate": 16_000}}
)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return token_file(tmp_path)


@pytest_asyncio.fixture
async def front(tokens: TokenFile) -> AsyncIterator[Front]:
    async with served(tokens=tokens) as front:
        yield front


def encoded(token: str) -> str:
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


async def login(client: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    return await client.post("/v1/login", json={"token": token})


PATHS = [
    ("GET", "/v1/rooms"),
    ("GET", "/v1/rooms/salle/captions"),
    ("GET", "/v1/rooms/salle/transcript.vtt"),
    ("POST", "/v1/rooms/salle/end"),
    ("DELETE", "/v1/rooms/salle"),
    ("POST", "/v1/logout"),
    ("GET", "/v1/nothing"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_without_a_token_nothing_of_a_meeting_is_told(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_need_no_token(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 200


async def test_programs_send_a_header(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/rooms", headers=BEARER)).status_code == 200
    wrong = await client.get("/v1/rooms", headers={"authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    async with following(client, headers=BEARER) as source:
        assert (await anext(source)).type == "started"


async def test_browsers_log_in_and_have_a_cookie(client: httpx.AsyncClient) -> None:
    response = await login(client)
    assert response.status_code == 204
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "max-age" not in cookie
    assert "secure" not in cookie
    assert TOKEN not in cookie
    assert (await client.get("/v1/rooms")).status_code == 200
    async with following(client) as source:
        assert (await anext(source)).type == "started"


async def test_logging_out_takes_the_cookie_away(client: httpx.AsyncClient) -> None:
    await login(client)
    assert (await client.post("/v1/logout")).status_code == 204
    assert COOKIE not in client.cookies
    assert (await client.get("/v1/rooms")).status_code == 401


async def test_with_tls_the_cookie_never_goes_without(tokens: TokenFile) -> None:
    service = EchoService(settings_with(http_listen="127.0.0.1:0"))
    transport = httpx.ASGITransport(application(service, tokens=tokens))
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
        assert "secure" in (await login(client)).headers["set-cookie"].lower()


async def test_a_token_that_is_revoked_logs_its_browsers_out(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    await login(client)
    (tmp_path / "tokens").write_text("un-autre-jeton")
    assert (await client.get("/v1/rooms")).status_code == 401


async def test_a_wrong_token_gets_no_cookie(client: httpx.AsyncClient) -> None:
    response = await login(client, "wrong")
    assert response.status_code == 401
    assert "set-cookie" not in response.headers


async def test_a_cookie_that_cannot_be_read_is_no_token(client: httpx.AsyncClient) -> None:
    for cookie in ("%%%", "gA", encoded("wrong")):
        response = await client.get("/v1/rooms", headers={"cookie": f"{COOKIE}={cookie}"})
        assert response.status_code == 401


async def test_where_nobody_needs_a_token_logging_in_does_nothing() -> None:
    async with served() as front, front.client() as client:
        response = await login(client)
    assert response.status_code == 204
    assert "set-cookie" not in response.headers


async def test_a_token_in_the_address_is_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/rooms", params={"token": TOKEN})).status_code == 401


# --- What is not a login


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"{", "not JSON"), (b"[]", "no token"), (b"{}", "no token"), (b'{"token": 1}', "no token")],
)
async def test_a_body_that_is_no_login_says_what_one_is(
    client: httpx.AsyncClient, content: bytes, text: str
) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    response = await client.post("/v1/login", content=content, headers=headers)
    assert response.status_code == 400
    assert text in response.json()["detail"]
    assert '{"token": "..."}' in response.json()["detail"]


async def test_a_body_of_another_type_is_refused(client: httpx.AsyncClient) -> None:
    form = await client.post("/v1/login", data={"token": TOKEN})
    assert form.status_code == 415
    assert form.json()["code"] == "CONTENT_TYPE"
    assert "application/x-www-form-urlencoded, expected application/json" in form.json()["detail"]
    assert (await client.post("/v1/login", content=b"{}")).status_code == 415


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    large = b'{"token": "' + b"x" * MAX_LOGIN_BYTES + b'"}'
    announced = await client.post("/v1/login", content=large, headers=headers)
    assert announced.status_code == 413
    assert announced.json()["code"] == "TOO_LARGE"

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 1000):
            yield large[start : start + 1000]

    unannounced = await client.post("/v1/login", content=pieces(), headers=headers)
    assert unannounced.status_code == 413
    assert (await client.get("/livez")).status_code == 200


async def test_a_token_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    assert (await login(client, "x" * 4097)).status_code == 401


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "PATIENCE", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    writer.write(
        b"POST /v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\nConnection: close\r\n\r\n{"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    writer.close()


# --- WebSocket


async def first(socket: ClientConnection) -> dict[str, object]:
    await socket.send(CONFIG)
    message: dict[str, object] = json.loads(await socket.recv())
    return message


async def test_a_websocket_offers_its_token_as_a_subprotocol(front: Front) -> None:
    offered = [Subprotocol("captioner.v1"), Subprotocol(f"bearer.{encoded(TOKEN)}")]
    async with connect(front.ws, subprotocols=offered) as socket:
        assert socket.subprotocol == "captioner.v1"
        assert (await first(socket))["type"] == "started"


async def test_a_websocket_of_a_program_sends_a_header(front: Front) -> None:
    async with connect(front.ws, additional_headers=BEARER) as socket:
        assert socket.subprotocol is None
        assert (await first(socket))["type"] == "started"


async def test_a_websocket_of_a_page_brings_its_cookie(
    front: Front, client: httpx.AsyncClient
) -> None:
    await login(client)
    cookie = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    async with connect(front.ws, additional_headers=cookie) as socket:
        assert (await first(socket))["type"] == "started"


@pytest.mark.parametrize(
    "offered",
    [
        ["captioner.v1"],
        ["captioner.v1", f"bearer.{encoded('wrong')}"],
        ["captioner.v1", "bearer.x"],
    ],
)
async def test_a_websocket_without_a_valid_token_is_told_and_closed(
    front: Front, offered: list[str]
) -> None:
    protocols = [Subprotocol(name) for name in offered]
    async with connect(front.ws, subprotocols=protocols) as socket:
        message = json.loads(await socket.recv())
        await socket.wait_closed()
    assert (message["type"], message["code"]) == ("error", "UNAUTHENTICATED")
    assert socket.close_code == 1008
    assert not front.service.opened
