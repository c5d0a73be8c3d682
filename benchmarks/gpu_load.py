"""So many people talking at once, in real time, through the real batcher and the real engine."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from figures import CAPACITY_DISPLAYED_P50, CAPACITY_FINALISED_P95
from gpu_device import Gauge, Reading, gauge
from gpu_talk import Script, ScriptedActivity, Scripts, bounded, heard

from captioner.asr.engine import Engine
from captioner.asr.whisper import WhisperEngine, WhisperSettings
from captioner.clock import Clock, SystemClock
from captioner.errors import CaptionerError
from captioner.metrics import Metrics
from captioner.models.manifest import Manifest
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.policy import Priority, Rules
from captioner.streaming.actions import Abandon, Action, Decode, Emit, Purpose, Stopped
from captioner.streaming.session import Session
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE, Caption

CHUNK = 1536  # samples that a session takes at once, as in the service: 96 ms
TURNS = 8  # rounds in which all sessions are fed once, one part of them each
CALL_TIMEOUT = 60.0  # seconds
HOPELESS = 5.0  # seconds that a request may wait before a run is given up as too much
CENSORED = 2.0  # seconds after which a word that is not shown yet counts, with its age
PRIORITIES = {Purpose.FINAL: Priority.FINAL, Purpose.INTERIM: Priority.INTERIM}


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the model."""

    stage: str
    """``encode``, ``generate`` or ``align``."""
    rows: int
    seconds: float


class Stopwatch:
    """The model, and how long each of its calls took. Used by several threads."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.calls: deque[Call] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, features: Any, **options: Any) -> Any:
        """Timed; the engine waits until the GPU is done before it returns."""
        return self._timed("encode", features.shape[0], self._model.encode, features, **options)

    def generate(self, memory: Any, prompts: Any, **options: Any) -> Any:
        """Timed."""
        return self._timed(
            "generate", len(prompts), self._model.generate, memory, prompts, **options
        )

    def align(self, memory: Any, start: Any, texts: Any, frames: Any, **options: Any) -> Any:
        """Timed."""
        return self._timed(
            "align", len(texts), self._model.align, memory, start, texts, frames, **options
        )

    def _timed(self, stage: str, rows: int, call: Callable[..., Any], *args: Any, **kw: Any) -> Any:
        begin = time.perf_counter()
        result = call(*args, **kw)
        self.calls.append(Call(stage, rows, time.perf_counter() - begin))
        return result


def timed_engine(
    directory: Path, manifest: Manifest, settings: WhisperSettings
) -> tuple[WhisperEngine, Stopwatch]:
    """The service's engine, with a stopwatch around its model."""
    engine = WhisperEngine(directory, manifest, settings)
    watch = Stopwatch(engine._model)  # noqa: SLF001 - what only this benchmark wants to know
    engine._model = watch  # noqa: SLF001
    return engine, watch


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

    def hear(self, noise: Callable[[int], np.ndarray[Any, Any]]) -> None:
        """Take the audio that a microphone would have sent by now."""
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
        return max(0, self._script.within(0, before).stop - 1)

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
                    task.add_done_callback(lambda _, id=action.id: self._decodes.pop(id, None))
                case Abandon(decode_id):
                    if task := self._decodes.pop(decode_id, None):
                        task.cancel()
                case Stopped(position):
                    self._ended.append(position)
                    self._last_edge = None
                case Emit():
                    self._see(action)
                case _:
                    pass

    async def _decode(self, decode: Decode) -> None:
        try:
            await self._batcher.submit(
                bounded(decode, self._script),
                session=self._name,
                priority=PRIORITIES[decode.purpose],
                deadline=self._clock.monotonic(),
            )
        except CaptionerError as error:
            self._tally.failures[type(error).__name__] += 1
            self._perform(self._session.failed(decode.id))
            return
        if decode.purpose is Purpose.INTERIM:
            self._observe_hop(decode.edge)
        self._perform(self._session.decoded(decode.id, heard(decode, self._script)))

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


