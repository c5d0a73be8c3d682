"""The endpoints of rooms, over real connections."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from room_fakes import ROOM, Person
from rpc_fakes import EchoService
from web_calls import following

CLAIRE = Person("s1")


async def test_no_room_is_an_empty_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/rooms")).json() == {"rooms": []}


async def test_rooms_are_listed_with_who_is_there_and_talks(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.is_there(talking=True), CLAIRE.final(1)])
    await service.rooms.publish([Person("s2", room="autre").joins()])
    response = await client.get("/v1/rooms")
    assert response.headers["content-type"] == "application/json"
    other, room = response.json()["rooms"]
    assert (other["room"], other["talking"]) == ("autre", [])
    assert room["room"] == ROOM
    assert room["speakers"] == room["talking"] == ["Claire Dubois"]
    assert (room["captions"], room["ended"]) == (1, None)
    assert room["since"].endswith("Z")


# --- Transcripts


@pytest.mark.parametrize(
    ("format_", "media_type", "beginning"),
    [
        ("vtt", "text/vtt", "WEBVTT"),
        ("srt", "application/x-subrip", "1\n"),
        ("ttml", "application/ttml+xml", "<?xml"),
        ("txt", "text/plain", ""),
        ("json", "application/json", "{"),
    ],
)
async def test_what_was_said_comes_as_a_file(
    service: EchoService, client: httpx.AsyncClient, format_: str, media_type: str, beginning: str
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "Bonjour à tous.")])
    response = await client.get(f"/v1/rooms/{ROOM}/transcript.{format_}")
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.headers["content-disposition"].startswith(f'attachment; filename="{ROOM}-')
    assert response.headers["cache-control"] == "no-store"
    assert response.text.startswith(beginning)
    assert "Bonjour à tous." in response.text
    assert int(response.headers["content-length"]) == len(response.content)


async def test_the_layout_can_be_chosen(service: EchoService, client: httpx.AsyncClient) -> None:
    await service.rooms.publish([CLAIRE.final(1, "des mots assez courts " * 4)])
    texts = {
        profile: (await client.get(f"/v1/rooms/{ROOM}/transcript.srt?profile={profile}")).text
        for profile in ("web", "arcom", "live")
    }
    default = (await client.get(f"/v1/rooms/{ROOM}/transcript.srt")).text
    assert default == texts["web"]
    assert len(set(texts.values())) == 3


async def test_a_transcript_of_a_room_without_words_is_an_empty_file(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.joins()])
    response = await client.get(f"/v1/rooms/{ROOM}/transcript.vtt")
    assert response.status_code == 200
    assert "-->" not in response.text


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        (f"/v1/rooms/{ROOM}/transcript.doc", 400, "format"),
        (f"/v1/rooms/{ROOM}/transcript.vtt?profile=cinema", 400, "profile"),
        (f"/v1/rooms/{'x' * 129}/transcript.vtt", 400, "room"),
        ("/v1/rooms/autre/transcript.vtt", 404, None),
    ],
)
async def test_what_cannot_be_had_as_a_file_is_told(
    service: EchoService, client: httpx.AsyncClient, path: str, status: int, field: str | None
) -> None:
    await service.rooms.publish([CLAIRE.final(1)])
    response = await client.get(path)
    assert response.status_code == status
    assert [it["field"] for it in response.json().get("errors", [])] == ([field] if field else [])


async def test_who_asks_for_what_others_asked_for_gets_the_same(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un")])
    path = f"/v1/rooms/{ROOM}/transcript.txt"
    answers = await asyncio.gather(*(client.get(path) for _ in range(5)))
    assert {answer.text for answer in answers} == {answers[0].text}
    await service.rooms.publish([CLAIRE.final(2, "deux")])
    assert "deux" in (await client.get(path)).text
    await service.rooms.delete(ROOM)
    assert "deux" not in (await client.get(path)).text


# --- The end


async def test_a_room_is_ended_once(service: EchoService, client: httpx.AsyncClient) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un")])
    async with following(client) as source:
        await source.until("caught_up")
        assert (await client.post(f"/v1/rooms/{ROOM}/end")).status_code == 204
        assert (await anext(source)).type == "ended"
    again = await client.post(f"/v1/rooms/{ROOM}/end")
    assert again.status_code == 404
    assert "ended already" in again.json()["detail"]
    assert "un" in (await client.get(f"/v1/rooms/{ROOM}/transcript.txt")).text


async def test_a_room_is_deleted_with_all_that_was_said(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un")])
    assert (await client.delete(f"/v1/rooms/{ROOM}")).status_code == 204
    file = await client.get(f"/v1/rooms/{ROOM}/transcript.txt")
    assert "un\n" not in file.text
    unknown = await client.delete("/v1/rooms/autre")
    assert unknown.status_code == 404
    assert unknown.json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/end")])
async def test_an_ill_formed_name_is_told(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, f"/v1/rooms/{'x' * 129}{path}")
    assert response.status_code == 400
    assert response.json()["detail"] == "room has 129 characters, expected 1 to 128"
