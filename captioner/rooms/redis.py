"""Rooms in Redis Streams, for replicas that serve the same rooms.

    publisher ──script──▶ Redis ──XREAD, one reader a room and process──▶ RoomLog ◀── followers

What is said is written by one script, so that replicas need not agree on anything else. What is
read goes into a log of this process, which its followers share: a thousand cost Redis one.

A Redis that is away stops nothing: publishers keep what they could not tell, followers wait. When
it comes back as it was, reading goes on where it was; when it lost something, the room has another
epoch, or its finals do not join up, and followers start afresh.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from captioner.clock import Clock
from captioner.config import Settings
from captioner.errors import ConfigError, Unavailable
from captioner.metrics import Metrics
from captioner.rooms.captions import Delivered, RoomHistory, RoomStatus
from captioner.rooms.follower import FollowedRoom, Follower, Followers
from captioner.rooms.log import RoomLog
from captioner.rooms.notices import Joined, Left, Notice, Present, Spoke
from captioner.rooms.position import Position, check_room_name
from captioner.rooms.records import FORMAT, read_presence, write_caption, write_speaker
from captioner.rooms.redis_reader import Diverged, RoomReader
from captioner.rooms.redis_script import HUB_KEYS, LIVE_SIZE, ROOM_KEYS, SCRIPT
from captioner.rooms.room import LEASE, REMEMBERED, TOLD_AGAIN, RoomLimits

PREFIX = f"captioner:{FORMAT}"
SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # how Redis calls a script
EPOCH_BYTES = 6
ANSWER = 5.0  # seconds that Redis has to answer
CONNECTIONS = 16  # beyond one for each room that is followed
PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds between two attempts to read
MOST_DOUBLINGS = 10  # of the pause, which is at its longest before
MARGIN = 60.0  # seconds that keys live longer than anybody needs them

log = structlog.get_logger(__name__)


def redis_hub(settings: Settings, limits: RoomLimits, clock: Clock, metrics: Metrics) -> RedisHub:
    """The hub of the settings, which name a Redis; it is not connected yet.

    Raises:
        ConfigError: the password cannot be read.
    """
    password = None
    if path := settings.redis_password_file:
        try:
            password = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"cannot read the password in {path}: {error.strerror}") from None
    return RedisHub(settings.room_hub, limits, clock, metrics, password=password)


@dataclass(slots=True)
class _Mirror:
    """A room that is followed here, and the task that reads it."""

    followed: FollowedRoom
    task: asyncio.Task[None]


class RedisHub:
    """A `RoomHub` that any number of replicas share."""

    def __init__(
        self,
        url: str,
        limits: RoomLimits,
        clock: Clock,
        metrics: Metrics,
        *,
        password: str | None = None,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._metrics = metrics
        self._redis = Redis.from_url(
            url,
            password=password,
            decode_responses=True,
            protocol=2,  # answers of one shape, whatever the version of the library
            socket_timeout=ANSWER,
            socket_connect_timeout=ANSWER,
            max_connections=limits.max_rooms + CONNECTIONS,
            retry=Retry(NoBackoff(), 0),  # done here
        )
        self._kept: dict[str, tuple[str, str]] = {}  # epoch and sequence that Redis must have
        self._mirrors: dict[str, _Mirror] = {}
        self._readers: set[asyncio.Task[None]] = set()  # those that were cancelled included
        self._followers = Followers(limits.max_followers, metrics)

    async def __aenter__(self) -> Self:
        """Nothing is reached before it is needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Dismiss the followers that are left, and disconnect."""
        self.dismiss()
        for mirror in self._mirrors.values():
            mirror.task.cancel()
        await self._redis.aclose()  # ends the reads that a cancellation did not
        await asyncio.gather(*self._readers, return_exceptions=True)

    # --- writing

    async def publish(self, notices: Sequence[Notice]) -> None:
        """Take in what sessions tell, in order."""
        full = await self._tell(notices)
        while full and await self._make_room():
            refused = await self._tell(full)
            if len(refused) == len(full):
                break
            full = refused
        for notice in full:
            if isinstance(notice, Spoke):
                self._metrics.room_captions_dropped.labels("rooms").inc()
        if full:
            log.warning("room_refused", limit=self._limits.max_rooms)

    async def _tell(self, notices: Sequence[Notice]) -> list[Notice]:
        """Tell Redis; return those that found too many rooms.

        Raises:
            Unavailable: it cannot be reached, or it lost what it had been told.
        """
        calls = [self._call(_operation(notice), notice.voice.room, notice) for notice in notices]
        answers = await self._run(calls)
        lost = False
        for notice, answer in zip(notices, answers, strict=True):
            if answer.startswith("kept "):
                _, epoch, sequence = answer.split()
                self._kept[notice.voice.room] = epoch, sequence
            elif answer == "lost":
                lost = True
                self._kept.pop(notice.voice.room, None)
        if lost:
            raise Unavailable("the rooms lost what they had been told")
        pairs = zip(notices, answers, strict=True)
        return [notice for notice, answer in pairs if answer == "full"]

    async def _make_room(self) -> bool:
        """Forget the room that ended first; False: none has ended."""
        try:
            first: Any = await self._redis.zrange(f"{PREFIX}:ended", 0, 0)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from None
        if not first:
            return False
        await self._run([self._call("forget", first[0])])
        return True

    def _call(self, operation: str, room: str, notice: Notice | None = None) -> list[str]:
        limits = self._limits
        now = self._clock.wall()
        ttl = int(limits.history_age + limits.grace + LEASE + MARGIN)
        keys = [*room_keys(room), *(f"{PREFIX}:{name}" for name in HUB_KEYS)]
        arguments = (operation, room, secrets.token_hex(EPOCH_BYTES), repr(now), str(ttl))
        sizes = (limits.history_size, limits.max_rooms)
        times = (limits.history_age, limits.grace, LEASE)
        constants = (LIVE_SIZE, REMEMBERED, int(TOLD_AGAIN))
        kept = self._kept.get(room, ("", "0")) if notice else ("", "0")
        told = _told(notice, now) if notice else ()
        return [*keys, *arguments, *map(str, (*sizes, *times, *constants)), *kept, *told]

    async def _run(self, calls: list[list[str]]) -> list[str]:
        """Run the script for each call, in order and in one round trip.

        Raises:
            Unavailable: some may not have been run.
        """
        if not calls:
            return []
        try:
            answers = await self._pipeline(calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                await cast("Any", self._redis.script_load(SCRIPT))
                answers = await self._pipeline(calls)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from None
        for answer in answers:
            if isinstance(answer, Exception):
                raise _unavailable(answer)
        return [str(answer) for answer in answers]

    async def _pipeline(self, calls: list[list[str]]) -> list[Any]:
        pipeline: Any = self._redis.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(SHA, len(ROOM_KEYS) + len(HUB_KEYS), *call)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers

    async def end(self, room: str) -> bool:
        """End a room."""
        return await self._run([self._call("end", room)]) == ["yes"]

    async def delete(self, room: str) -> bool:
        """Forget what was said in a room."""
        self._kept.pop(room, None)
        return await self._run([self._call("delete", room)]) == ["yes"]

    async def sweep(self) -> None:
        """Do what time asks for, in the rooms of which it asks something."""
        now = self._clock.wall()
        for mirror in self._mirrors.values():
            self._trim(mirror.followed.log)
        index = f"{PREFIX}:index"
        try:
            due: Any = await self._redis.zrangebyscore(index, "-inf", repr(now))
            await self._run([self._call("sweep", room) for room in due])
            there: Any = await self._redis.zrange(index, 0, -1)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from None
        self._metrics.rooms.set(len(there))
        for room in self._kept.keys() - set(there):
            del self._kept[room]

    # --- following

    def follow(
        self, room: str, after: Position | None = None, *, interims: bool = True
    ) -> Follower:
        """Follow a room, which need not be there yet."""
        check_room_name(room)
        return Follower(
            after,
            interims=interims,
            enter=lambda: self._enter(room),
            leave=lambda: self._leave(room),
            on_reset=self._followers.on_reset,
        )

    def dismiss(self) -> None:
        """Let followers read what is there and send them elsewhere."""
        self._followers.dismissed = True
        for mirror in self._mirrors.values():
            mirror.followed.dismissed = True
            mirror.followed.notify()

    def _enter(self, name: str) -> FollowedRoom:
        mirror = self._mirrors.get(name)
        followed = mirror.followed if mirror else FollowedRoom(known=False)
        self._followers.enter(followed)
        if mirror is None:
            task = asyncio.create_task(self._read(name, followed), name="room reader")
            self._readers.add(task)
            task.add_done_callback(self._readers.discard)
            self._mirrors[name] = _Mirror(followed, task)
        return followed

    def _leave(self, name: str) -> None:
        mirror = self._mirrors[name]
        self._followers.leave(mirror.followed)
        if not mirror.followed.followers:
            mirror.task.cancel()
            del self._mirrors[name]

    async def _read(self, name: str, followed: FollowedRoom) -> None:
        """Keep the log of a room as Redis has it, for as long as somebody follows it."""
        reader = RoomReader(self._redis, room_keys(name), followed.log)
        failures = 0
        # A cancellation may get lost in the library (in `asyncio.wait_for` of Python 3.11): what
        # ends the reading for certain is that nobody wants it any more.
        while followed.wanted:
            try:
                await reader.synchronise()
                self._show(followed)
                failures = 0
                while followed.wanted:
                    if await reader.follow():
                        self._show(followed)
            except Diverged:
                continue
            except (RedisError, OSError, ValueError) as error:
                if failures == 0 and followed.wanted:
                    log.warning("room_not_read", error=type(error).__name__)
                failures = min(failures + 1, MOST_DOUBLINGS)
                await asyncio.sleep(min(LONGEST_PAUSE, PAUSE * 2**failures))

    def _show(self, followed: FollowedRoom) -> None:
        self._trim(followed.log)
        followed.known = True
        followed.notify()

    def _trim(self, room: RoomLog) -> None:
        limits = self._limits
        room.trim(limits.history_size, before=self._clock.wall() - limits.history_age)

    # --- looking

    async def history(self, room: str) -> RoomHistory | None:
        """The finals of a room that are kept."""
        read = RoomLog()
        try:
            meta = await RoomReader(self._redis, room_keys(room), read).synchronise()
        except (RedisError, OSError) as error:
            raise _unavailable(error) from None
        if not meta.epoch:
            return None
        self._trim(read)
        return RoomHistory(
            name=room,
            since=meta.since,
            ended=meta.ended,
            position=Position(read.epoch, read.last),
            complete=read.floor == 0,
            captions=tuple(
                Delivered(Position(read.epoch, kept.sequence), kept.said) for kept in read
            ),
        )

    async def rooms(self) -> tuple[RoomStatus, ...]:
        """The rooms that are there."""
        try:
            names: Any = await self._redis.zrange(f"{PREFIX}:index", 0, -1)
            pipeline: Any = self._redis.pipeline(transaction=False)
            for name in sorted(names):
                meta, finals, _, there, _, heard = room_keys(name)
                pipeline.hmget(meta, ["epoch", "since", "ended"])
                pipeline.hgetall(there)
                pipeline.hgetall(heard)
                pipeline.xlen(finals)
            answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise _unavailable(error) from None
        looks = (answers[index : index + 4] for index in range(0, len(answers), 4))
        return tuple(
            _status(name, *look)
            for name, look in zip(sorted(names), looks, strict=True)
            if look[0][0]
        )


def room_keys(room: str) -> tuple[str, ...]:
    """The keys of a room, in the order in which the script takes them."""
    name = quote(room, safe="")
    return tuple(f"{PREFIX}:room:{name}:{part}" for part in ROOM_KEYS)


def _status(
    name: str,
    meta: list[str | None],
    there: dict[str, str],
    heard: dict[str, str],
    captions: int,
) -> RoomStatus:
    _, since, ended = meta
    return RoomStatus(
        name=name,
        since=float(since or 0),
        ended=float(ended) if ended else None,
        speakers=tuple(
            read_presence(record, talking=heard.get(f"t:{session}") == "1")
            for session, record in there.items()
        ),
        captions=captions,
    )


def _operation(notice: Notice) -> str:
    match notice:
        case Joined():
            return "joined"
        case Present():
            return "present"
        case Spoke(said=said):
            return "final" if said.caption.final else "interim"
        case Left():
            return "left"


def _told(notice: Notice, now: float) -> tuple[str, ...]:
    """Session, attachment, speaker; then, of some, a number and a content."""
    voice = notice.voice
    common = voice.speaker.session, voice.attachment, write_speaker(voice.speaker, now)
    match notice:
        case Present(talking=talking):
            return (*common, str(int(talking)))
        case Spoke(said=said):
            return (*common, str(said.caption.id), write_caption(said))
        case _:
            return common


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"the rooms cannot be reached: {type(error).__name__}")
