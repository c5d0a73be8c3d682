"""A simulated machine: real sessions and the real queue under a clock that charges measured times.

Nothing here waits. Audio arrives when it would, a batch is answered when the cost model says its
worker would be done with it, and everything in between (the voice detector, the session, the queue)
is the code of the product. What the engine answers is what it really answers (`KeptEngine`).
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from recordings import Take
from sweep_costs import Costs
from sweep_engine import Answering, Asked, Decoded
from tracks import TrackLog, staggered, take_event

from captioner.asr.engine import Float32
from captioner.asr.window import MEL_HOP, PADDED
from captioner.evaluation.display import Screen
from captioner.live import Captioned
from captioner.scheduling.load import LoadMeter
from captioner.scheduling.policy import Batch, Priority, Queue, Request, Rules, Workers
from captioner.streaming import actions as act
from captioner.streaming.session import Session
from captioner.streaming.settings import Effort, StreamingSettings
from captioner.transcript import SAMPLE_RATE
from captioner.vad.detector import VoiceDetector
from captioner.vad.silero import SileroModel

MESSAGE = 1536  # samples handed over together, as a live session does
CLASSES = {act.Purpose.FINAL: Priority.FINAL, act.Purpose.INTERIM: Priority.INTERIM}
PADDED_SECONDS = PADDED // SAMPLE_RATE


@dataclass
class Spent:
    """Where the workers' time went, in seconds, and how much of what was decoded."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    rows: Counter[str] = field(default_factory=Counter)
    batches: int = 0
    window_seconds: Counter[float] = field(default_factory=Counter)
    """Rows by the length of their window."""
    speech: float = 0.0
    """Seconds of talk."""

    @property
    def busy(self) -> float:
        """Seconds of workers."""
        return sum(self.seconds.values())


@dataclass
class _Track:
    name: str
    log: TrackLog
    session: Session
    audio: Float32
    start: float
    screen: Screen = field(default_factory=Screen)
    requests: dict[int, int] = field(default_factory=dict)
    """Ids of requests by those of decodes."""


