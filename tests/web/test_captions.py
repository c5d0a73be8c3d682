"""The captions of a room as server-sent events, over real connections."""

from __future__ import annotations

import httpx
import pytest
from room_fakes import ROOM, Person
from rpc_fakes import DIGEST, EchoService
from web_calls import EventSource, Front, eventually, followers, following, served

import captioner
from captioner.rooms.position import Position
from captioner.web import captions

CLAIRE = Person("s1")


# --- What is told


async def test_first_comes_what_produces_the_captions(client: httpx.AsyncClient) -> None:
    async with following(client) as source:
        started = await anext(source)
    assert started.type == "started"
    assert started.id is None
    assert started.data == {
        "machine_generated": True,
        "model": "echo",
        "digest": DIGEST,
        "version": captioner.__version__,
        "room": ROOM,
    }
    assert source.retry == 2000


async def test_then_the_history_then_what_comes(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.interim(2, "de")])
    async with following(client) as source:
        events = await source.take(4)
        assert [event.type for event in events] == ["started", "caption", "caption", "caught_up"]
        assert [event.data["text"] for event in events[1:3]] == ["un", "de"]
        assert [event.data["final"] for event in events[1:3]] == [True, False]
        await service.rooms.publish([CLAIRE.final(2, "deux")])
        assert await source.text() == "deux"


async def test_a_caption_says_who_spoke_what_when(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(3, "bonjour à tous")])
    async with following(client) as source:
        _, said = await source.take(2)
    assert said.data == {
        "id": "s1-3",
        "revision": 99,
        "track": "piste-s1",
        "speaker": "Claire Dubois",
        "speaker_id": "s1",
        "start": 3.0,
        "end": 6.0,
        "wall": "1970-01-01T00:16:43.000Z",
        "text": "bonjour à tous",
        "committed": 14,
        "final": True,
        "language": "fr",
    }


async def test_only_what_is_not_sent_again_has_a_position(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1), CLAIRE.interim(2)])
    async with following(client) as source:
        started, final, interim, caught_up = await source.take(4)
    assert (started.id, interim.id) == (None, None)
    assert final.id is not None
    assert Position.parse(final.id).sequence == 1
    assert caught_up.id == final.id


async def test_an_interim_whose_session_goes_away_is_taken_back(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.joins(), CLAIRE.interim(1)])
    async with following(client) as source:
        await source.until("caught_up")
        await service.rooms.publish([CLAIRE.leaves()])
        retracted = await anext(source)
    assert (retracted.type, retracted.data) == ("retracted", {"id": "s1-1"})


async def test_the_end_of_the_room_ends_the_response(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1)])
    async with following(client) as source:
        await source.until("caught_up")
        await service.rooms.end(ROOM)
        assert [event.type async for event in source] == ["ended"]


async def test_a_room_in_which_nobody_spoke_is_waited_for(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    async with following(client) as source:
        assert [event.type for event in await source.take(2)] == ["started", "caught_up"]
        await service.rooms.publish([CLAIRE.final(1, "enfin")])
        assert await source.text() == "enfin"


async def test_readers_are_told_that_a_room_was_deleted(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.joins(), CLAIRE.final(1)])
    async with following(client) as source:
        await source.until("caught_up")
        await service.rooms.delete(ROOM)
        reset = await anext(source)
    assert (reset.type, reset.data) == ("reset", {"reason": "epoch"})


async def test_when_nothing_happens_a_heartbeat_says_that_the_connection_lives(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "HEARTBEAT_PERIOD", 0.01)
    async with following(client) as source:
        await source.until("caught_up")
        for _ in range(3):
            await source.heartbeat()


async def test_a_replica_that_goes_away_ends_the_response_without_an_end_of_the_room(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1)])
    async with following(client) as source:
        await source.until("caught_up")
        await service.drain()
        assert [event async for event in source] == []


