"""A Redis that restarts in the middle of a meeting, that loses writes, and that replicas share."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from redis_fakes import RedisServer
from room_fakes import ROOM, Person, Reader
from structlog.testing import capture_logs

from captioner.clock import ManualClock, SystemClock
from captioner.config import Settings
from captioner.errors import ConfigError, Unavailable
from captioner.metrics import Metrics
from captioner.rooms.captions import Delivered, ResetReason
from captioner.rooms.log import RoomLog
from captioner.rooms.publisher import RoomPublisher
from captioner.rooms.redis import RedisHub, redis_hub, room_keys
from captioner.rooms.redis_reader import PIECE, RoomReader
from captioner.rooms.redis_script import LIVE_SIZE
from captioner.rooms.room import RoomLimits

CLAIRE = Person("s1")
PAUL = Person("s2", attachment="a2")


@pytest.fixture(params=[True, False], ids=["persistent", "forgetful"])
def own_redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    """A server that the test may restart."""
    server = RedisServer(tmp_path, persistent=request.param)
    server.start()
    yield server
    server.kill()


class Replicas:
    """Hubs and publishers over one Redis, as so many processes would have them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def hub(
        self, server: RedisServer, *, clock: ManualClock | None = None, **limits: float
    ) -> RedisHub:
        made = RoomLimits(**limits)  # type: ignore[arg-type]
        hub = RedisHub(server.url, made, clock or SystemClock(), Metrics())
        return await self._stack.enter_async_context(hub)

    async def publisher(self, hub: RedisHub) -> RoomPublisher:
        publisher = RoomPublisher(hub, SystemClock(), Metrics())
        return await self._stack.enter_async_context(publisher)


@pytest_asyncio.fixture
async def replicas() -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        yield Replicas(stack)


# --- Restarts


async def test_a_restart_in_mid_meeting_loses_no_final(
    own_redis: RedisServer, replicas: Replicas
) -> None:
    here, there = await replicas.hub(own_redis), await replicas.hub(own_redis)
    publisher = await replicas.publisher(here)
    reader = Reader()
    with there.follow(ROOM) as follower:
        publisher.tell(CLAIRE.joins())
        publisher.tell(CLAIRE.final(1, "avant"))
        publisher.tell(CLAIRE.interim(2, "pen"))
        await reader.read(follower, until="avant")
        while not reader.shown:
            await reader.read(follower, events=1)
        own_redis.kill()
        publisher.tell(CLAIRE.interim(2, "pendant"))
        publisher.tell(CLAIRE.final(2, "pendant"))
        own_redis.start()
        publisher.tell(CLAIRE.final(3, "après"))
        await reader.read(follower, until="après")
    assert reader.text == ["avant", "pendant", "après"]
    # Without persistence the room is another one; what was told lately is told again.
    assert reader.resets == ([] if own_redis.persistent else [ResetReason.EPOCH])
    history = await here.history(ROOM)
    assert history is not None
    assert [each.said.caption.text for each in history.captions] == reader.text


async def test_a_position_is_good_after_a_restart_that_lost_nothing(
    own_redis: RedisServer, replicas: Replicas
) -> None:
    first = await replicas.hub(own_redis)
    await first.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
    reader = Reader()
    with first.follow(ROOM) as follower:
        await reader.read(follower, until="un")
    own_redis.kill()
    own_redis.start()
    second = await replicas.hub(own_redis)
    reader.begin()
    await second.publish([CLAIRE.final(3, "trois")])
    with second.follow(ROOM, reader.position) as follower:
        await reader.read(follower, until="trois")
    if own_redis.persistent:
        assert (reader.resets, reader.text) == ([], ["un", "deux", "trois"])
    else:
        assert (reader.resets, reader.text) == ([ResetReason.EPOCH], ["trois"])


@pytest.mark.parametrize("own_redis", [True], indirect=True, ids=["persistent"])
async def test_a_crash_that_loses_the_last_writes_is_told(
    own_redis: RedisServer, replicas: Replicas, tmp_path: Path
) -> None:
    hub = await replicas.hub(own_redis)
    attached, detached = Reader(), Reader()
    files, copy = tmp_path / "appendonlydir", tmp_path / "copy"
    await hub.publish([CLAIRE.final(1, "un"), CLAIRE.final(2, "deux")])
    shutil.copytree(files, copy)
    await hub.publish([CLAIRE.final(3, "perdu"), CLAIRE.final(4, "perdu aussi")])
    with hub.follow(ROOM) as follower:
        await attached.read(follower, until="perdu aussi")
        with hub.follow(ROOM) as other:
            await detached.read(other, until="perdu aussi")
        own_redis.kill()
        shutil.rmtree(files)
        copy.rename(files)
        own_redis.start()
        stranger = await replicas.hub(own_redis)  # which does not know what was lost
        await stranger.publish([CLAIRE.final(number, f"n{number}") for number in range(5, 10)])
        await attached.read(follower, until="n9")
    expected = ["un", "deux", *(f"n{number}" for number in range(5, 10))]
    assert attached.resets == [ResetReason.EPOCH]
    assert attached.text == expected
    with hub.follow(ROOM, detached.position) as follower:
        detached.begin()
        await detached.read(follower, until="n9")
    assert detached.resets == [ResetReason.TRUNCATED]
    assert detached.text == expected