@dataclass(frozen=True, slots=True)
class Step:
    """What a number of speakers got."""

    tracks: int
    seconds: float
    """Watched, after the start; less when it was given up."""
    given_up: bool
    displayed_p50: float
    displayed_p90: float
    finalised_p50: float
    finalised_p95: float
    words: int
    finals: int
    unseen: int
    hop_p50: float
    """Seconds of new audio between interims, as it turned out."""
    failures: dict[str, int]
    rows_per_second: float
    batch_rows: dict[str, float]
    """Rows of a call, by stage: the mean a row saw."""
    shares: dict[str, float]
    """Of the workers' time: each stage, the rest of the engine (``host``), and ``idle``."""
    loop_busy: float
    """CPU of the event loop's thread, which holds the sessions, by the clock."""
    process_cpu: float
    """CPU of the process, by the clock."""
    loop_late_p99: float
    gpu: Gauge | None

    @property
    def holds(self) -> bool:
        """Whether the rule for capacity holds: the same as in `live.py`."""
        return (
            not self.given_up
            and not self.failures
            and self.displayed_p50 <= CAPACITY_DISPLAYED_P50
            and self.finalised_p95 <= CAPACITY_FINALISED_P95
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {"holds": self.holds} | {
            name: _plain(value) for name, value in asdict(self).items()
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


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
    ) -> None:
        self._scripts = scripts
        self._streaming = streaming
        self._clock = SystemClock()
        self._watch = Stopwatch(None)

        def factory() -> Engine:
            engine, self._watch = timed_engine(directory, manifest, whisper)
            return engine

        self._batcher = Batcher(
            factory,
            self._clock,
            rules=Rules(max_batch=max_batch),
            timeout=CALL_TIMEOUT,
            metrics=Metrics(),
        )

    async def __aenter__(self) -> Load:
        await self._batcher.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._batcher.close()

    @property
    def compute_type(self) -> str:
        """What the weights are computed in."""
        return self._batcher.info.compute_type

    async def step(self, tracks: int, *, seconds: float, warm_up: float) -> Step:
        """Let so many people talk for `warm_up` seconds, then watch them for `seconds`."""
        start = self._clock.monotonic()
        tally = Tally(since=start + warm_up)
        speakers = [
            Speaker(
                str(number),
                self._scripts.script(number, warm_up + seconds + 1),
                self._streaming,
                batcher=self._batcher,
                clock=self._clock,
                tally=tally,
                start=start + number / tracks * CHUNK / SAMPLE_RATE,
            )
            for number in range(tracks)
        ]
        given_up = await self._feed(speakers, tally, until=start + warm_up)
        before, self._watch.calls = Reading.now(), deque()
        with gauge() as gpu:
            given_up = given_up or await self._feed(
                speakers, tally, until=start + warm_up + seconds
            )
            after = Reading.now()
        calls = list(self._watch.calls)
        gone = [task for speaker in speakers for task in speaker.stop()]
        await asyncio.gather(*gone, return_exceptions=True)
        await self._drain()
        return self._figures(tracks, tally, before, after, calls, given_up=given_up, gpu=gpu.read())

    async def _feed(self, speakers: Sequence[Speaker], tally: Tally, *, until: float) -> bool:
        """Feed everybody until then; True when it was given up."""
        noise = _Noise()
        pause, turn, due = CHUNK / SAMPLE_RATE / TURNS, 0, self._clock.monotonic()
        while (now := self._clock.monotonic()) < until:
            tally.lateness.append(now - due)
            if self._batcher.backlog > HOPELESS:
                return True
            for speaker in speakers[turn % TURNS :: TURNS]:
                speaker.hear(noise.take)
            turn, due = turn + 1, max(due + pause, self._clock.monotonic())
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
        return False

    async def _drain(self) -> None:
        """Wait until the engine is idle: what is computed for nobody must not burden the next."""
        idle = self._clock.monotonic()
        while self._clock.monotonic() - idle < CALL_TIMEOUT:
            running = self._batcher.workers - self._idle_workers()
            if not running:
                return
            await asyncio.sleep(0.05)

    def _idle_workers(self) -> int:
        station = self._batcher._built  # noqa: SLF001 - nothing tells this from outside
        return self._batcher.workers - station.running.total()

    def _figures(
        self,
        tracks: int,
        tally: Tally,
        before: Reading,
        after: Reading,
        calls: Sequence[Call],
        *,
        given_up: bool,
        gpu: Gauge | None,
    ) -> Step:
        wall = max(after.wall - before.wall, 1e-9)
        stages = {stage: [c for c in calls if c.stage == stage] for stage in STAGES}
        worker_time = wall * self._batcher.workers
        shares = {
            stage: sum(call.seconds for call in made) / worker_time
            for stage, made in stages.items()
        }
        return Step(
            tracks=tracks,
            seconds=wall,
            given_up=given_up,
            displayed_p50=_percentile(tally.displayed, 50),
            displayed_p90=_percentile(tally.displayed, 90),
            finalised_p50=_percentile(tally.finalised, 50),
            finalised_p95=_percentile(tally.finalised, 95),
            words=len(tally.displayed),
            finals=len(tally.finalised),
            unseen=tally.unseen,
            hop_p50=_percentile(tally.hops, 50),
            failures=dict(tally.failures),
            rows_per_second=sum(call.rows for call in stages["encode"]) / wall,
            batch_rows={stage: _mean_seen([c.rows for c in it]) for stage, it in stages.items()},
            shares=shares,
            loop_busy=(after.loop_cpu - before.loop_cpu) / wall,
            process_cpu=(after.process_cpu - before.process_cpu) / wall,
            loop_late_p99=_percentile(tally.lateness, 99),
            gpu=gpu,
        )


STAGES = ("encode", "generate", "align")


class _Noise:
    """Quiet noise: sessions compute their features from it as they do from speech."""

    def __init__(self) -> None:
        values = np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE, np.float32)
        self._values = values * np.float32(0.05)
        self._at = 0

    def take(self, count: int) -> np.ndarray[Any, Any]:
        """The next samples."""
        if self._at + count > len(self._values):
            self._at = 0
        self._at += count
        return self._values[self._at - count : self._at]


def _percentile(values: Sequence[float], percentile: float) -> float:
    return float(np.percentile(values, percentile)) if values else math.nan


def _mean_seen(rows: Sequence[int]) -> float:
    """The batch size that a row meets on average."""
    return sum(n * n for n in rows) / sum(rows) if rows else math.nan
