"""So many people talking at once, in real time, through the real batcher and the real engine."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from gpu_device import Reading
from gpu_talk import Script, ScriptedActivity, Scripts, bounded, heard
from gpu_timing import Call, TimedEngine

from captioner.asr.engine import DecodeRow, Engine, Float32
from captioner.asr.whisper import WhisperEngine, WhisperSettings
from captioner.clock import Clock, SystemClock
from captioner.errors import CaptionerError
from captioner.metrics import Metrics
from captioner.models.manifest import Manifest
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.policy import Priority, Rules
from captioner.streaming.actions import Abandon, Action, Decode, Emit, Purpose, Stopped
from captioner.streaming.effort import EffortRule
from captioner.streaming.session import Session
from captioner.streaming.settings import Effort, StreamingSettings
from captioner.transcript import SAMPLE_RATE, Caption

CHUNK = 1536  # samples that a session takes at once, as in the service: 96 ms
TURNS = 8  # rounds in which all sessions are fed once, one part of them each
CALL_TIMEOUT = 60.0  # seconds
HOPELESS = 5.0  # seconds that a request may wait before a run is given up as too much
CENSORED = 2.0  # seconds after which a word that is not shown yet counts, with its age
PRIORITIES = {Purpose.FINAL: Priority.FINAL, Purpose.INTERIM: Priority.INTERIM}


@dataclass
class Tally:
    """What happened in a run after its start."""

    since: float
    """Words and finals of speech before this moment do not count."""
    displayed: list[float] = field(default_factory=list)
    """Latencies in seconds."""
    finalised: list[float] = field(default_factory=list)
    hops: list[float] = field(default_factory=list)
    """Seconds of new audio between the interims of an utterance."""
    failures: Counter[str] = field(default_factory=Counter)
    unseen: int = 0
    """Words and finals that had not come by the end, though they were late already."""
    lateness: list[float] = field(default_factory=list)
    """Of the event loop, seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one process saw of a step."""

    tally: Tally
    before: Reading
    after: Reading
    calls: list[Call]
    workers: int
    given_up: bool


class Speaker:
    """One session, fed in real time, whose decodes the batcher answers."""

    def __init__(
        self,
        name: str,
        script: Script,
        settings: StreamingSettings,
        *,
        batcher: Batcher,
        clock: Clock,
        tally: Tally,
        start: float,
    ) -> None:
        self._name = name
        self._script = script
        self._session = Session(settings, ScriptedActivity(script))
        self._batcher = batcher
        self._clock = clock
        self._tally = tally
        self._start = start
        self._decodes: dict[int, asyncio.Task[None]] = {}
        self._shown = 0
        self._ended: deque[int] = deque()
        self._last_edge: int | None = None

    def hear(self, noise: Callable[[int], Float32], effort: Effort) -> None:
        """Take the audio that a microphone would have sent by now; finals may cost that much."""
        self._session.effort = effort
        due = int((self._clock.monotonic() - self._start) * SAMPLE_RATE) - self._session.received
        for _ in range(due // CHUNK):
            self._perform(self._session.receive(noise(CHUNK)))

    def stop(self) -> list[asyncio.Task[None]]:
        """Count what should have come by now; give up the rest."""
        now = self._clock.monotonic()
        while self._shown < len(self._script.words):
            spoken = self._time(self._script.ends[self._shown])
            if now - spoken < CENSORED:
                break
            self._count(self._tally.displayed, spoken, now - spoken, unseen=True)
            self._shown += 1
        for position in self._ended:
            last = self._time(self._script.ends[self._last_word(position)])
            if now - last >= CENSORED:
                self._count(self._tally.finalised, last, now - last, unseen=True)
        tasks = list(self._decodes.values())
        for task in tasks:
            task.cancel()
        return tasks

    def _time(self, position: int) -> float:
        """When a position was spoken."""
        return self._start + position / SAMPLE_RATE

    def _last_word(self, before: int) -> int:
        return max(0, bisect_left(self._script.middles, before) - 1)

    def _count(
        self, latencies: list[float], spoken: float, late: float, *, unseen: bool = False
    ) -> None:
        if spoken >= self._tally.since:
            latencies.append(late)
            self._tally.unseen += unseen

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Decode():
                    task = asyncio.create_task(self._decode(action))
                    self._decodes[action.id] = task
                    task.add_done_callback(partial(self._decode_ended, action.id))
                case Abandon(decode_id):
                    if decode_id in self._decodes:
                        self._decodes[decode_id].cancel()
                case Stopped(position):
                    self._ended.append(position)
                    self._last_edge = None
                case Emit():
                    self._see(action)
                case _:
                    pass

    async def _decode(self, decode: Decode) -> None:
        def refresh(suits: Callable[[DecodeRow], bool]) -> DecodeRow | None:
            nonlocal decode
            newer = self._session.refresh(decode.id, suits)
            decode = newer or decode
            return None if newer is None else bounded(newer, self._script)

        try:
            await self._batcher.submit(
                bounded(decode, self._script),
                session=self._name,
                priority=PRIORITIES[decode.purpose],
                deadline=self._clock.monotonic(),
                refresh=refresh,
            )
        except CaptionerError as error:
            self._tally.failures[type(error).__name__] += 1
            self._perform(self._session.failed(decode.id))
            return
        if decode.purpose is Purpose.INTERIM:
            self._observe_hop(decode.edge)
        self._perform(self._session.decoded(decode.id, heard(decode, self._script)))

    def _decode_ended(self, decode_id: int, task: asyncio.Task[None]) -> None:
        del self._decodes[decode_id]
        if not task.cancelled() and (error := task.exception()):
            self._tally.failures[type(error).__name__] += 1

    def _observe_hop(self, edge: int) -> None:
        if self._last_edge is not None and self._time(edge) >= self._tally.since:
            self._tally.hops.append((edge - self._last_edge) / SAMPLE_RATE)
        self._last_edge = edge

    def _see(self, emit: Emit) -> None:
        caption, now = emit.caption, self._clock.monotonic()
        for word in caption.words:
            if (index := self._script.at(word)) >= self._shown:
                spoken = self._time(self._script.ends[index])
                self._count(self._tally.displayed, spoken, now - spoken)
                self._shown = index + 1
        if emit.restart is not None:
            self._see_final(caption, now, emit.restart.position)

    def _see_final(self, caption: Caption, now: float, end: int) -> None:
        while self._ended and self._ended[0] <= end:
            self._ended.popleft()
        if caption.words:
            spoken = self._time(caption.words[-1].end)
            self._count(self._tally.finalised, spoken, now - spoken)


class Load:
    """A loaded engine behind a batcher, and speakers on it: an async context manager."""

    def __init__(
        self,
        directory: Path,
        manifest: Manifest,
        whisper: WhisperSettings,
        *,
        scripts: Scripts,
        streaming: StreamingSettings,
        max_batch: int = 0,
        effort: EffortRule | None = None,
    ) -> None:
        self._scripts = scripts
        self._streaming = streaming
        self._clock = SystemClock()
        self._engine: TimedEngine | None = None
        self._effort = effort or EffortRule()

        def factory() -> Engine:
            self._engine = TimedEngine(WhisperEngine(directory, manifest, whisper))
            return self._engine

        self._batcher = Batcher(
            factory,
            self._clock,
            rules=Rules(max_batch=max_batch),
            timeout=CALL_TIMEOUT,
            metrics=Metrics(),
        )

    async def __aenter__(self) -> Self:
        await self._batcher.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._batcher.close()

    @property
    def compute_type(self) -> str:
        """What the weights are computed in."""
        return self._batcher.info.compute_type

    async def step(self, speakers: Sequence[int], *, seconds: float, warm_up: float) -> Seen:
        """Let these people talk for `warm_up` seconds, then watch them for `seconds`."""
        start = self._clock.monotonic()
        tally = Tally(since=start + warm_up)
        sessions = [
            Speaker(
                str(number),
                self._scripts.script(number, warm_up + seconds + 1),
                self._streaming,
                batcher=self._batcher,
                clock=self._clock,
                tally=tally,
                start=start + place / len(speakers) * CHUNK / SAMPLE_RATE,
            )
            for place, number in enumerate(speakers)
        ]
        engine = self._loaded
        given_up = await self._feed(sessions, tally, until=start + warm_up)
        before = Reading.now()
        engine.calls.clear()
        given_up = given_up or await self._feed(sessions, tally, until=start + warm_up + seconds)
        after, calls = Reading.now(), list(engine.calls)
        gone = [task for session in sessions for task in session.stop()]
        await asyncio.gather(*gone, return_exceptions=True)
        await self._come_to_rest()
        return Seen(tally, before, after, calls, engine.workers, given_up=given_up)

    @property
    def _loaded(self) -> TimedEngine:
        if self._engine is None:
            raise AssertionError("the engine is loaded on entering")
        return self._engine

    async def _feed(self, speakers: Sequence[Speaker], tally: Tally, *, until: float) -> bool:
        """Feed everybody until then; True when it was given up."""
        noise = _Noise()
        pause, turn, due = CHUNK / SAMPLE_RATE / TURNS, 0, self._clock.monotonic()
        while (now := self._clock.monotonic()) < until:
            tally.lateness.append(now - due)
            if self._batcher.backlog > HOPELESS:
                return True
            effort = self._effort.at(self._batcher.load / self._batcher.workers)
            for speaker in speakers[turn % TURNS :: TURNS]:
                speaker.hear(noise.take, effort)
            turn, due = turn + 1, max(due + pause, self._clock.monotonic())
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
        return False

    async def _come_to_rest(self) -> None:
        """Wait until no batch is computed: what nobody waits for must not burden the next step."""
        idle = self._clock.monotonic() + CALL_TIMEOUT
        while self._loaded.computing and self._clock.monotonic() < idle:  # noqa: ASYNC110 - threads
            await asyncio.sleep(0.05)


class _Noise:
    """Quiet noise: sessions compute their features from it as they do from speech."""

    def __init__(self) -> None:
        values = np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE, np.float32)
        self._values = values * np.float32(0.05)
        self._at = 0

    def take(self, count: int) -> Float32:
        """The next samples."""
        if self._at + count > len(self._values):
            self._at = 0
        self._at += count
        return self._values[self._at - count : self._at]
