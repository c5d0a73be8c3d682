"""Peers that do not do their part: over raw sockets, because no client library behaves so badly."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from room_fakes import ROOM, Person
from rpc_fakes import spoken
from web_calls import TIMEOUT, Front, eventually, followers, following, served
from websockets.asyncio.client import connect

from captioner.web import server as web_server
from captioner.web.connections import Patience, limit_kernel

SHORT = Patience(request=0.2, reading=0.2, waiting=4096)
CLAIRE = Person("s1")
LONG = "mot " * 500  # a caption of 2 kB


@asynccontextmanager
async def raw(front: Front, *, buffer: int = 0) -> AsyncIterator[socket.socket]:
    """A connection; with a small `buffer` the kernel takes little on behalf of its reader."""
    with socket.socket() as connection:
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", front.port))
        yield connection


async def say(connection: socket.socket, text: str) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, text.encode())


async def everything(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    data = b""
    async with asyncio.timeout(TIMEOUT):
        with contextlib.suppress(ConnectionResetError):
            while piece := await asyncio.get_running_loop().sock_recv(connection, 65_536):
                data += piece
    return data


def is_closed(connection: socket.socket) -> bool:
    """Whether the kernel says so: the state TCP_CLOSE."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) == b"\x07"


def request(path: str, *headers: str) -> str:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""])


# --- Readers


async def test_a_reader_that_never_reads_is_cut_off_and_fifty_others_miss_nothing() -> None:
    async with served(patience=SHORT) as front, front.client() as client:
        heard = asyncio.Condition()
        latest = dict.fromkeys(range(50), 0)

        async def read(number: int) -> list[int]:
            seen: list[int] = []
            async with following(client) as source:
                async for event in source:
                    if event.type == "caption" and event.data["final"]:
                        seen.append(int(event.data["id"].removeprefix("s1-")))
                        async with heard:
                            latest[number] = seen[-1]
                            heard.notify_all()
            return seen

        published = 0
        async with raw(front, buffer=4096) as stalled, asyncio.timeout(TIMEOUT):
            await say(stalled, request(f"/v1/rooms/{ROOM}/captions"))
            readers = [asyncio.create_task(read(number)) for number in range(50)]
            await eventually(lambda: followers(front.service) == 51)
            while followers(front.service) == 51:
                published += 1
                await front.service.rooms.publish([CLAIRE.final(published, LONG)])
                async with heard:
                    while min(latest.values()) < published:
                        await heard.wait()
        await front.service.rooms.end(ROOM)
        expected = list(range(1, published + 1))
        assert [await reader for reader in readers] == [expected] * 50
    assert published * len(LONG) < 1_000_000  # what waited for it was bounded


async def test_a_slow_reader_misses_interims_and_no_final() -> None:
    patience = Patience(waiting=4096)
    async with served(patience=patience) as front, raw(front, buffer=4096) as slow:
        await say(slow, request(f"/v1/rooms/{ROOM}/captions", "Connection: close"))
        await eventually(lambda: followers(front.service) == 1)
        for number in range(1, 101):
            for revision in range(1, 11):
                await front.service.rooms.publish([CLAIRE.interim(number, LONG, revision)])
                await asyncio.sleep(0)
            await front.service.rooms.publish([CLAIRE.final(number, f"mot{number}")])
        await front.service.rooms.end(ROOM)
        lines = (await everything(slow)).decode().splitlines()
    data = [json.loads(line.removeprefix("data: ")) for line in lines if '"revision"' in line]
    finals = [caption["text"] for caption in data if caption["final"]]
    assert finals == [f"mot{number}" for number in range(1, 101)]
    assert sum(not caption["final"] for caption in data) < 900
    assert "event: ended" in lines


async def test_a_file_that_nobody_reads_is_given_up() -> None:
    async with served(patience=SHORT) as front, raw(front, buffer=4096) as connection:
        finals = [CLAIRE.final(number, LONG) for number in range(1, 100)]
        await front.service.rooms.publish(finals)
        await say(connection, request(f"/v1/rooms/{ROOM}/transcript.txt"))
        await eventually(lambda: is_closed(connection))