class World:
    """So many people talking, and so many workers."""

    def __init__(
        self,
        settings: StreamingSettings,
        engine: Answering,
        costs: Costs,
        *,
        workers: int = 2,
        rules: Rules | None = None,
        effort: Callable[[float], Effort] = lambda _: Effort(),
    ) -> None:
        """Nobody talks yet.

        Args:
            settings: of every session.
            engine: who answers.
            costs: how long that takes.
            workers: batches computed at once.
            rules: of the queue.
            effort: what a final may cost, by the share of the workers that is busy.
        """
        self._settings = settings
        self._engine = engine
        self._costs = costs
        self._workers = workers
        self._rules = rules or Rules()
        self._effort = effort
        self._silero = SileroModel.bundled()

    def play(self, takes: Sequence[Take]) -> tuple[list[TrackLog], Spent]:
        """Play every take as one track; returns what their readers saw, and what it cost."""
        self._now = 0.0
        self._queue = Queue(self._rules)
        self._meter = LoadMeter(0.0)
        self._busy: Counter[Priority] = Counter()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._ids = itertools.count(1)
        self._waiting: dict[int, tuple[_Track, act.Decode]] = {}
        self._spent = Spent()
        tracks = [
            self._track(index, take, start)
            for index, (take, start) in enumerate(zip(takes, staggered(len(takes)), strict=True))
        ]
        for track in tracks:
            self._speak(track, 0)
        while self._events:
            self._now, _, what = heapq.heappop(self._events)
            what()
            self._dispatch()
        self._spent.speech = sum(track.session.speech for track in tracks) / SAMPLE_RATE
        return [track.log for track in tracks], self._spent

    def _track(self, index: int, take: Take, start: float) -> _Track:
        audio = np.frombuffer(take.audio, np.int16).astype(np.float32) / np.float32(32768)
        session = Session(self._settings, VoiceDetector(self._silero))
        return _Track(f"{index}", TrackLog(take), session, audio, start)

    def _at(self, time: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), what))

    # --- a session

    def _speak(self, track: _Track, begin: int) -> None:
        """Let the next message arrive once its last sample was said."""
        stop = min(begin + MESSAGE, len(track.audio))

        def arrive() -> None:
            self._listen(track, begin, stop)

        self._at(track.start + stop / SAMPLE_RATE, arrive)

    def _listen(self, track: _Track, begin: int, stop: int) -> None:
        track.session.effort = self._effort(self._meter.load(self._now) / self._workers)
        self._perform(track, track.session.receive(track.audio[begin:stop]))
        if stop < len(track.audio):
            self._speak(track, stop)
        else:
            self._perform(track, track.session.end())

    def _perform(self, track: _Track, actions: Sequence[act.Action]) -> None:
        for action in actions:
            match action:
                case act.Decode():
                    self._ask(track, action)
                case act.Abandon(decode_id):
                    request = track.requests.pop(decode_id, None)
                    if request is not None and self._queue.cancel(request):
                        self._waiting.pop(request, None)
                case act.Emit():
                    at = self._now - track.start
                    take_event(track.log, Captioned(action.caption), track.screen, at=at)
                case _:
                    pass

    def _ask(self, track: _Track, decode: act.Decode) -> None:
        request = Request(
            id=next(self._ids),
            session=track.name,
            priority=CLASSES[decode.purpose],
            deadline=self._now,
            submitted=self._now,
            group=self._engine.group(decode.row),
            row=decode.row,
        )
        track.requests[decode.id] = request.id
        self._waiting[request.id] = (track, decode)
        for displaced in self._queue.add(request):
            other, old = self._waiting.pop(displaced.id)
            self._perform(other, other.session.failed(old.id))

    # --- the workers

    def _dispatch(self) -> None:
        while True:
            idle = self._workers - self._busy.total()
            workers = Workers(self._workers, idle, self._busy[Priority.RECORDING])
            if (batch := self._queue.next_batch(self._now, workers)) is None:
                return
            self._begin(batch)

    def _begin(self, batch: Batch) -> None:
        batch = Batch(tuple(self._refreshed(request) for request in batch.requests))
        answers = self._engine.decode([self._asked(request) for request in batch.requests])
        factor = self._costs.shared if self._busy.total() else 1.0
        seconds = factor * self._charge(batch, answers)
        self._busy[batch.priority] += 1
        key = self._meter.begin(self._now)

        def done() -> None:
            self._busy[batch.priority] -= 1
            self._meter.end(key, self._now, rows=len(answers))
            for request, answer in zip(batch.requests, answers, strict=True):
                track, decode = self._waiting.pop(request.id)
                self._perform(track, track.session.decoded(decode.id, answer.hypothesis))

        self._at(self._now + seconds, done)

    def _asked(self, request: Request) -> Asked:
        track, decode = self._waiting[request.id]
        start = decode.edge - request.row.speech_frames * MEL_HOP
        return Asked(request.row, track.log.take, start)

    def _refreshed(self, request: Request) -> Request:
        """The request with the newest audio, if it may still share the batch."""
        track, decode = self._waiting[request.id]
        group = self._engine.group
        newer = track.session.refresh(decode.id, lambda row: group(row) == request.group)
        if newer is None:
            return request
        self._waiting[request.id] = (track, newer)
        return replace(request, row=newer.row)

    def _charge(self, batch: Batch, answers: Sequence[Decoded]) -> float:
        """The seconds of a batch, entered in the books."""
        rows = [request.row for request in batch.requests]
        parts = self._costs.parts(rows, [answer.steps for answer in answers])
        doubted = sum(answer.doubted for answer in answers)
        parts["second"] = doubted * (self._costs.encoding(PADDED_SECONDS) + 20 * self._costs.step)
        name = batch.priority.name.lower()
        for part, seconds in parts.items():
            self._spent.seconds[f"{name} {part}"] += seconds
        for request in batch.requests:
            self._spent.rows[request.priority.name.lower()] += 1
            self._spent.window_seconds[request.row.features.shape[1] / 100] += 1
        self._spent.batches += 1
        return sum(parts.values())