@pytest.mark.parametrize("own_redis", [True], indirect=True, ids=["persistent"])
async def test_a_crash_that_loses_the_last_writes_is_told_though_nothing_new_comes(
    own_redis: RedisServer, replicas: Replicas, tmp_path: Path
) -> None:
    hub = await replicas.hub(own_redis)
    reader = Reader()
    files, copy = tmp_path / "appendonlydir", tmp_path / "copy"
    await hub.publish([CLAIRE.final(1, "un")])
    shutil.copytree(files, copy)
    await hub.publish([CLAIRE.final(2, "perdu")])
    with hub.follow(ROOM) as follower:
        await reader.read(follower, until="perdu")
        own_redis.kill()
        shutil.rmtree(files)
        copy.rename(files)
        own_redis.start()
        await reader.read(follower, until="un")
    assert reader.resets == [ResetReason.EPOCH]


@pytest.mark.parametrize("own_redis", [True], indirect=True, ids=["persistent"])
async def test_finals_lost_in_a_crash_are_told_again_by_who_told_them_lately(
    own_redis: RedisServer, replicas: Replicas, tmp_path: Path
) -> None:
    publisher = await replicas.publisher(hub := await replicas.hub(own_redis))
    files, copy = tmp_path / "appendonlydir", tmp_path / "copy"
    reader = Reader()
    with hub.follow(ROOM) as follower:
        publisher.tell(CLAIRE.final(1, "un"))
        await reader.read(follower, until="un")
        shutil.copytree(files, copy)
        publisher.tell(CLAIRE.final(2, "deux"))
        await reader.read(follower, until="deux")
        own_redis.kill()
        shutil.rmtree(files)
        copy.rename(files)
        publisher.tell(CLAIRE.final(3, "trois"))
        own_redis.start()
        await reader.read(follower, until="trois")
    assert reader.text == ["un", "deux", "trois"]


async def test_a_room_that_was_deleted_or_opened_anew_elsewhere_is_told_nothing_old(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    first, second = await replicas.hub(redis_server), await replicas.hub(redis_server)
    publisher = await replicas.publisher(first)
    publisher.tell(CLAIRE.final(1, "lundi"))
    publisher.tell(CLAIRE.leaves())
    await publisher.flush()
    await second.end(ROOM)
    await second.publish([PAUL.final(1, "mardi")])
    publisher.tell(CLAIRE.final(2, "encore"))
    await publisher.flush()
    history = await second.history(ROOM)
    assert history is not None
    assert [each.said.caption.text for each in history.captions] == ["mardi", "encore"]
    await second.delete(ROOM)
    publisher.tell(CLAIRE.final(3, "fin"))
    await publisher.flush()
    history = await second.history(ROOM)
    assert history is not None
    assert [each.said.caption.text for each in history.captions] == ["fin"]


async def test_a_redis_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, replicas: Replicas
) -> None:
    server = RedisServer(tmp_path)
    hub = await replicas.hub(server)
    publisher = await replicas.publisher(hub)
    reader = Reader()
    with capture_logs() as logs, hub.follow(ROOM) as follower:
        publisher.tell(CLAIRE.final(1, "un"))
        assert await follower.next(timeout=0.3) is None
        server.start()
        await reader.read(follower, until="un")
    server.kill()
    assert reader.resets == []
    assert {"room_not_read", "rooms_unreachable"} <= {entry["event"] for entry in logs}


async def test_what_is_asked_of_a_redis_that_is_away_is_refused(
    tmp_path: Path, replicas: Replicas
) -> None:
    hub = await replicas.hub(RedisServer(tmp_path))
    for asked in (
        hub.publish([CLAIRE.joins()]),
        hub.history(ROOM),
        hub.rooms(),
        hub.end(ROOM),
        hub.delete(ROOM),
        hub.sweep(),
    ):
        with pytest.raises(Unavailable, match="cannot be reached: ConnectionError"):
            await asked


