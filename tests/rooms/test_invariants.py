"""What must hold whatever is said, read, resumed, ended or deleted, in whatever order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis_fakes import RedisServer
from room_fakes import ROOM, Person, Reader

from captioner.clock import ManualClock
from captioner.errors import Unavailable
from captioner.metrics import Metrics
from captioner.rooms.captions import CaptionKey, RoomEnded
from captioner.rooms.follower import Follower
from captioner.rooms.hub import RoomHub
from captioner.rooms.memory import MemoryHub
from captioner.rooms.notices import Notice, Spoke
from captioner.rooms.publisher import LATELY
from captioner.rooms.redis import RedisHub
from captioner.rooms.room import RoomLimits

LIMITS = RoomLimits(history_size=10, history_age=600.0, grace=100.0)
PEOPLE = 3
READERS = 3


# --- What may happen


@dataclass(frozen=True)
class Interim:
    person: int


@dataclass(frozen=True)
class Final:
    person: int
    text: str


@dataclass(frozen=True)
class Burst:
    """So many finals at once."""

    person: int
    count: int


@dataclass(frozen=True)
class Resume:
    person: int


@dataclass(frozen=True)
class Zombie:
    """The attachment before a resumption finalizes what it had, and goes."""

    person: int


@dataclass(frozen=True)
class Leave:
    person: int


@dataclass(frozen=True)
class Repeat:
    """What was told lately is told again, as after a lost answer."""


@dataclass(frozen=True)
class Read:
    reader: int
    events: int


@dataclass(frozen=True)
class Reconnect:
    reader: int


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class End:
    pass


@dataclass(frozen=True)
class Delete:
    pass


Step: TypeAlias = (
    Interim
    | Final
    | Burst
    | Resume
    | Zombie
    | Leave
    | Repeat
    | Read
    | Reconnect
    | Wait
    | End
    | Delete
)

person = st.integers(0, PEOPLE - 1)
reader = st.integers(0, READERS - 1)
rare = st.one_of(
    st.builds(Resume, person),
    st.builds(Zombie, person),
    st.builds(Leave, person),
    st.builds(Burst, person, st.integers(2, 14)),
    st.builds(Wait, st.sampled_from([1.0, 50.0, 150.0, 700.0])),
    st.just(End()),
    st.just(Delete()),
)
steps = st.lists(
    st.one_of(
        st.builds(Interim, person),
        st.builds(Interim, person),
        st.builds(Final, person, st.sampled_from(["mot", "deux mots", ""])),
        st.builds(Read, reader, st.integers(1, 6)),
        st.builds(Reconnect, reader),
        st.just(Repeat()),
        rare,
    ),
    max_size=60,
)


@dataclass
class Speaking:
    """A person, the captions so far, and the attachment before the present one."""

    person: Person
    number: int = 1
    revision: int = 0
    before: Person | None = None
    sessions: int = 1


@dataclass
class Meeting:
    """A hub, who speaks, who reads, and what was published by the rules."""

    hub: RoomHub
    clock: ManualClock
    people: list[Speaking]
    readers: list[Reader]
    followers: list[Follower]
    lately: list[Notice] = field(default_factory=list)
    epoch: str = ""
    finals: list[CaptionKey] = field(default_factory=list)

    async def do(self, step: Step) -> None:
        match step:
            case Zombie(person=index):
                await self.haunt(self.people[index])
            case Repeat():
                await self.publish([it for it in self.lately if _is_final(it)])
            case Read(reader=index, events=events):
                self.read(index, events)
            case Reconnect(reader=index):
                self.reconnect(index)
            case Wait(seconds=seconds):
                self.clock.advance(seconds)
                self.lately = self.lately if seconds < LATELY else []
                await self.hub.sweep()
            case End():
                await self.hub.end(ROOM)
            case Delete():
                await self.hub.delete(ROOM)
            case _:
                pass
        await self.tell(self.said(step))

    async def publish(self, notices: list[Notice]) -> None:
        try:
            await self.hub.publish(notices)
        except Unavailable:  # to be told again, as publishers do
            await self.hub.publish(notices)

    def said(self, step: Step) -> list[Notice]:
        """What somebody tells in a step, if anybody does."""
        match step:
            case Interim(person=index):
                return [self.interim(self.people[index])]
            case Final(person=index, text=text):
                return [self.final(self.people[index], text)]
            case Burst(person=index, count=count):
                return [self.final(self.people[index], "mot") for _ in range(count)]
            case Resume(person=index):
                return [self.resume(self.people[index])]
            case Leave(person=index):
                return [self.leave(self.people[index])]
            case _:
                return []

    async def tell(self, said: list[Notice]) -> None:
        await self.publish(said)
        self.lately = [*self.lately, *said][-5:]
        history = await self.hub.history(ROOM)
        epoch = history.position.epoch if history else ""
        if epoch != self.epoch:
            self.epoch, self.finals = epoch, []
        self.finals += [it.said.key for it in said if isinstance(it, Spoke) and _is_final(it)]
        if history:
            kept = [each.said.key for each in history.captions]
            assert kept == self.finals[len(self.finals) - len(kept) :]

    def interim(self, who: Speaking) -> Notice:
        who.revision += 1
        return who.person.interim(who.number, "euh " * who.revision, who.revision)

    def final(self, who: Speaking, text: str) -> Notice:
        who.number, who.revision = who.number + 1, 0
        return who.person.final(who.number - 1, text)

    def resume(self, who: Speaking) -> Notice:
        who.before, who.revision = who.person, 0
        who.person = who.person.resumed(who.person.attachment + "'")
        return who.person.joins()

    def leave(self, who: Speaking) -> Notice:
        """Go; whoever speaks next on the track has a new session."""
        gone = who.person
        who.sessions += 1
        session = f"{gone.session.partition('/')[0]}/{who.sessions}"
        who.person = replace(gone, session=session, attachment="a")
        who.number, who.revision, who.before = 1, 0, None
        return gone.leaves()

    async def haunt(self, who: Speaking) -> None:
        if who.before is not None:
            old = who.before
            late: list[Notice] = [
                old.interim(who.number),
                old.final(who.number, "coupé"),
                old.leaves(),
            ]
            await self.publish(late)

    def read(self, index: int, events: int) -> None:
        reader = self.readers[index]
        for _ in range(events):
            event = None if reader.ended else self.followers[index].ready()
            if event is None:
                return
            reader.take(event)

    def reconnect(self, index: int) -> None:
        self.followers[index].__exit__()
        self.readers[index].begin()
        follower = self.hub.follow(ROOM, self.readers[index].position)
        self.followers[index] = follower.__enter__()

    async def finish(self) -> None:
        """Everybody reads on to a last final; then all have the same, without a gap."""
        last = Person("fin", attachment="fin")
        await self.tell([last.joins(), last.final(1, "FIN")])
        for index, reader in enumerate(self.readers):
            if reader.ended:
                self.reconnect(index)
            await self.read_to_the_end(index)
            finals = list(reader.finals)
            assert finals == self.finals[len(self.finals) - len(finals) :]
            history = await self.hub.history(ROOM)
            assert history is not None
            assert len(finals) >= len(history.captions)
            assert reader.caught_up
        first, *others = self.readers
        assert all(other.interims == first.interims for other in others)
        assert not any(key in set(self.finals) for key in first.interims)

    async def read_to_the_end(self, index: int) -> None:
        reader, follower = self.readers[index], self.followers[index]
        while reader.text[-1:] != ["FIN"]:
            event = await follower.next()
            assert event is not None
            reader.take(event)
            if isinstance(event, RoomEnded):
                self.reconnect(index)
                follower = self.followers[index]
        while (event := follower.ready()) is not None:
            reader.take(event)


def _is_final(notice: Notice) -> bool:
    return isinstance(notice, Spoke) and notice.said.caption.final


async def hold(hub: RoomHub, clock: ManualClock, happened: list[Step]) -> None:
    followers = [hub.follow(ROOM) for _ in range(READERS)]
    meeting = Meeting(
        hub=hub,
        clock=clock,
        people=[Speaking(Person(f"s{index}", attachment="a")) for index in range(PEOPLE)],
        readers=[Reader() for _ in followers],
        followers=[follower.__enter__() for follower in followers],
    )
    async with hub:
        try:
            for step in happened:
                await meeting.do(step)
            await meeting.finish()
        finally:
            for follower in meeting.followers:
                follower.__exit__()


TOO_SLOW = [Burst(0, 14), Read(0, 1), Burst(1, 14), Read(0, 3), Burst(0, 14), Reconnect(0)]
RESUMED = [Interim(0), Read(0, 2), Resume(0), Zombie(0), Interim(0), Read(0, 2), Final(0, "mot")]
DELETED = [Final(0, "mot"), Interim(1), Read(0, 3), Delete(), Repeat(), Interim(1), Read(0, 9)]
REOPENED = [Final(0, "mot"), Leave(0), Read(0, 2), End(), Read(0, 3), Final(0, "mot"), Repeat()]


@given(steps)
@example(TOO_SLOW)
@example(RESUMED)
@example(DELETED)
@example(REOPENED)
@settings(deadline=None, max_examples=150)
def test_every_reader_ends_with_the_finals_in_order_in_memory(happened: list[Step]) -> None:
    clock = ManualClock(1_000_000.0)
    hub = MemoryHub(LIMITS, clock, Metrics())
    asyncio.run(hold(hub, clock, happened))


@given(steps)
@example(TOO_SLOW)
@example(RESUMED)
@example(DELETED)
@example(REOPENED)
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_reader_ends_with_the_finals_in_order_over_redis(
    redis_server: RedisServer, happened: list[Step]
) -> None:
    async def run() -> None:
        clock = ManualClock(1_000_000.0)
        await hold(RedisHub(redis_server.url, LIMITS, clock, Metrics()), clock, happened)

    redis_server.run("flushall")
    asyncio.run(run())
