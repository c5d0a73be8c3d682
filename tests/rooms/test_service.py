"""What the sessions of a real service publish: real speech, a scripted engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import soundfile
from room_fakes import Reader
from rpc_fakes import live_config, settings_with

from captioner.asr.scripted import ScriptedEngine
from captioner.clock import Clock, ManualClock
from captioner.config import Settings
from captioner.errors import ConfigError, Unavailable
from captioner.live import Captioned, Ended, Event, Mode, Started
from captioner.metrics import Metrics
from captioner.rooms.captions import Retracted, RoomCaption
from captioner.rooms.memory import MemoryHub
from captioner.service import CaptionService, room_hub
from captioner.sessions import LiveSession
from captioner.transcript import SAMPLE_RATE

ROOM = "salle"
SECOND = 2 * SAMPLE_RATE  # bytes


@pytest.fixture
def speech(recordings: Path) -> bytes:
    """A second of silence, and 3 s of a sentence that goes on at their end."""
    samples, rate = soundfile.read(recordings / "sentences" / "000.flac", dtype="int16")
    assert rate == SAMPLE_RATE
    sentence: bytes = samples[: 3 * rate].tobytes()
    return bytes(SECOND) + sentence


@pytest_asyncio.fixture
async def service() -> AsyncIterator[CaptionService]:
    async with CaptionService(settings_with(), engine_factory=ScriptedEngine) as service:
        yield service


async def feed(session: LiveSession, audio: bytes) -> None:
    for start in range(0, len(audio), SECOND // 10):
        await session.audio(audio[start : start + SECOND // 10])


async def until_interim(session: LiveSession) -> list[Event]:
    events = []
    async for event in session.events():
        events.append(event)
        if isinstance(event, Captioned) and not event.caption.final:
            break
    return events


async def finals(service: CaptionService) -> list[RoomCaption]:
    await service._publisher.flush()
    history = await service.rooms.history(ROOM)
    return [each.said for each in history.captions] if history else []


async def test_a_room_has_the_captions_that_the_client_gets(
    service: CaptionService, speech: bytes
) -> None:
    reader = Reader()
    with service.rooms.follow(ROOM) as follower:
        session = await service.open(live_config(speaker_name="Claire", capture_time=5000.0))
        await feed(session, speech + bytes(SECOND))
        await session.end()
        events = [event async for event in session.events()]
        await service._publisher.flush()
        await service.rooms.end(ROOM)
        await reader.read(follower)
    said = [it.caption for it in events if isinstance(it, Captioned) and it.caption.final]
    published = list(reader.finals.values())
    assert said
    assert [it.caption for it in published] == said
    assert {it.speaker.name for it in published} == {"Claire"}
    assert [it.start_time for it in published] == [5000.0 + it.start / SAMPLE_RATE for it in said]


async def test_who_talks_is_known_while_they_talk(service: CaptionService, speech: bytes) -> None:
    session = await service.open(live_config())
    await feed(session, speech)
    await until_interim(session)
    await service._publisher.flush()
    [room] = await service.rooms.rooms()
    assert [there.talking for there in room.speakers] == [True]
    await session.end()
    async for _ in session.events():
        pass
    await service._publisher.flush()
    [room] = await service.rooms.rooms()
    assert room.speakers == ()


async def test_a_resumed_session_publishes_nothing_twice(
    service: CaptionService, speech: bytes
) -> None:
    first = await service.open(live_config())
    await feed(first, speech + bytes(SECOND))
    started = await anext(first.events())
    assert isinstance(started, Started)
    with service.rooms.follow(ROOM, interims=False) as follower:
        reader = Reader()
        while not reader.finals:
            await reader.read(follower, events=1)
    await first.detach()
    # The token of the start: everything is sent again, as by a client that lost all answers.
    again = await service.open(live_config(resume_token=started.resume_token))
    await feed(again, speech + bytes(SECOND))
    await again.end()
    said = [it async for it in again.events() if isinstance(it, Captioned)]
    assert len([it for it in said if it.caption.final]) == len(await finals(service))


async def test_the_last_words_of_a_client_that_does_not_come_back_are_published(
    speech: bytes,
) -> None:
    settings = settings_with(resume_window=0)
    async with CaptionService(settings, engine_factory=ScriptedEngine) as service:
        session = await service.open(live_config())
        await feed(session, speech)
        await until_interim(session)
        assert await finals(service) == []
        await session.detach()
        await service._look_after(session, service._clock.monotonic())
        await session._settled.wait()
        assert [said.caption.final for said in await finals(service)] == [True]


async def test_a_session_that_is_abandoned_leaves_no_interim(
    service: CaptionService, speech: bytes
) -> None:
    reader = Reader()
    session = await service.open(live_config())
    with service.rooms.follow(ROOM) as follower:
        await feed(session, speech)
        await until_interim(session)
        while not reader.shown:
            await reader.read(follower, events=1)
        await service.open(live_config())  # another writer of its track
        while not isinstance(reader.events[-1], Retracted):
            await reader.read(follower, events=1)
    assert reader.shown == []


async def test_an_append_only_session_is_followed_like_any_other(
    service: CaptionService, speech: bytes
) -> None:
    session = await service.open(live_config(mode=Mode.APPEND_ONLY))
    await feed(session, speech + bytes(SECOND))
    await session.end()
    async for event in session.events():
        if isinstance(event, Ended):
            break
    [said] = await finals(service)
    assert said.caption.text
    assert said.caption.appended == ""


async def test_a_drain_publishes_the_last_finals_then_dismisses_followers(
    service: CaptionService, speech: bytes
) -> None:
    reader = Reader()
    session = await service.open(live_config())
    with service.rooms.follow(ROOM) as follower:
        await feed(session, speech)
        await until_interim(session)
        await service.drain()
        with pytest.raises(Unavailable, match="elsewhere"):
            await reader.read(follower)
    assert reader.text
    assert reader.shown == []


@pytest.fixture
def make_room_hub(clock: ManualClock) -> Callable[..., object]:
    def make(clock: Clock = clock, *, shared: bool = True, **settings: object) -> object:
        return room_hub(Settings.model_validate(settings), clock, Metrics(), shared=shared)

    return make


def test_rooms_are_in_memory_unless_the_settings_say_otherwise(
    make_room_hub: Callable[..., object],
) -> None:
    assert isinstance(make_room_hub(), MemoryHub)
    assert isinstance(make_room_hub(room_hub="redis://localhost", shared=False), MemoryHub)
    assert type(make_room_hub(room_hub="redis://localhost")).__name__ == "RedisHub"


def test_redis_without_its_extra_is_an_error_that_says_what_to_install(
    make_room_hub: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "captioner.rooms.redis", None)
    with pytest.raises(ConfigError, match="extra `redis`"):
        make_room_hub(room_hub="redis://localhost")
