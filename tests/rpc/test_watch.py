"""WatchCaptions over a real channel: the server's half by hand, and the client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from room_fakes import ROOM, Person, Reader
from rpc_fakes import EchoService, settings_with

import captioner
from captioner.clock import SystemClock
from captioner.errors import InvalidRequest, ResourceExhausted, Unavailable
from captioner.metrics import Metrics
from captioner.rooms.captions import Delivered, ResetReason, Retracted
from captioner.rooms.follower import Follower
from captioner.rooms.memory import MemoryHub
from captioner.rooms.position import Position
from captioner.rooms.room import RoomLimits
from captioner.rpc import client_watch, watch
from captioner.rpc.client import CaptionerClient, Patience
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.generated.captioner.v1 import captioner_pb2_grpc
from captioner.rpc.server import RpcServer
from captioner.rpc.status import _find, _received_details

CLAIRE = Person("s1")


class WatchCall:
    """One WatchCaptions call without any help from our client."""

    def __init__(self, channel: grpc.aio.Channel, **request: Any) -> None:
        stub = captioner_pb2_grpc.CaptionerServiceStub(channel)
        self.call: Any = stub.WatchCaptions(pb.WatchCaptionsRequest(**{"room": ROOM} | request))

    async def next(self) -> tuple[str, Any]:
        """The kind of the next message, and what is in it."""
        response = await self.call.read()
        assert response is not grpc.aio.EOF
        kind = response.WhichOneof("response")
        return kind, getattr(response, kind)

    async def kinds(self, count: int) -> list[str]:
        return [(await self.next())[0] for _ in range(count)]

    async def ended_well(self) -> bool:
        return await self.call.read() is grpc.aio.EOF

    async def failure(self) -> grpc.aio.AioRpcError:
        try:
            while await self.call.read() is not grpc.aio.EOF:
                pass
        except grpc.aio.AioRpcError as failed:
            return failed
        pytest.fail("the call ended well")


@pytest_asyncio.fixture
async def call(channel: grpc.aio.Channel) -> AsyncIterator[WatchCall]:
    call = WatchCall(channel)
    yield call
    call.call.cancel()


# --- The call


async def test_first_comes_what_produces_the_captions(call: WatchCall) -> None:
    kind, started = await call.next()
    assert kind == "started"
    assert started.room == ROOM
    assert started.provenance.machine_generated
    assert started.provenance.model == "echo"
    assert started.provenance.service_version == captioner.__version__


async def test_then_the_history_then_what_comes(service: EchoService, call: WatchCall) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.interim(2, "de")])
    assert await call.kinds(2) == ["started", "caption"]
    kind, interim = await call.next()
    assert (kind, interim.caption.text, interim.caption.final) == ("caption", "de", False)
    assert await call.kinds(1) == ["caught_up"]
    await service.rooms.publish([CLAIRE.final(2, "deux")])
    _, final = await call.next()
    assert (final.caption.text, final.caption.final) == ("deux", True)


async def test_a_caption_says_who_spoke_and_when(service: EchoService, call: WatchCall) -> None:
    await service.rooms.publish([CLAIRE.final(3, "bonjour à tous")])
    await call.next()
    _, said = await call.next()
    assert (said.session_id, said.track) == ("s1", "piste-s1")
    assert (said.speaker_identity, said.speaker_name) == ("s1", "Claire Dubois")
    assert said.caption.start.ToMilliseconds() == 3000
    assert said.caption.start_time.ToMilliseconds() == 1_003_000
    assert said.caption.resume_token == ""
    assert not said.caption.words


async def test_words_have_times_when_that_is_asked_for(
    service: EchoService, channel: grpc.aio.Channel
) -> None:
    await service.rooms.publish([CLAIRE.final(3, "bonjour à tous")])
    call = WatchCall(channel, word_times=True)
    await call.next()
    _, said = await call.next()
    assert [word.text for word in said.caption.words] == ["bonjour", "à", "tous"]


async def test_a_call_goes_on_after_a_position(
    service: EchoService, channel: grpc.aio.Channel, call: WatchCall
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
    await call.next()
    _, first = await call.next()
    again = WatchCall(channel, after=first.position)
    await again.next()
    _, second = await again.next()
    assert second.caption.text == "deux"
    assert await again.kinds(1) == ["caught_up"]


async def test_a_position_that_is_not_the_rooms_starts_afresh(
    service: EchoService, channel: grpc.aio.Channel
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un")])
    call = WatchCall(channel, after="0123456789ab-7")
    assert await call.kinds(1) == ["started"]
    kind, reset = await call.next()
    assert (kind, reset.reason) == ("reset", pb.ROOM_RESET_REASON_EPOCH)
    assert await call.kinds(2) == ["caption", "caught_up"]


async def test_a_reader_may_want_no_interims(
    service: EchoService, channel: grpc.aio.Channel
) -> None:
    await service.rooms.publish([CLAIRE.interim(1, "u")])
    call = WatchCall(channel, disable_interim_results=True)
    assert await call.kinds(2) == ["started", "caught_up"]


async def test_an_interim_whose_session_goes_is_retracted(
    service: EchoService, call: WatchCall
) -> None:
    await service.rooms.publish([CLAIRE.interim(1, "u")])
    assert await call.kinds(3) == ["started", "caption", "caught_up"]
    await service.rooms.publish([CLAIRE.leaves()])
    kind, gone = await call.next()
    assert (kind, gone.session_id, gone.caption_id) == ("retraction", "s1", 1)


async def test_the_end_of_the_room_ends_the_call_well(
    service: EchoService, call: WatchCall
) -> None:
    await service.rooms.publish([CLAIRE.final(1, "un")])
    await service.rooms.end(ROOM)
    assert await call.kinds(4) == ["started", "caption", "caught_up", "ended"]
    assert await call.ended_well()


async def test_nothing_for_a_while_is_told(
    service: EchoService, call: WatchCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT", 0.01)
    assert await call.kinds(3) == ["started", "caught_up", "heartbeat"]
    await service.rooms.publish([CLAIRE.final(1, "un")])
    position = ""
    while not position:
        kind, message = await call.next()
        position = message.position if kind == "heartbeat" else ""
    assert position.endswith("-1")


async def test_a_drain_sends_readers_elsewhere_after_the_last_finals(
    service: EchoService, call: WatchCall
) -> None:
    assert await call.kinds(2) == ["started", "caught_up"]
    await service.rooms.publish([CLAIRE.final(1, "fin")])
    await service.drain()
    assert await call.kinds(1) == ["caption"]
    kind, reconnect = await call.next()
    assert kind == "reconnect"
    assert reconnect.delay.ToMilliseconds() == 1000
    assert (await call.failure()).code() is grpc.StatusCode.UNAVAILABLE


async def test_a_service_that_is_not_ready_takes_no_reader(
    service: EchoService, channel: grpc.aio.Channel
) -> None:
    service.ready = False
    failure = await WatchCall(channel).failure()
    assert failure.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("request_fields", "field"),
    [
        ({"room": ""}, "room"),
        ({"room": "x" * 129}, "room"),
        ({"after": "hier"}, "after"),
        ({"after": "abc-"}, "after"),
        ({"after": "abc-" + "9" * 17}, "after"),
        ({"after": "ABC-1\n"}, "after"),
    ],
)
async def test_a_bad_request_is_refused_with_the_field_that_is_wrong(
    channel: grpc.aio.Channel, request_fields: dict[str, str], field: str
) -> None:
    failure = await WatchCall(channel, **request_fields).failure()
    assert failure.code() is grpc.StatusCode.INVALID_ARGUMENT
    refused = _find(_received_details(failure), error_details_pb2.BadRequest)
    assert refused is not None
    assert [violation.field for violation in refused.field_violations] == [field]


async def test_a_room_may_have_128_characters(channel: grpc.aio.Channel) -> None:
    call = WatchCall(channel, room="é" * 128)
    assert await call.kinds(2) == ["started", "caught_up"]


async def test_beyond_so_many_readers_one_more_is_refused(
    service: EchoService, channel: grpc.aio.Channel
) -> None:
    service.rooms = MemoryHub(RoomLimits(max_followers=1), SystemClock(), Metrics())
    first = WatchCall(channel)
    assert await first.kinds(1) == ["started"]
    failure = await WatchCall(channel).failure()
    assert failure.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    quota = _find(_received_details(failure), error_details_pb2.QuotaFailure)
    assert quota is not None
    assert quota.violations[0].subject == "followers"


async def test_a_reader_that_leaves_makes_room(
    service: EchoService, channel: grpc.aio.Channel
) -> None:
    service.rooms = MemoryHub(RoomLimits(max_followers=1), SystemClock(), Metrics())
    first = WatchCall(channel)
    assert await first.kinds(1) == ["started"]
    first.call.cancel()
    while True:
        second = WatchCall(channel)
        with contextlib.suppress(grpc.aio.AioRpcError):
            assert await second.kinds(1) == ["started"]
            break


# --- A reader that does not read

LONG = "mot " * 400  # so much text in a caption that few of them fill what the transport holds


async def test_a_slow_reader_misses_interims_never_finals_and_slows_nobody(
    service: EchoService, channel: grpc.aio.Channel
) -> None:
    slow, quick = WatchCall(channel), WatchCall(channel)
    assert await slow.kinds(2) == await quick.kinds(2) == ["started", "caught_up"]
    for number in range(1, 101):
        for told in (*(CLAIRE.interim(number, LONG, at) for at in range(5)), CLAIRE.final(number)):
            await service.rooms.publish([told])
            _, said = await quick.next()
            assert said.caption.revision == told.said.caption.revision
    finals: list[int] = []
    interims = 0
    while len(finals) < 100:
        _, said = await slow.next()
        if said.caption.final:
            finals.append(said.caption.caption_id)
        else:
            assert said.caption.caption_id not in finals
            interims += 1
    assert finals == list(range(1, 101))
    assert interims < 400  # of 500


async def test_a_reader_that_reads_nothing_for_a_minute_is_dropped(
    service: EchoService, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "STALLED", 0.05)
    left = asyncio.Event()
    monkeypatch.setattr(Follower, "__exit__", lambda *_: left.set())
    stalled = WatchCall(channel)
    await stalled.next()
    for number in range(1, 201):
        await service.rooms.publish([CLAIRE.final(number, LONG)])
    await left.wait()
    failure = await stalled.failure()
    assert failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED


# --- The client


@pytest_asyncio.fixture
async def client(server: RpcServer) -> AsyncIterator[CaptionerClient]:
    async with CaptionerClient(f"127.0.0.1:{server.port}") as client:
        yield client


async def test_the_client_follows_a_room_to_its_end(
    service: EchoService, client: CaptionerClient
) -> None:
    reader = Reader()
    await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.interim(2, "de")])
    async for event in client.watch(ROOM):
        reader.take(event)
        if reader.caught_up:
            await service.rooms.publish([CLAIRE.final(2, "deux")])
            await service.rooms.end(ROOM)
    assert reader.text == ["un", "deux"]
    assert reader.ended


async def test_the_client_gets_captions_as_they_were_said(
    service: EchoService, client: CaptionerClient
) -> None:
    told = CLAIRE.final(3, "bonjour à tous")
    await service.rooms.publish([told])
    async with contextlib.aclosing(client.watch(ROOM, word_times=True)) as events:  # type: ignore[type-var]
        event = await anext(events)
    assert isinstance(event, Delivered)
    assert event.said == told.said


async def test_the_client_comes_back_where_it_was(
    service: EchoService, server: RpcServer, client: CaptionerClient
) -> None:
    reader = Reader()
    other = Person("s2", attachment="a2")
    await service.rooms.publish([CLAIRE.final(1, "un"), CLAIRE.interim(2, "d"), other.interim(1)])
    again: RpcServer | None = None
    async for event in client.watch(ROOM):
        reader.take(event)
        if reader.caught_up and again is None:
            await server.stop(0)
            await service.rooms.publish([CLAIRE.final(2, "deux"), other.leaves()])
            service.settings = settings_with(listen=f"127.0.0.1:{server.port}")
            again = RpcServer(service)
            await again.start()
        if isinstance(event, Retracted):
            await service.rooms.end(ROOM)
    assert again is not None
    await again.stop(0)
    assert reader.text == ["un", "deux"]
    assert reader.shown == []
    assert reader.resets == []


async def test_the_client_starts_afresh_when_the_rooms_are_others(
    service: EchoService, server: RpcServer, client: CaptionerClient
) -> None:
    reader = Reader()
    await service.rooms.publish([CLAIRE.final(1, "un")])
    async for event in client.watch(ROOM):
        reader.take(event)
        if reader.caught_up and not reader.resets and reader.text == ["un"]:
            old = service.rooms
            service.rooms = MemoryHub(RoomLimits(), SystemClock(), Metrics())
            await service.rooms.publish([CLAIRE.final(7, "sept")])
            old.dismiss()
        elif reader.caught_up:
            await service.rooms.end(ROOM)
    assert reader.resets == [ResetReason.EPOCH]
    assert reader.text == ["sept"]


async def test_the_client_does_not_retry_what_is_refused(
    service: EchoService, client: CaptionerClient
) -> None:
    with pytest.raises(InvalidRequest, match="0 characters"):
        await anext(client.watch(""))
    service.rooms = MemoryHub(RoomLimits(max_followers=1), SystemClock(), Metrics())
    with service.rooms.follow(ROOM), pytest.raises(ResourceExhausted, match="1 followers"):
        await anext(client.watch(ROOM))


async def test_the_client_gives_up_when_nobody_answers() -> None:
    patience = Patience(connect=0.0)
    async with CaptionerClient("127.0.0.1:1", patience=patience) as client:
        with pytest.raises(Unavailable):
            await anext(client.watch(ROOM))


async def test_a_server_that_falls_silent_counts_as_lost(
    service: EchoService, client: CaptionerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_watch, "SILENCE", 0.2)
    monkeypatch.setattr(watch, "HEARTBEAT", 60.0)
    reader = Reader()
    await service.rooms.publish([CLAIRE.final(1, "un")])
    follows = service.rooms.follow
    calls: list[Position | None] = []
    ends: list[asyncio.Task[bool]] = []

    def follow(room: str, after: Position | None = None, *, interims: bool = True) -> Any:
        calls.append(after)
        if len(calls) == 3:
            ends.append(asyncio.create_task(service.rooms.end(ROOM)))
        return follows(room, after, interims=interims)

    monkeypatch.setattr(service.rooms, "follow", follow)
    async for event in client.watch(ROOM):
        reader.take(event)
    assert calls == [None, reader.position, reader.position]
    assert reader.text == ["un"]
