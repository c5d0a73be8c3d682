"""From sessions to the hub: never waits, never fails, loses nothing that must be kept."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections import deque
from collections.abc import Hashable
from dataclasses import replace
from typing import Self

import structlog

from captioner.clock import Clock
from captioner.errors import Unavailable
from captioner.live import SessionConfig
from captioner.metrics import Metrics
from captioner.rooms.captions import RoomCaption, Speaker
from captioner.rooms.hub import RoomHub
from captioner.rooms.notices import Joined, Left, Notice, Present, Spoke, Voice
from captioner.rooms.room import LEASE
from captioner.transcript import SAMPLE_RATE, Caption

MAX_WAITING = 20_000  # notices that wait for a hub that is down: hours of a room's finals
BATCH = 100  # notices told at once
SWEEP = 2.0  # seconds between two rounds of what time asks for
RENEWAL = LEASE / 4  # seconds between two signs of life of a session
FLUSH = 3.0  # seconds that the end waits for what was not told yet
LATELY = 20.0  # seconds for which finals are kept that a hub may lose when it restarts
MOST_LATELY = 1000  # of them
PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two attempts
MOST_DOUBLINGS = 10  # of the pause, which is at its longest before

ATTACHMENT_BYTES = 6

log = structlog.get_logger(__name__)


class RoomVoice:
    """What one attachment of a session tells its room. No method waits or raises."""

    def __init__(self, publisher: RoomPublisher, voice: Voice, *, origin: float) -> None:
        self.voice = voice
        self._publisher = publisher
        self._origin = origin
        self._talking = False
        self._over = False
        self._publisher.attach(self)

    def begin_talking(self) -> None:
        """Somebody began to talk."""
        self._talking = True
        self.renew()

    def stop_talking(self) -> None:
        """The utterance ended."""
        self._talking = False
        self.renew()

    def say(self, caption: Caption) -> None:
        """Publish a caption at a new revision."""
        if self._over:
            return
        said = RoomCaption(self.voice.speaker, replace(caption, appended=""), self._origin)
        self._publisher.tell(Spoke(self.voice, said))

    def renew(self) -> None:
        """Give a sign of life."""
        if not self._over:
            self._publisher.tell(Present(self.voice, self._talking))

    def leave(self) -> None:
        """The session is over: what it still shows is retracted."""
        if not self._over:
            self.give_way()
            self._publisher.tell(Left(self.voice))

    def give_way(self) -> None:
        """The session was attached anew: its next attachment speaks for it."""
        self._over = True
        self._publisher.detach(self)


class Outbox:
    """Notices in the order to tell them; newer ones replace those they make pointless."""

    def __init__(self, metrics: Metrics) -> None:
        self._notices: dict[Hashable, Notice] = {}
        self._numbers = itertools.count()
        self._metrics = metrics

    def __len__(self) -> int:
        """How many wait."""
        return len(self._notices)

    def put(self, notice: Notice) -> None:
        """Add one at the end. What is beyond `MAX_WAITING` is lost, the oldest first."""
        key = self._key(notice)
        self._notices.pop(key, None)
        if isinstance(notice, Spoke) and notice.said.caption.final:
            self._notices.pop(("interim", notice.said.key), None)
        self._notices[key] = notice
        if len(self._notices) > MAX_WAITING:
            self._notices.pop(next(iter(self._notices)))
            self._metrics.room_captions_dropped.labels("waiting").inc()

    def take(self) -> list[Notice]:
        """Remove the first few."""
        keys = list(itertools.islice(self._notices, BATCH))
        return [self._notices.pop(key) for key in keys]

    def put_back(self, notices: list[Notice]) -> None:
        """Put what could not be told before everything else, but for interims."""
        kept = [notice for notice in notices if not _is_interim(notice)]
        waiting, self._notices = self._notices, {}
        for notice in kept:
            key = self._key(notice)
            if key not in waiting:
                self._notices[key] = notice
        self._notices |= waiting

    def _key(self, notice: Notice) -> Hashable:
        match notice:
            case Spoke(said=said) if not said.caption.final:
                return "interim", said.key
            case Present(voice=voice):
                return "present", voice.attachment
            case _:
                return next(self._numbers)


class RoomPublisher:
    """Publishes the captions of all sessions of the process; used as an async context manager."""

    def __init__(self, hub: RoomHub, clock: Clock, metrics: Metrics) -> None:
        self._hub = hub
        self._clock = clock
        self._metrics = metrics
        self._outbox = Outbox(metrics)
        self._voices: dict[RoomVoice, None] = {}
        self._lately: deque[tuple[float, Spoke]] = deque(maxlen=MOST_LATELY)
        self._wake = asyncio.Event()
        self._told = asyncio.Event()
        self._told.set()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def __aenter__(self) -> Self:
        """Begin to publish."""
        self._tasks = (
            asyncio.create_task(self._pump(), name="rooms"),
            asyncio.create_task(self._keep_house(), name="rooms housekeeping"),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Tell what is left, if the hub takes it in time."""
        await self.flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        if self._outbox:
            log.warning("room_notices_lost", waiting=len(self._outbox))

    def join(self, config: SessionConfig, session: str, *, received: int) -> RoomVoice:
        """Attach a session to its room.

        Args:
            config: what its client asked for.
            session: its identifier.
            received: how far it has got: when its client does not tell the time of sample 0, it
                is now that this position is captured.
        """
        origin = config.capture_time
        if origin is None:
            origin = self._clock.wall() - received / SAMPLE_RATE
        speaker = Speaker(session, config.track, config.speaker_identity, config.speaker_name)
        voice = Voice(config.room, speaker, secrets.token_hex(ATTACHMENT_BYTES))
        return RoomVoice(self, voice, origin=origin)

    async def flush(self) -> None:
        """Wait until the hub has taken in everything, for `FLUSH` seconds at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH):
                await self._told.wait()

    # --- what voices do

    def attach(self, voice: RoomVoice) -> None:
        """Have a voice in its room."""
        self._voices[voice] = None
        self.tell(Joined(voice.voice))

    def detach(self, voice: RoomVoice) -> None:
        """Give no more signs of life for a voice."""
        self._voices.pop(voice, None)

    def tell(self, notice: Notice) -> None:
        """Hand on a notice when the hub takes it."""
        self._outbox.put(notice)
        self._told.clear()
        self._wake.set()

    # --- in the background

    async def _pump(self) -> None:
        failures = 0
        while True:
            self._wake.clear()
            if not self._outbox:
                self._told.set()
                await self._wake.wait()
            batch = self._outbox.take()
            if await self._publish(batch, failures):
                failures = 0
                continue
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE * 2**failures))
            failures = min(failures + 1, MOST_DOUBLINGS)

    async def _publish(self, batch: list[Notice], failures: int) -> bool:
        """Tell a batch; False: it has to be told again."""
        try:
            await self._hub.publish(batch)
        except Unavailable as error:
            self._take_back(batch)
            self._metrics.room_publish_failures.inc()
            if not failures:
                log.warning("rooms_unreachable", error=str(error))
            return False
        except Exception:
            # A fault of ours must not end the publishing of all rooms.
            log.exception("room_notices_failed", notices=len(batch))
            return True
        if failures:
            log.info("rooms_reached_again", waiting=len(self._outbox))
        self._remember(batch)
        return True

    def _remember(self, batch: list[Notice]) -> None:
        now = self._clock.monotonic()
        for notice in batch:
            if isinstance(notice, Spoke) and notice.said.caption.final:
                self._lately.append((now, notice))

    def _take_back(self, batch: list[Notice]) -> None:
        """Tell a batch again, after what a hub that restarts may have lost of the ones before."""
        since = self._clock.monotonic() - LATELY
        lately: list[Notice] = [spoke for told, spoke in self._lately if told >= since]
        self._lately.clear()
        self._outbox.put_back(lately + batch)

    async def _keep_house(self) -> None:
        renewed = self._clock.monotonic()
        while True:
            await asyncio.sleep(SWEEP)
            now = self._clock.monotonic()
            if now - renewed >= RENEWAL:
                renewed = now
                for voice in self._voices:
                    voice.renew()
            with contextlib.suppress(Unavailable):  # the pump tells
                await self._hub.sweep()


def _is_interim(notice: Notice) -> bool:
    return isinstance(notice, Spoke) and not notice.said.caption.final