async def test_a_websocket_that_nobody_reads_is_given_up_and_its_session_stays() -> None:
    async with served(patience=SHORT) as front, raw(front, buffer=4096) as connection:
        await say(
            connection,
            request(
                "/v1/live",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            ),
        )
        form = {"encoding": "linear16", "sample_rate": 16_000}
        config = {"room": "r", "track": "t", "format": form, "speaker_name": "Claire " * 10}
        loop = asyncio.get_running_loop()
        assert (await loop.sock_recv(connection, 4096)).startswith(b"HTTP/1.1 101 ")
        await loop.sock_sendall(connection, frame(1, json.dumps(config).encode()))
        await eventually(lambda: bool(front.service.opened))
        [session] = front.service.opened
        front.service.text = "mot" * 100
        async with asyncio.timeout(TIMEOUT):
            with contextlib.suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(connection, frame(2, spoken(1, 2, 3, 0)))
            await session.detached.wait()


async def test_a_websocket_lasts_longer_than_a_request_may_take() -> None:
    async with served(patience=SHORT) as front, connect(front.ws) as socket_:
        async with raw(front) as idle:
            await everything(idle)
        form = {"encoding": "linear16", "sample_rate": 16_000}
        await socket_.send(json.dumps({"room": "r", "track": "t", "format": form}))
        assert json.loads(await socket_.recv())["type"] == "started"


def frame(opcode: int, payload: bytes) -> bytes:
    """A masked frame, as clients send them; the mask is all zeros."""
    length = len(payload).to_bytes(2, "big")
    assert 125 < len(payload) < 65_536
    return bytes([0x80 | opcode, 0x80 | 126]) + length + bytes(4) + payload


# --- Writers


async def test_a_connection_that_asks_for_nothing_is_closed() -> None:
    async with served(patience=SHORT) as front, raw(front) as connection:
        assert await everything(connection) == b""


async def test_a_request_that_does_not_come_to_its_end_is_given_up() -> None:
    async with served(patience=SHORT) as front, raw(front) as connection:
        await say(connection, "GET /livez HTTP/1.1\r\nHost: localhost\r\n")
        assert await everything(connection) == b""


async def test_the_second_request_of_a_connection_has_no_longer_time_than_the_first() -> None:
    async with served(patience=SHORT) as front, raw(front) as connection:
        await say(connection, request("/livez"))
        loop = asyncio.get_running_loop()
        assert (await loop.sock_recv(connection, 65_536)).endswith(b"alive\n")
        await say(connection, "GET /livez HTTP/1.1\r\nHost: local")
        assert await everything(connection) == b""


async def test_a_long_answer_takes_as_long_as_it_takes() -> None:
    async with (
        served(patience=SHORT) as front,
        front.client() as client,
        following(client) as source,
    ):
        await source.until("caught_up")
        async with raw(front) as idle:
            await everything(idle)  # longer than a request may take
        await front.service.rooms.publish([CLAIRE.final(1, "encore là")])
        assert await source.text() == "encore là"


@pytest.mark.parametrize(
    ("size", "status"), [(16_000, b"200"), (16_400, b"431"), (900_000, b"400")]
)
async def test_headers_have_a_limit(size: int, status: bytes) -> None:
    async with served() as front, raw(front) as connection:
        headers = [f"X-Padding: {'x' * size}", "Connection: close"]
        with contextlib.suppress(ConnectionError):  # it does not listen to the end
            await say(connection, request("/livez", *headers))
        assert (await everything(connection)).split()[1] == status


async def test_what_is_not_http_is_refused() -> None:
    async with served() as front, raw(front) as connection:
        await say(connection, "\x16\x03\x01\r\n\r\n")
        assert (await everything(connection)).startswith(b"HTTP/1.1 400 ")


async def test_there_is_a_limit_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "SPARE_CONNECTIONS", 1)
    async with served(max_followers=1, max_sessions=1) as front:
        async with raw(front), raw(front), raw(front) as one_more:
            await say(one_more, request("/livez"))
            assert (await everything(one_more)).startswith(b"HTTP/1.1 503 ")
        async with front.client() as client:
            assert (await client.get("/livez")).status_code == 200


# --- The kernel


def test_the_kernel_keeps_little_for_slow_readers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        limit_kernel(listener, SHORT)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                low = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
                patience = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert (low, patience) == (4096, 400)


def test_sockets_of_files_have_no_such_limits() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        limit_kernel(listener, SHORT)
