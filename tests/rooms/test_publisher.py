"""From sessions to the hub: never waits, never fails, loses nothing that must be kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import pytest_asyncio
from room_fakes import ROOM, Person, Reader, caption
from rpc_fakes import live_config
from structlog.testing import capture_logs

from captioner.clock import ManualClock
from captioner.errors import Unavailable
from captioner.metrics import Metrics
from captioner.rooms import publisher as publishing
from captioner.rooms.captions import Retracted
from captioner.rooms.memory import MemoryHub
from captioner.rooms.notices import Joined, Left, Notice, Present, Spoke
from captioner.rooms.publisher import Outbox, RoomPublisher, RoomVoice
from captioner.rooms.room import RoomLimits


class FlakyHub(MemoryHub):
    """A hub that is away, or takes in half of a batch, or fails, when told to."""

    down = False
    halves = 0
    fault: Exception | None = None
    refused = 0
    _attempted = asyncio.Event()

    async def publish(self, notices: Sequence[Notice]) -> None:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        if self.halves:
            self.halves -= 1
            await super().publish(notices[: len(notices) // 2 + 1])
            raise Unavailable("the answer was lost")
        if self.down:
            self.refused += 1
            self._attempted.set()
            raise Unavailable("away")
        await super().publish(notices)

    async def attempts(self, count: int) -> None:
        """Wait until so many were refused."""
        self._attempted = asyncio.Event()
        while self.refused < count:
            self._attempted.clear()
            await self._attempted.wait()


@pytest.fixture
def flaky_hub(clock: ManualClock, metrics: Metrics) -> FlakyHub:
    return FlakyHub(RoomLimits(), clock, metrics)


@pytest_asyncio.fixture
async def publisher(
    flaky_hub: FlakyHub, clock: ManualClock, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RoomPublisher]:
    monkeypatch.setattr(publishing, "PAUSE", 0.0)
    async with RoomPublisher(flaky_hub, clock, metrics) as publisher:
        yield publisher


@pytest.fixture
def voice(publisher: RoomPublisher) -> RoomVoice:
    return publisher.join(live_config(speaker_name="Claire"), "s1", received=0)


async def texts(hub: FlakyHub) -> list[str]:
    history = await hub.history(ROOM)
    return [each.said.caption.text for each in history.captions] if history else []


async def test_what_a_session_says_is_in_its_room(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice
) -> None:
    voice.begin_talking()
    voice.say(caption(1, "bonjour", final=True))
    await publisher.flush()
    assert await texts(flaky_hub) == ["bonjour"]
    [room] = await flaky_hub.rooms()
    [there] = room.speakers
    assert there.talking
    assert (there.speaker.track, there.speaker.name) == ("piste", "Claire")
    voice.stop_talking()
    voice.leave()
    await publisher.flush()
    [room] = await flaky_hub.rooms()
    assert room.speakers == ()


async def test_captions_have_the_time_at_which_they_were_captured(
    flaky_hub: FlakyHub, publisher: RoomPublisher
) -> None:
    voice = publisher.join(live_config(capture_time=5000.0), "s1", received=0)
    voice.say(caption(3, "mot", final=True))
    await publisher.flush()
    history = await flaky_hub.history(ROOM)
    assert history is not None
    assert history.captions[0].said.start_time == 5003.0
    assert history.captions[0].said.end_time == 5004.0


async def test_without_a_capture_time_what_was_received_is_captured_now(
    flaky_hub: FlakyHub, publisher: RoomPublisher, clock: ManualClock
) -> None:
    voice = publisher.join(live_config(), "s1", received=10 * 16_000)
    voice.say(caption(12, "mot", final=True))
    await publisher.flush()
    history = await flaky_hub.history(ROOM)
    assert history is not None
    assert history.captions[0].said.start_time == clock.wall() + 2.0


async def test_what_append_only_clients_append_is_not_published(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice
) -> None:
    voice.say(replace(caption(1, "mot", final=True), appended="mot"))
    await publisher.flush()
    history = await flaky_hub.history(ROOM)
    assert history is not None
    assert history.captions[0].said.caption.appended == ""


async def test_a_hub_that_is_away_is_told_everything_later_in_order(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice, metrics: Metrics
) -> None:
    with capture_logs() as logs, flaky_hub.follow(ROOM) as follower:
        flaky_hub.down = True
        for number in range(1, 301):
            voice.say(caption(number, f"i{number}"))
            voice.say(caption(number, f"n{number}", final=True))
            if number % 50 == 0:
                await asyncio.sleep(0)
        await flaky_hub.attempts(3)
        flaky_hub.down = False
        reader = Reader()
        await reader.read(follower, until="n300")
    assert reader.text == [f"n{number}" for number in range(1, 301)]
    failures = metrics.registry.get_sample_value("captioner_room_publish_failures_total")
    assert failures == flaky_hub.refused
    events = [entry["event"] for entry in logs]
    assert events.count("rooms_unreachable") == events.count("rooms_reached_again") == 1


async def test_what_was_half_taken_in_is_not_published_twice(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice
) -> None:
    flaky_hub.halves = 4
    for number in range(1, 31):
        voice.say(caption(number, f"n{number}", final=True))
    await publisher.flush()
    assert await texts(flaky_hub) == [f"n{number}" for number in range(1, 31)]


async def test_finals_that_a_hub_lost_are_told_again(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice, clock: ManualClock
) -> None:
    voice.say(caption(1, "vieux", final=True))
    await publisher.flush()
    clock.advance(publishing.LATELY + 1)
    voice.say(caption(2, "récent", final=True))
    await publisher.flush()
    flaky_hub._rooms.clear()
    flaky_hub._followed.clear()
    flaky_hub.down = True
    voice.say(caption(3, "neuf", final=True))
    await flaky_hub.attempts(1)
    flaky_hub.down = False
    await publisher.flush()
    assert await texts(flaky_hub) == ["récent", "neuf"]


async def test_a_fault_in_one_batch_does_not_end_the_publishing(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice
) -> None:
    await publisher.flush()
    flaky_hub.fault = ZeroDivisionError("a fault of ours")
    with capture_logs() as logs:
        voice.say(caption(1, "perdu", final=True))
        await publisher.flush()
    assert [entry["event"] for entry in logs] == ["room_notices_failed"]
    voice.say(caption(2, "suite", final=True))
    await publisher.flush()
    assert await texts(flaky_hub) == ["suite"]


async def test_what_leaves_retracts_what_it_shows_and_is_not_heard_any_more(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice
) -> None:
    with flaky_hub.follow(ROOM) as follower:
        reader = Reader()
        voice.say(caption(1, "euh"))
        while not reader.shown:
            await reader.read(follower, events=1)
        voice.leave()
        voice.leave()
        voice.begin_talking()
        voice.say(caption(1, "trop tard", final=True))
        await publisher.flush()
        while not isinstance(reader.events[-1], Retracted):
            await reader.read(follower, events=1)
    assert await texts(flaky_hub) == []
    [room] = await flaky_hub.rooms()
    assert room.speakers == ()


async def test_a_session_that_gives_way_stays_in_the_room_for_the_one_that_resumes_it(
    flaky_hub: FlakyHub, publisher: RoomPublisher, voice: RoomVoice
) -> None:
    await publisher.flush()
    await flaky_hub.end(ROOM)
    voice.give_way()
    again = publisher.join(live_config(), "s1", received=0)
    again.say(caption(1, "suite", final=True))
    await publisher.flush()
    [room] = await flaky_hub.rooms()
    assert room.ended is not None  # somebody who joined would have opened it again
    assert await texts(flaky_hub) == ["suite"]


async def test_sessions_give_signs_of_life_and_the_hub_is_swept(
    flaky_hub: FlakyHub,
    publisher: RoomPublisher,
    voice: RoomVoice,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await publisher.__aexit__()
    monkeypatch.setattr(publishing, "SWEEP", 0.0)
    swept = asyncio.Event()
    sweep = flaky_hub.sweep

    async def watched() -> None:
        await sweep()
        swept.set()

    monkeypatch.setattr(flaky_hub, "sweep", watched)
    async with publisher:
        for _ in range(10):
            clock.advance(publishing.RENEWAL)
            swept.clear()
            await swept.wait()
            await publisher.flush()
        [room] = await flaky_hub.rooms()
        assert len(room.speakers) == 1


async def test_the_end_tells_what_is_left_and_does_not_wait_for_ever(
    flaky_hub: FlakyHub, clock: ManualClock, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "PAUSE", 0.0)
    monkeypatch.setattr(publishing, "FLUSH", 0.01)
    with capture_logs() as logs:
        async with RoomPublisher(flaky_hub, clock, metrics) as publisher:
            voice = publisher.join(live_config(), "s1", received=0)
            voice.say(caption(1, "mot", final=True))
        assert await texts(flaky_hub) == ["mot"]
        flaky_hub.down = True
        async with RoomPublisher(flaky_hub, clock, metrics) as publisher:
            publisher.join(live_config(), "s2", received=0)
    assert logs[-1]["event"] == "room_notices_lost"


# --- What waits


CLAIRE = Person("s1")


def outbox(*notices: Notice) -> Outbox:
    outbox = Outbox(Metrics())
    for notice in notices:
        outbox.put(notice)
    return outbox


def test_a_newer_interim_replaces_the_one_that_waits_and_a_final_all_of_them() -> None:
    box = outbox(CLAIRE.interim(1, "a"), CLAIRE.final(7), CLAIRE.interim(1, "a b", 2))
    assert box.take() == [CLAIRE.final(7), CLAIRE.interim(1, "a b", 2)]
    box = outbox(CLAIRE.interim(1, "a"), CLAIRE.final(1))
    assert box.take() == [CLAIRE.final(1)]


def test_signs_of_life_do_not_pile_up() -> None:
    box = outbox(CLAIRE.joins(), *[CLAIRE.is_there(talking=bool(n % 2)) for n in range(9)])
    assert box.take() == [CLAIRE.joins(), CLAIRE.is_there(talking=False)]


def test_what_is_put_back_goes_before_what_waits_but_for_interims() -> None:
    box = outbox(CLAIRE.joins(), CLAIRE.final(1), CLAIRE.interim(2, "a"))
    taken = box.take()
    box.put(CLAIRE.final(2))
    box.put_back(taken)
    assert box.take() == [CLAIRE.joins(), CLAIRE.final(1), CLAIRE.final(2)]


def test_a_sign_of_life_that_is_put_back_does_not_replace_a_newer_one() -> None:
    box = outbox(CLAIRE.is_there(talking=True))
    taken = box.take()
    box.put(CLAIRE.is_there(talking=False))
    box.put_back(taken)
    assert box.take() == [CLAIRE.is_there(talking=False)]


def test_notices_are_taken_a_batch_at_a_time() -> None:
    box = outbox(*[CLAIRE.final(number) for number in range(1, publishing.BATCH + 2)])
    assert len(box.take()) == publishing.BATCH
    assert box.take() == [CLAIRE.final(publishing.BATCH + 1)]


def test_beyond_so_many_the_oldest_are_lost_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "MAX_WAITING", 3)
    metrics = Metrics()
    box = Outbox(metrics)
    for number in range(1, 6):
        box.put(CLAIRE.final(number))
    assert box.take() == [CLAIRE.final(number) for number in (3, 4, 5)]
    name = "captioner_room_captions_dropped_total"
    assert metrics.registry.get_sample_value(name, {"reason": "waiting"}) == 2


def test_every_kind_of_notice_waits() -> None:
    notices: list[Notice] = [
        CLAIRE.joins(), CLAIRE.is_there(), CLAIRE.interim(1), CLAIRE.final(2), CLAIRE.leaves()
    ]  # fmt: skip
    kinds = [type(notice) for notice in outbox(*notices).take()]
    assert kinds == [Joined, Present, Spoke, Spoke, Left]