async def test_a_redis_that_refuses_to_write_is_a_hub_that_is_away(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    redis_server.run("config", "set", "min-replicas-to-write", "1")
    try:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await hub.publish([CLAIRE.joins()])
    finally:
        redis_server.run("config", "set", "min-replicas-to-write", "0")


async def test_a_redis_that_forgot_the_script_is_told_it_again(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    await hub.publish([CLAIRE.final(1, "un")])
    redis_server.run("script", "flush")
    await hub.publish([CLAIRE.final(2, "deux"), CLAIRE.final(3, "trois")])
    history = await hub.history(ROOM)
    assert history is not None
    assert len(history.captions) == 3


# --- Replicas


async def test_replicas_share_rooms_and_positions(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    first, second = await replicas.hub(redis_server), await replicas.hub(redis_server)
    reader = Reader()
    with first.follow(ROOM) as follower:
        await first.publish([CLAIRE.final(1, "un")])
        await second.publish([PAUL.final(1, "deux")])
        await reader.read(follower, until="deux")
    await first.publish([CLAIRE.final(2, "trois")])
    reader.begin()
    with second.follow(ROOM, reader.position) as follower:
        await reader.read(follower, until="trois")
    assert reader.text == ["un", "deux", "trois"]
    assert reader.resets == []
    assert await first.rooms() == await second.rooms()


async def test_the_followers_of_a_room_share_one_connection(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    await hub.publish([CLAIRE.final(1, "un")])
    async with AsyncExitStack() as stack:
        followers = [stack.enter_context(hub.follow(ROOM)) for _ in range(50)]
        for follower in followers:
            assert isinstance(await follower.next(), Delivered)
        clients = redis_server.run("client", "list").splitlines()
    assert len(clients) <= 3  # the one that asks, the writer, the reader


async def test_nothing_goes_on_reading_for_followers_that_left(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    for turn in range(60):
        with hub.follow(ROOM) as follower:
            await follower.next(timeout=0.0005 * (turn % 5))
    await asyncio.gather(*hub._readers, return_exceptions=True)
    clients = redis_server.run("client", "list").splitlines()
    assert len([client for client in clients if "cmd=xread" in client]) == 0


async def test_a_replica_that_crashes_leaves_no_interim_behind(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    clock = ManualClock(1_000_000.0)
    dead = await replicas.hub(redis_server, clock=clock)
    alive = await replicas.hub(redis_server, clock=clock)
    await dead.publish([CLAIRE.interim(1, "bonj")])
    reader = Reader()
    with alive.follow(ROOM) as follower:
        await reader.read(follower, events=2)
        assert reader.shown == ["bonj"]
        clock.advance(60)
        await alive.sweep()
        await reader.read(follower, events=1)
    assert reader.shown == []


async def test_a_room_that_is_read_anew_shows_what_is_shown_now(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    first, second = await replicas.hub(redis_server), await replicas.hub(redis_server)
    people = [Person(f"s{number}", attachment=f"a{number}") for number in range(30)]
    await first.publish([person.interim(1, "x") for person in people])
    await first.publish([person.final(1, "x") for person in people[:10]])
    await first.publish([person.leaves() for person in people[10:20]])
    reader = Reader()
    with second.follow(ROOM) as follower:
        await reader.read(follower, events=21)
    assert reader.caught_up
    assert {key.session for key in reader.interims} == {f"s{number}" for number in range(20, 30)}


async def test_a_history_of_many_pieces_is_read_whole_and_then_the_end(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    count = 2 * PIECE + 50
    reader, late = Reader(), Reader()
    with hub.follow(ROOM) as follower:
        await reader.read(follower, events=1)
        await hub.publish([CLAIRE.final(number, f"n{number}") for number in range(1, count + 1)])
        await hub.end(ROOM)
        await reader.read(follower)
    with hub.follow(ROOM) as follower:
        await late.read(follower)
    assert reader.text == late.text == [f"n{number}" for number in range(1, count + 1)]
    assert reader.ended
    assert late.ended


async def test_what_is_live_waits_for_the_finals_before_it(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    await hub.publish([CLAIRE.joins()])
    log = RoomLog()
    reader = RoomReader(hub._redis, room_keys(ROOM), log)
    await reader.synchronise()
    await hub.publish([CLAIRE.final(number) for number in range(1, PIECE + 2)])
    await hub.publish([CLAIRE.interim(PIECE + 2)])
    await hub.end(ROOM)
    assert await reader.follow()
    assert (len(log), log.ended, log.interims) == (PIECE, False, ())
    assert await reader.follow()
    assert (len(log), log.ended, len(log.interims)) == (PIECE + 1, True, 1)


# --- What Redis holds


async def test_redis_holds_little_more_than_the_history_and_nothing_for_ever(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server, history_size=100, history_age=600, grace=60)
    for number in range(1, 1001):
        await hub.publish([CLAIRE.interim(number, "x"), CLAIRE.final(number, f"n{number}")])
    meta, finals, live, *others = room_keys(ROOM)
    assert 100 <= int(redis_server.run("xlen", finals)) <= 200 + 1
    assert int(redis_server.run("xlen", live)) <= LIVE_SIZE + 101
    for key in (meta, finals, live, *others):
        assert 0 < int(redis_server.run("ttl", key)) <= 600 + 60 + 45 + 60
    history = await hub.history(ROOM)
    assert history is not None
    assert [each.said.caption.id for each in history.captions] == list(range(901, 1001))


async def test_nothing_is_left_of_a_deleted_room(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    await hub.publish([CLAIRE.final(1, "secret"), CLAIRE.interim(2, "secret"), CLAIRE.leaves()])
    await hub.delete(ROOM)
    *_, live, _, _, heard = room_keys(ROOM)
    # What wakes its readers, and what keeps that which is told again from coming back.
    assert set(redis_server.run("keys", "*").splitlines()) == {live, heard}
    assert "secret" not in redis_server.run("xrange", live, "-", "+")
    assert all(0 < int(redis_server.run("ttl", key)) <= 60 for key in (live, heard))


async def test_a_record_that_cannot_be_read_does_not_end_the_reading(
    redis_server: RedisServer, replicas: Replicas
) -> None:
    hub = await replicas.hub(redis_server)
    await hub.publish([CLAIRE.final(1, "un")])
    meta, finals, *_ = room_keys(ROOM)
    epoch, last = redis_server.run("hmget", meta, "epoch", "last").splitlines()
    bad = f"{int(last) + 1}-0"
    fields = ["e", epoch, "p", last, "a", "1", "c", "{}"]
    redis_server.run("xadd", finals, bad, *fields)
    redis_server.run("hset", meta, "last", bad[:-2])
    reader = Reader()
    with capture_logs() as logs, hub.follow(ROOM) as follower:
        while not any(entry["event"] == "room_not_read" for entry in logs):
            assert await follower.next(timeout=0.01) is None
        assert await hub.delete(ROOM)
        await hub.publish([CLAIRE.final(2, "deux")])
        await reader.read(follower, until="deux")


# --- Settings


async def test_the_password_comes_from_a_file(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, password="sésame ouvre-toi")
    server.start()
    try:
        file = tmp_path / "password"
        file.write_text("sésame ouvre-toi\n", encoding="utf-8")
        settings = Settings(room_hub=server.url, redis_password_file=file)
        async with redis_hub(settings, RoomLimits(), SystemClock(), Metrics()) as hub:
            await hub.publish([CLAIRE.final(1, "un")])
        without = Settings(room_hub=server.url)
        async with redis_hub(without, RoomLimits(), SystemClock(), Metrics()) as hub:
            with pytest.raises(Unavailable):
                await hub.publish([CLAIRE.final(1, "un")])
    finally:
        server.kill()


def test_a_password_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    settings = Settings(room_hub="redis://localhost", redis_password_file=tmp_path / "none")
    with pytest.raises(ConfigError, match="none: No such file"):
        redis_hub(settings, RoomLimits(), SystemClock(), Metrics())


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(ValueError, match="redis_password_file"):
        Settings(room_hub="redis://:secret@localhost:6379/0")
    assert Settings(room_hub="rediss://captions@redis.example.org:6379/0").room_hub


async def test_the_rights_that_operations_gives_the_user_are_enough_and_few(
    redis_server: RedisServer, tmp_path: Path, root: Path
) -> None:
    page = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    (line,) = (line for line in page.splitlines() if line.startswith("user captioner "))
    redis_server.run("acl", "setuser", *line.split()[1:])
    (tmp_path / "password").write_text("PASSWORD")
    settings = Settings(
        room_hub=redis_server.url.replace("unix://", "unix://captioner@"),
        redis_password_file=tmp_path / "password",
    )
    async with redis_hub(settings, RoomLimits(max_rooms=1), SystemClock(), Metrics()) as hub:
        await hub.publish([CLAIRE.joins(), CLAIRE.final(1, "un"), CLAIRE.interim(2, "de")])
        with hub.follow(ROOM) as follower:
            await Reader().read(follower, until="un")
        assert [status.name for status in await hub.rooms()] == [ROOM]
        assert await hub.end(ROOM)
        await hub.sweep()
        assert (await hub.history(ROOM)) is not None
        assert await hub.delete(ROOM)
    as_user = ("--user", "captioner", "--pass", "PASSWORD", "--no-auth-warning")
    for refused in (["keys", "*"], ["config", "get", "*"], ["get", "other"], ["eval", "", "0"]):
        assert redis_server.run(*as_user, *refused).startswith("NOPERM")
    redis_server.run("acl", "deluser", "captioner")
