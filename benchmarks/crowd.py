"""Tracks that come one after the other, are refused, wait as they are told, and come again."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from recordings import SAMPLE_BYTES, Span, Take, trim
from servers import Target, read_gauges
from tracks import TrackLog, play_track, session_config

from captioner.cli.playback import Pace
from captioner.clock import Clock
from captioner.evaluation.truth import TimedWord
from captioner.live import SessionConfig
from captioner.rpc.client import CaptionerClient
from captioner.rpc.status import code_of
from captioner.transcript import SAMPLE_RATE

SHORTEST = 3.0  # seconds of talk that are worth coming for
JITTER = 0.1  # of the delay that a server asks for: clients do not come back in step
SEED = 20_261_124
WATCH_PERIOD = 1.0  # seconds between two looks at the server


@dataclass(frozen=True, slots=True)
class Visit:
    """When a track comes, its speaker begins, and both end; seconds after the origin."""

    asks: float
    talks: float
    ends: float
    stays: float = math.inf
    """Seconds after which a track that was let in leaves."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer of a server that was full."""

    at: float
    """Seconds after the origin."""
    status: str
    retry_after: float
    """Seconds, as the status says (RetryInfo)."""
    text: str


@dataclass(slots=True)
class Member:
    """What became of one track; times in seconds after the origin."""

    visit: Visit
    refusals: list[Refusal] = field(default_factory=list)
    joined: float | None = None
    """When it was taken; its own clock begins there."""
    log: TrackLog | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """How the server said that it was."""

    at: float
    """Seconds after the origin."""
    gauges: dict[str, float]


async def play_crowd(
    client: CaptionerClient,
    takes: Sequence[Take],
    visits: Sequence[Visit],
    *,
    origin: float,
    clock: Clock,
) -> list[Member]:
    """Let every take come at its time, and play until its end; returns when all are over.

    Args:
        client: of the server.
        takes: long enough for the whole time.
        visits: when each comes and ends.
        origin: in seconds of the clock.
        clock: the time.
    """
    members = [Member(visit) for visit in visits]
    async with asyncio.TaskGroup() as group:
        for index, (member, take) in enumerate(zip(members, takes, strict=True)):
            config = session_config(f"{index:03}")
            guest = _Guest(client, config, take, member, random.Random(SEED + index))  # noqa: S311
            group.create_task(guest.attend(origin=origin, clock=clock))
    return members


@dataclass(frozen=True, slots=True)
class _Guest:
    client: CaptionerClient
    config: SessionConfig
    take: Take
    member: Member
    chance: random.Random

    async def attend(self, *, origin: float, clock: Clock) -> None:
        """Ask to be let in, as long as it is worth it, and talk."""
        member = self.member
        await asyncio.sleep(max(0.0, origin + member.visit.asks - clock.monotonic()))
        while (now := clock.monotonic() - origin) + SHORTEST < member.visit.ends:
            silence = max(0.0, member.visit.talks - now)
            stays = min(member.visit.ends - now, member.visit.stays)
            take = after_silence(trim(self.take, max(0.0, stays - silence)), silence)
            member.joined, member.log = now, TrackLog(take)
            pace = Pace(origin + now)
            refusal = await play_track(self.client, self.config, member.log, pace, clock)
            if refusal is None:
                return
            member.joined = member.log = None
            member.refusals.append(
                Refusal(
                    clock.monotonic() - origin,
                    code_of(refusal).name,
                    refusal.retry_after,
                    str(refusal),
                )
            )
            await asyncio.sleep(refusal.retry_after * (1.0 + self.chance.uniform(0.0, JITTER)))


def after_silence(take: Take, seconds: float) -> Take:
    """The same take, later."""
    samples = round(seconds * SAMPLE_RATE)
    shift = samples / SAMPLE_RATE
    return replace(
        take,
        audio=bytes(samples * SAMPLE_BYTES) + take.audio,
        words=tuple(TimedWord(w.text, w.start + shift, w.end + shift) for w in take.words),
        utterances=tuple(Span(each.start + shift, each.end + shift) for each in take.utterances),
    )


@asynccontextmanager
async def watched(target: Target, *, origin: float, clock: Clock) -> AsyncIterator[list[Look]]:
    """Note every second, while the body runs, how the server says that it is."""
    looks: list[Look] = []
    watching = asyncio.create_task(_watch(target, looks, origin, clock))
    try:
        yield looks
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _watch(target: Target, looks: list[Look], origin: float, clock: Clock) -> None:
    while True:
        at = clock.monotonic() - origin
        with contextlib.suppress(OSError):  # it is too busy to tell
            looks.append(Look(at, await read_gauges(target)))
        await asyncio.sleep(WATCH_PERIOD)
