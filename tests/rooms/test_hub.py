"""What every hub promises: the same tests in memory and over a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from room_fakes import ROOM, Person, Reader, caption

from captioner.clock import ManualClock
from captioner.errors import InvalidRequest, ResourceExhausted, Unavailable
from captioner.metrics import Metrics
from captioner.rooms.captions import (
    CaptionKey,
    CaughtUp,
    Delivered,
    Reset,
    ResetReason,
    Retracted,
    RoomEnded,
)
from captioner.rooms.hub import RoomHub
from captioner.rooms.notices import Notice
from captioner.rooms.position import Position
from captioner.rooms.room import LEASE

CLAIRE = Person("s1")
PAUL = Person("s2", attachment="a2")


# --- History, then live


async def test_a_late_follower_gets_the_finals_then_the_interims_then_what_comes(
    hub: RoomHub,
) -> None:
    await hub.publish([CLAIRE.final(1, "un"), PAUL.final(1, "deux"), CLAIRE.interim(2, "tr")])
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower, events=4)
        assert reader.text == ["un", "deux"]
        assert reader.shown == ["tr"]
        assert isinstance(reader.events[-1], CaughtUp)
        await hub.publish([CLAIRE.final(2, "trois")])
        await reader.read(follower, events=1)
        assert reader.text == ["un", "deux", "trois"]
        assert reader.shown == []


async def test_following_a_room_in_which_nobody_speaks_yet_waits_for_it(hub: RoomHub) -> None:
    with hub.follow(ROOM) as follower:
        assert await follower.next() == CaughtUp(None)
        assert follower.position is None
        waiting = asyncio.create_task(follower.next())
        await hub.publish([CLAIRE.interim(1, "bon")])
        event = await waiting
        assert isinstance(event, Delivered)
        assert event.said.caption.text == "bon"
        assert follower.position == event.position


async def test_a_follower_that_comes_back_gets_what_it_missed_and_nothing_twice(
    hub: RoomHub,
) -> None:
    reader = Reader()
    await hub.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
    with hub.follow(ROOM) as follower:
        await reader.read(follower, until="un")
    await hub.publish([CLAIRE.final(3, "trois")])
    reader.begin()
    with hub.follow(ROOM, reader.position) as follower:
        await reader.read(follower, until="trois")
    assert reader.text == ["un", "deux", "trois"]
    assert reader.resets == []


async def test_a_position_before_the_first_final_is_one_to_go_on_from(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.interim(1)])
    with hub.follow(ROOM) as follower:
        first = await follower.next()
    assert isinstance(first, Delivered)
    await hub.publish([CLAIRE.final(1, "un")])
    with hub.follow(ROOM, first.position) as follower:
        reader = Reader()
        await reader.read(follower, until="un")
    assert reader.resets == []


async def test_two_followers_see_the_same(hub: RoomHub) -> None:
    first, second = Reader(), Reader()
    with hub.follow(ROOM) as one, hub.follow(ROOM) as other:
        await hub.publish([CLAIRE.final(1, "un"), PAUL.final(1, "deux"), CLAIRE.final(2, "fin")])
        await first.read(one, until="fin")
        await second.read(other, until="fin")
    assert first.finals == second.finals
    assert first.position == second.position


async def test_rooms_do_not_mix(hub: RoomHub) -> None:
    elsewhere = Person("s3", room="{autre} salle/é:*", attachment="a3")
    await hub.publish([CLAIRE.final(1, "ici"), elsewhere.final(1, "là")])
    for room, text in ((ROOM, "ici"), (elsewhere.room, "là")):
        with hub.follow(room) as follower:
            reader = Reader()
            await reader.read(follower, until=text)
            assert reader.text == [text]


# --- Interims


async def test_interims_conflate_for_who_does_not_read_and_reach_who_does(hub: RoomHub) -> None:
    slow, quick = Reader(), Reader()
    with hub.follow(ROOM) as standing, hub.follow(ROOM) as moving:
        for revision, text in enumerate(("a", "a b", "a b c"), start=1):
            await hub.publish([CLAIRE.interim(1, text, revision)])
            while quick.shown != [text]:
                await quick.read(moving, events=1)
        await slow.read(standing, events=1)
    assert slow.shown == ["a b c"]


async def test_the_interims_of_several_people_are_shown_at_once(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.interim(1, "un"), PAUL.interim(1, "deux")])
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower, events=3)
    assert reader.shown == ["un", "deux"]
    assert reader.caught_up


async def test_an_interim_that_comes_after_its_final_is_not_shown(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.final(1, "un"), CLAIRE.interim(1, "u"), CLAIRE.final(2, "fin")])
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower, until="fin")
        await reader.read(follower, events=1)
    assert [type(event) for event in reader.events] == [Delivered, Delivered, CaughtUp]


async def test_a_follower_that_wants_finals_only_gets_no_interim(hub: RoomHub) -> None:
    with hub.follow(ROOM, interims=False) as follower:
        await hub.publish([CLAIRE.interim(1), CLAIRE.final(1, "un"), CLAIRE.interim(2)])
        await hub.publish([CLAIRE.leaves(), PAUL.final(1, "fin")])
        reader = Reader()
        await reader.read(follower, until="fin")
    finals = [event for event in reader.events if isinstance(event, Delivered)]
    assert [event.said.caption.text for event in finals] == ["un", "fin"]
    assert not any(isinstance(event, Retracted) for event in reader.events)


async def test_an_empty_final_takes_its_interim_away(hub: RoomHub) -> None:
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await hub.publish([CLAIRE.interim(1, "toux")])
        while not reader.shown:
            await reader.read(follower, events=1)
        await hub.publish([CLAIRE.final(1, "")])
        while not reader.text:
            await reader.read(follower, events=1)
    assert reader.shown == []


async def test_the_interims_of_a_session_that_goes_are_retracted(hub: RoomHub) -> None:
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await hub.publish([CLAIRE.interim(1, "un"), PAUL.interim(1, "deux")])
        while len(reader.shown) < 2:
            await reader.read(follower, events=1)
        await hub.publish([CLAIRE.leaves()])
        while not isinstance(reader.events[-1], Retracted):
            await reader.read(follower, events=1)
    assert reader.shown == ["deux"]


async def test_a_session_without_a_sign_of_life_is_gone_and_its_interims_too(
    hub: RoomHub, clock: ManualClock
) -> None:
    await hub.publish([CLAIRE.interim(1, "un"), PAUL.interim(1, "deux")])
    clock.advance(LEASE - 1)
    await hub.publish([PAUL.is_there()])
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower, events=3)
        clock.advance(2)
        await hub.sweep()
        await reader.read(follower, events=1)
    assert reader.events[-1] == Retracted(reader.position, CaptionKey("s1", 1))  # type: ignore[arg-type]
    [room] = await hub.rooms()
    assert [there.speaker.session for there in room.speakers] == ["s2"]


async def test_a_session_that_gives_signs_of_life_stays(hub: RoomHub, clock: ManualClock) -> None:
    await hub.publish([CLAIRE.joins()])
    for _ in range(5):
        clock.advance(LEASE - 1)
        await hub.publish([CLAIRE.is_there()])
        await hub.sweep()
    [room] = await hub.rooms()
    assert len(room.speakers) == 1


# --- Nothing twice


async def test_what_is_told_twice_is_published_once(hub: RoomHub) -> None:
    told: list[Notice] = [CLAIRE.joins(), CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")]
    await hub.publish(told)
    await hub.publish([*told[1:], CLAIRE.final(3, "trois")])
    history = await hub.history(ROOM)
    assert history is not None
    assert [each.said.caption.text for each in history.captions] == ["un", "deux", "trois"]


async def test_a_resumed_session_does_not_publish_its_finals_again(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.joins(), CLAIRE.final(1, "un"), CLAIRE.interim(2, "de")])
    again = CLAIRE.resumed("a9")
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower, events=3)
        await hub.publish([again.joins()])
        await reader.read(follower, events=1)
        assert isinstance(reader.events[-1], Retracted)
        await hub.publish([again.final(1, "un"), again.final(2, "deux"), again.final(3, "fin")])
        await reader.read(follower, until="fin")
    assert reader.text == ["un", "deux", "fin"]


async def test_the_replica_that_lost_a_session_is_not_heard_any_more(hub: RoomHub) -> None:
    again = CLAIRE.resumed("a9")
    await hub.publish([CLAIRE.joins(), CLAIRE.interim(1, "bonj"), again.joins()])
    await hub.publish([again.interim(1, "bonjour"), CLAIRE.final(1, "bonj"), CLAIRE.leaves()])
    await hub.publish([CLAIRE.is_there(talking=True), again.final(1, "bonjour à tous")])
    history = await hub.history(ROOM)
    assert history is not None
    assert [each.said.caption.text for each in history.captions] == ["bonjour à tous"]
    [room] = await hub.rooms()
    [there] = room.speakers
    assert not there.talking


# --- How much is kept


async def test_the_history_holds_so_many_finals_and_a_late_follower_starts_there(
    make_hub: Callable[..., RoomHub],
) -> None:
    async with make_hub(history_size=10) as hub:
        await hub.publish([CLAIRE.final(number, f"n{number}") for number in range(1, 16)])
        with hub.follow(ROOM) as follower:
            reader = Reader()
            await reader.read(follower, until="n15")
        assert reader.text == [f"n{number}" for number in range(6, 16)]
        assert reader.resets == []  # it had nothing
        history = await hub.history(ROOM)
        assert history is not None
        assert len(history.captions) == 10
        assert not history.complete


async def test_a_position_older_than_the_history_is_told_to_start_afresh(
    make_hub: Callable[..., RoomHub],
) -> None:
    async with make_hub(history_size=10) as hub:
        await hub.publish([CLAIRE.final(1, "n1")])
        with hub.follow(ROOM) as follower:
            first = await follower.next()
        assert isinstance(first, Delivered)
        await hub.publish([CLAIRE.final(number, f"n{number}") for number in range(2, 13)])
        with hub.follow(ROOM, first.position) as follower:
            reader = Reader()
            await reader.read(follower, until="n12")
        assert reader.events[0] == Reset(ResetReason.TRUNCATED)
        assert reader.text == [f"n{number}" for number in range(3, 13)]


async def test_the_position_of_the_last_final_that_is_not_kept_is_still_good(
    make_hub: Callable[..., RoomHub],
) -> None:
    async with make_hub(history_size=10) as hub:
        await hub.publish([CLAIRE.final(1, "n1")])
        with hub.follow(ROOM) as follower:
            first = await follower.next()
        assert isinstance(first, Delivered)
        await hub.publish([CLAIRE.final(number, f"n{number}") for number in range(2, 12)])
        with hub.follow(ROOM, first.position) as follower:
            reader = Reader()
            await reader.read(follower, until="n11")
        assert reader.resets == []
        assert len(reader.text) == 10


async def test_a_follower_left_behind_by_the_history_is_told_to_start_afresh(
    make_hub: Callable[..., RoomHub],
) -> None:
    async with make_hub(history_size=10) as hub:
        slow, quick = Reader(), Reader()
        with hub.follow(ROOM) as standing, hub.follow(ROOM) as moving:
            await hub.publish([CLAIRE.final(1, "n1")])
            await slow.read(standing, until="n1")
            for number in range(2, 13):
                await hub.publish([CLAIRE.final(number, f"n{number}")])
                await quick.read(moving, until=f"n{number}")
            await slow.read(standing, until="n12")
        assert slow.resets == [ResetReason.TRUNCATED]
        assert slow.text == [f"n{number}" for number in range(3, 13)]
        assert quick.resets == []
        assert len(quick.text) == 12


async def test_finals_are_forgotten_when_they_are_too_old(
    make_hub: Callable[..., RoomHub], clock: ManualClock
) -> None:
    async with make_hub(history_age=100.0) as hub:
        await hub.publish([CLAIRE.final(1, "vieux")])
        clock.advance(60)
        await hub.publish([CLAIRE.final(2, "moins vieux")])
        clock.advance(41)
        await hub.sweep()
        history = await hub.history(ROOM)
        assert history is not None
        assert [each.said.caption.text for each in history.captions] == ["moins vieux"]
        assert not history.complete


# --- Ends and beginnings


async def test_a_room_that_is_ended_tells_its_followers_after_everything_else(
    hub: RoomHub,
) -> None:
    await hub.publish([CLAIRE.joins(), CLAIRE.final(1, "un")])
    assert await hub.end(ROOM)
    assert not await hub.end(ROOM)
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower)
        assert follower.over
        assert await follower.next() is None
    assert reader.text == ["un"]
    assert [type(event) for event in reader.events] == [Delivered, CaughtUp, RoomEnded]


async def test_a_room_ends_when_its_sessions_were_gone_for_the_grace_period(
    make_hub: Callable[..., RoomHub], clock: ManualClock
) -> None:
    async with make_hub(grace=100.0) as hub:
        await hub.publish([CLAIRE.joins(), PAUL.joins(), CLAIRE.final(1, "un"), CLAIRE.leaves()])
        clock.advance(20)
        await hub.publish([PAUL.is_there(), PAUL.leaves()])
        clock.advance(99)
        await hub.sweep()
        [room] = await hub.rooms()
        assert room.ended is None
        clock.advance(1)
        with hub.follow(ROOM) as follower:
            reader = Reader()
            await reader.read(follower, events=2)
            await hub.sweep()
            await reader.read(follower)
        assert reader.ended
        [room] = await hub.rooms()
        assert room.ended == clock.wall()


async def test_a_room_whose_sessions_come_back_in_time_goes_on(
    make_hub: Callable[..., RoomHub], clock: ManualClock
) -> None:
    async with make_hub(grace=100.0) as hub:
        await hub.publish([CLAIRE.final(1, "un"), CLAIRE.leaves()])
        clock.advance(99)
        await hub.publish([PAUL.joins()])
        clock.advance(2)
        await hub.sweep()
        await hub.publish([PAUL.final(1, "deux")])
        history = await hub.history(ROOM)
        assert history is not None
        assert history.ended is None
        assert [each.said.caption.text for each in history.captions] == ["un", "deux"]


async def test_an_ended_room_is_forgotten_when_its_history_is_too_old(
    make_hub: Callable[..., RoomHub], clock: ManualClock
) -> None:
    async with make_hub(history_age=100.0) as hub:
        await hub.publish([CLAIRE.final(1, "un"), CLAIRE.leaves()])
        await hub.end(ROOM)
        await hub.sweep()
        clock.advance(99)
        await hub.sweep()
        assert await hub.history(ROOM) is not None
        clock.advance(1)
        await hub.sweep()
        assert await hub.history(ROOM) is None
        assert await hub.rooms() == ()


async def test_who_joins_an_ended_room_starts_it_afresh(hub: RoomHub) -> None:
    reader = Reader()
    await hub.publish([CLAIRE.final(1, "lundi"), CLAIRE.leaves()])
    await hub.end(ROOM)
    with hub.follow(ROOM) as follower:
        await reader.read(follower)
    await hub.publish([PAUL.final(1, "mardi")])
    reader.begin()
    with hub.follow(ROOM, reader.position) as follower:
        await reader.read(follower, until="mardi")
    assert reader.resets == [ResetReason.EPOCH]
    assert reader.text == ["mardi"]


async def test_last_words_after_the_end_are_kept_in_the_ended_room(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.joins(), CLAIRE.final(1, "un")])
    await hub.end(ROOM)
    again = CLAIRE.resumed("a9")
    await hub.publish([CLAIRE.final(2, "deux"), again.joins(), again.final(3, "trois")])
    await hub.publish([again.leaves()])
    history = await hub.history(ROOM)
    assert history is not None
    assert history.ended is not None
    assert [each.said.caption.text for each in history.captions] == ["un", "deux", "trois"]


async def test_a_deleted_room_in_which_people_speak_goes_on_empty(hub: RoomHub) -> None:
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await hub.publish([CLAIRE.joins(), CLAIRE.final(1, "secret"), CLAIRE.interim(2, "sec")])
        while not reader.shown:
            await reader.read(follower, events=1)
        assert await hub.delete(ROOM)
        await hub.publish([CLAIRE.final(1, "secret"), CLAIRE.final(2, "public")])
        await reader.read(follower, until="public")
    assert reader.resets == [ResetReason.EPOCH]
    assert reader.text == ["public"]


async def test_a_deleted_room_in_which_nobody_is_is_gone(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.final(1, "secret"), CLAIRE.leaves()])
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower, events=2)
        assert await hub.delete(ROOM)
        assert not await hub.delete(ROOM)
        await reader.read(follower, events=2)
        assert reader.events[-2:] == [Reset(ResetReason.EPOCH), CaughtUp(None)]
        assert await hub.history(ROOM) is None
        await hub.publish([PAUL.final(1, "neuf")])
        await reader.read(follower, until="neuf")
    assert reader.resets == [ResetReason.EPOCH]


@pytest.mark.parametrize("position", [Position("abc", 0), Position("abc", 7)])
async def test_a_position_of_a_room_that_is_not_there_is_told_to_start_afresh(
    hub: RoomHub, position: Position
) -> None:
    with hub.follow(ROOM, position) as follower:
        assert await follower.next() == Reset(ResetReason.EPOCH)
        assert await follower.next() == CaughtUp(None)


async def test_a_position_that_nobody_was_given_is_told_to_start_afresh(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.final(1, "un")])
    history = await hub.history(ROOM)
    assert history is not None
    ahead = Position(history.position.epoch, history.position.sequence + 5)
    with hub.follow(ROOM, ahead) as follower:
        reader = Reader()
        await reader.read(follower, until="un")
    assert reader.resets == [ResetReason.TRUNCATED]


# --- What is there


async def test_rooms_tell_who_is_there_since_when_and_who_talks(
    hub: RoomHub, clock: ManualClock
) -> None:
    since = clock.wall()
    other = Person("s3", room="autre", attachment="a3")
    await hub.publish([CLAIRE.joins()])
    clock.advance(10)
    await hub.publish([PAUL.joins(), PAUL.is_there(talking=True), CLAIRE.final(1), other.joins()])
    elsewhere, room = await hub.rooms()
    assert (elsewhere.name, room.name) == ("autre", ROOM)
    assert (room.since, room.ended, room.captions) == (since, None, 1)
    first, second = sorted(room.speakers, key=lambda there: there.since)
    assert (first.speaker, first.since, first.talking) == (CLAIRE.voice.speaker, since, False)
    assert (second.speaker, second.since, second.talking) == (PAUL.voice.speaker, since + 10, True)
    await hub.publish([PAUL.is_there(talking=False)])
    _, room = await hub.rooms()
    assert not any(there.talking for there in room.speakers)


async def test_a_room_that_is_only_followed_is_not_there(hub: RoomHub) -> None:
    with hub.follow(ROOM) as follower:
        await follower.next()
        assert await hub.rooms() == ()
        assert await hub.history(ROOM) is None
        assert not await hub.end(ROOM)
        assert not await hub.delete(ROOM)


async def test_a_history_is_delivered_by_position_and_written_by_time(hub: RoomHub) -> None:
    late = Person("s2", attachment="a2", origin=990.0)
    await hub.publish(
        [
            CLAIRE.says(caption(1, "second", final=True, start=5)),
            late.says(caption(1, "premier", final=True, start=14)),
            CLAIRE.final(2, ""),
            late.says(caption(2, "troisième", final=True, start=16)),
        ]
    )
    history = await hub.history(ROOM)
    assert history is not None
    texts = [each.said.caption.text for each in history.captions]
    assert texts == ["second", "premier", "", "troisième"]
    assert [said.caption.text for said in history.spoken()] == ["premier", "second", "troisième"]
    assert [said.start_time for said in history.spoken()] == [1004.0, 1005.0, 1006.0]
    assert history.complete
    assert history.position == history.captions[-1].position


async def test_following_from_a_history_gives_what_comes_next(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.final(1, "un")])
    history = await hub.history(ROOM)
    assert history is not None
    await hub.publish([CLAIRE.final(2, "deux")])
    with hub.follow(ROOM, history.position) as follower:
        event = await follower.next()
    assert isinstance(event, Delivered)
    assert event.said.caption.text == "deux"


# --- Limits


@pytest.mark.parametrize("name", ["", "x" * 129])
async def test_a_room_has_a_name_of_1_to_128_characters(hub: RoomHub, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{len(name)} characters") as refused:
        hub.follow(name)
    assert refused.value.violations[0].field == "room"
    with hub.follow("x" * 128) as follower:
        assert await follower.next() == CaughtUp(None)


async def test_there_are_so_many_followers_and_no_more(
    make_hub: Callable[..., RoomHub], metrics: Metrics
) -> None:
    async with make_hub(max_followers=2) as hub:
        with hub.follow(ROOM), hub.follow("autre"):
            with pytest.raises(ResourceExhausted, match="2 followers") as refused, hub.follow(ROOM):
                pass
            assert refused.value.subject == "followers"
            assert metrics.registry.get_sample_value("captioner_room_followers") == 2
        with hub.follow(ROOM) as follower:
            assert await follower.next() == CaughtUp(None)
    assert metrics.registry.get_sample_value("captioner_room_followers") == 0


async def test_beyond_so_many_rooms_those_that_ended_first_go(
    make_hub: Callable[..., RoomHub], clock: ManualClock
) -> None:
    people = [Person(f"s{number}", f"r{number}", f"a{number}") for number in range(5)]
    async with make_hub(max_rooms=3) as hub:
        for person in people[:3]:
            await hub.publish([person.final(1, "un"), person.leaves()])
        for room in ("r1", "r0"):
            clock.advance(1)
            await hub.end(room)
        await hub.publish([people[3].final(1, "un"), people[3].final(2, "deux")])
        assert [room.name for room in await hub.rooms()] == ["r0", "r2", "r3"]
        await hub.publish([people[4].final(1, "un")])
        assert [room.name for room in await hub.rooms()] == ["r2", "r3", "r4"]


async def test_when_no_room_has_ended_a_new_one_is_refused_and_that_is_counted(
    make_hub: Callable[..., RoomHub], metrics: Metrics
) -> None:
    async with make_hub(max_rooms=1) as hub:
        other = Person("s9", "autre", "a9")
        await hub.publish([CLAIRE.final(1, "un"), other.final(1, "un"), CLAIRE.final(2, "deux")])
        assert [room.name for room in await hub.rooms()] == [ROOM]
        history = await hub.history(ROOM)
        assert history is not None
        assert len(history.captions) == 2
    name = "captioner_room_captions_dropped_total"
    assert metrics.registry.get_sample_value(name, {"reason": "rooms"}) == 1


# --- Going away


async def test_followers_that_are_dismissed_read_what_is_there_first(hub: RoomHub) -> None:
    await hub.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
    with hub.follow(ROOM) as follower:
        reader = Reader()
        await reader.read(follower, until="un")
        hub.dismiss()
        with pytest.raises(Unavailable, match="elsewhere"):
            await reader.read(follower)
        assert reader.text == ["un", "deux"]
        with pytest.raises(Unavailable), hub.follow(ROOM):
            pass


async def test_followers_that_wait_are_dismissed_at_once(hub: RoomHub) -> None:
    with hub.follow(ROOM) as follower:
        assert await follower.next() == CaughtUp(None)
        waiting = asyncio.create_task(follower.next())
        await asyncio.sleep(0)
        hub.dismiss()
        with pytest.raises(Unavailable):
            await waiting


async def test_waiting_for_an_event_can_be_given_up_without_losing_it(hub: RoomHub) -> None:
    with hub.follow(ROOM) as follower:
        assert await follower.next() == CaughtUp(None)
        assert await follower.next(timeout=0.001) is None
        assert not follower.over
        await hub.publish([CLAIRE.final(1, "un")])
        event = await follower.next()
    assert isinstance(event, Delivered)