async def test_what_was_said_before_the_replica_went_away_is_still_told(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    async with following(client) as source:
        await source.until("caught_up")
        await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
        service.rooms.dismiss()
        assert [event.data["text"] async for event in source] == ["un", "deux"]


async def test_nothing_may_hold_the_stream_back_or_keep_it(client: httpx.AsyncClient) -> None:
    async with following(client) as source:
        headers = source.response.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in headers
    assert headers["transfer-encoding"] == "chunked"


async def test_head_answers_without_a_stream(client: httpx.AsyncClient) -> None:
    response = await client.head(f"/v1/rooms/{ROOM}/captions")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")


async def test_a_reader_that_goes_away_is_no_follower_any_more(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    async with following(client) as source:
        await source.until("caught_up")
        assert followers(service) == 1
    await eventually(lambda: not followers(service))


async def test_a_room_may_have_any_name(service: EchoService, client: httpx.AsyncClient) -> None:
    for room in ("conseil/été ?#", "a/captions", "."):
        await service.rooms.publish([Person("s1", room=room).final(1, "ici")])
        async with following(client, quoted(room)) as source:
            assert (await anext(source)).data["room"] == room
            assert await source.text() == "ici"


def quoted(room: str) -> str:
    return "".join(f"%{byte:02X}" for byte in room.encode())


# --- Going on


async def positions(source: EventSource, count: int) -> list[str]:
    events = [event for event in await source.until("caught_up") if event.id]
    return [event.id or "" for event in events[:count]]


@pytest.mark.parametrize("by", ["header", "query"])
async def test_a_reader_goes_on_after_its_position(
    service: EchoService, client: httpx.AsyncClient, by: str
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
    async with following(client) as source:
        first, _ = await positions(source, 2)
    headers = {"last-event-id": first} if by == "header" else {}
    query = {} if by == "header" else {"after": first}
    async with following(client, headers=headers, **query) as source:
        events = await source.until("caught_up")
    assert [event.data.get("text") for event in events] == [None, "deux", None]


async def test_the_header_goes_before_the_address_which_a_browser_sends_again(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
    async with following(client) as source:
        first, second = await positions(source, 2)
    async with following(client, headers={"last-event-id": second}, after=first) as source:
        events = await source.until("caught_up")
    assert [event.type for event in events] == ["started", "caught_up"]


async def test_a_position_of_another_epoch_is_told_to_start_afresh(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un")])
    async with following(client, after="abc-7") as source:
        started, reset, said = await source.take(3)
    assert (started.type, reset.type, said.type) == ("started", "reset", "caption")
    assert reset.data == {"reason": "epoch"}


async def test_a_position_older_than_the_history_is_told_to_start_afresh() -> None:
    async with served(room_history_size=10) as front, front.client() as client:
        await front.service.rooms.publish([CLAIRE.final(1, "un")])
        async with following(client) as source:
            [first] = await positions(source, 1)
        await front.service.rooms.publish([CLAIRE.final(n) for n in range(2, 14)])
        async with following(client, after=first) as source:
            _, reset, said = await source.take(3)
    assert (reset.type, reset.data) == ("reset", {"reason": "truncated"})
    assert said.data["id"] == "s1-4"


@pytest.mark.parametrize(
    ("history", "texts"),
    [("none", []), ("0", []), ("2", ["2", "3"]), ("3", ["1", "2", "3"]), ("9", ["1", "2", "3"])],
)
async def test_a_newcomer_may_want_little_history(
    service: EchoService, client: httpx.AsyncClient, history: str, texts: list[str]
) -> None:
    await service.rooms.publish([CLAIRE.final(n, str(n)) for n in (1, 2, 3)])
    async with following(client, history=history) as source:
        events = await source.until("caught_up")
        assert [event.data["text"] for event in events[1:-1]] == texts
        await service.rooms.publish([CLAIRE.final(4, "4")])
        assert await source.text() == "4"


async def test_who_skipped_the_history_knows_from_where_to_go_on(
    service: EchoService, client: httpx.AsyncClient
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un")])
    async with following(client, history="none") as source:
        [position] = await positions(source, 1)
    await service.rooms.publish([CLAIRE.final(2, "deux")])
    async with following(client, headers={"last-event-id": position}, history="none") as source:
        assert await source.text() == "deux"


async def test_the_history_of_a_room_that_is_not_there_is_short(
    client: httpx.AsyncClient,
) -> None:
    async with following(client, history="5") as source:
        assert [event.type for event in await source.take(2)] == ["started", "caught_up"]


# --- Many readers


async def test_all_readers_get_the_same(service: EchoService, client: httpx.AsyncClient) -> None:
    async def read(source: EventSource) -> list[str]:
        return [event.data["text"] async for event in source if event.type == "caption"]

    async with following(client) as first, following(client) as second:
        await first.until("caught_up")
        await second.until("caught_up")
        for number in range(1, 30):
            await service.rooms.publish([CLAIRE.final(number, f"mot{number}")])
        await service.rooms.end(ROOM)
        expected = [f"mot{number}" for number in range(1, 30)]
        assert await read(first) == await read(second) == expected


# --- Refusals


@pytest.mark.parametrize(
    ("room", "query", "field"),
    [
        ("x" * 129, {}, "room"),
        (ROOM, {"after": "hier"}, "after"),
        (ROOM, {"history": "some"}, "history"),
        (ROOM, {"history": "-1"}, "history"),
        (ROOM, {"history": "1" * 10}, "history"),
    ],
)
async def test_what_is_malformed_is_named(
    client: httpx.AsyncClient, room: str, query: dict[str, str], field: str
) -> None:
    response = await client.get(f"/v1/rooms/{room}/captions", params=query)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "INVALID_REQUEST"
    assert [error["field"] for error in response.json()["errors"]] == [field]


async def test_a_position_in_the_header_is_checked_too(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/v1/rooms/{ROOM}/captions", headers={"last-event-id": "hier"})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Last-Event-ID"


async def test_an_address_that_is_not_utf_8_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/rooms/%FF/captions")
    assert response.status_code == 400
    assert "UTF-8" in response.json()["detail"]


async def test_a_room_has_a_limit_of_readers() -> None:
    async with served(max_room_followers=1) as front, front.client() as client:
        async with following(client) as source:
            await anext(source)
            refused = await client.get(f"/v1/rooms/{ROOM}/captions")
            async with following(client, "autre") as other:
                assert (await anext(other)).type == "started"
        await eventually(lambda: not followers(front.service))
        async with following(client) as source:
            assert (await anext(source)).type == "started"
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert refused.json()["code"] == "RESOURCE_EXHAUSTED"
    assert "1 readers follow this room" in refused.json()["detail"]


async def test_all_rooms_together_have_a_limit_of_readers() -> None:
    async with (
        served(max_followers=1) as front,
        front.client() as client,
        following(client) as source,
    ):
        await anext(source)
        refused = await client.get("/v1/rooms/autre/captions")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"


async def test_a_service_that_is_not_ready_takes_no_readers(
    front: Front, client: httpx.AsyncClient
) -> None:
    front.service.ready = False
    refused = await client.get(f"/v1/rooms/{ROOM}/captions")
    assert refused.status_code == 503
    assert refused.json()["code"] == "UNAVAILABLE"
    assert refused.headers["retry-after"] == "2"
