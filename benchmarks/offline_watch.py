"""What an engine and the process around it do while recordings are transcribed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from meter import Reading, read_process

from captioner.asr.engine import DecodeRow, Engine, EngineInfo
from captioner.errors import CaptionerError
from captioner.transcript import Hypothesis

FRAMES_PER_SECOND = 100
THREADS = (
    ("captioner-decode", "workers"),  # around the engine: what it is given, what it answered
    ("asyncio_", "hearing"),  # voice detection and features; writing too, where there is any
    ("MainThread", "loop"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One batch."""

    begin: float
    """Seconds of the monotonic clock."""
    end: float
    rows: int
    frames: int
    """Of all rows together, of 10 ms, the silence after the speech included."""


@dataclass(slots=True)
class EngineProfile:
    """Where the time of a run went, in seconds."""

    workers: int
    begin: float = 0.0
    end: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    """CPU by kind of thread; ``engine`` is CTranslate2's own, which Python does not know."""
    calls: list[Call] = field(default_factory=list)

    def busy(self) -> dict[int, float]:
        """How long so many batches were being computed at once."""
        moves = [(self.begin, 0), (self.end, 0)]
        moves += [(call.begin, 1) for call in self.calls]
        moves += [(call.end, -1) for call in self.calls]
        moves.sort()
        shares = dict.fromkeys(range(self.workers + 1), 0.0)
        running = 0
        for (moment, change), (later, _) in pairwise(moves):
            running += change
            shares[running] = shares.get(running, 0.0) + later - moment
        return shares

    @property
    def first_batch(self) -> float:
        """How long the first batch was waited for."""
        return min((call.begin for call in self.calls), default=self.end) - self.begin

    @property
    def tail(self) -> float:
        """How long it still took after all workers had last been busy."""
        last = self.begin
        running: list[Call] = []
        for call in sorted(self.calls, key=lambda it: it.begin):
            running = [it for it in running if it.end > call.begin] + [call]
            if len(running) >= self.workers:
                last = max(last, min(it.end for it in running))
        return self.end - last

    def to_json(self) -> dict[str, float]:
        """Plain values for ``json.dumps``."""
        found = {f"cpu {name}": spent for name, spent in self.cpu.items()}
        found |= {f"{number} batches at once": it for number, it in self.busy().items()}
        found |= {"before the first batch": self.first_batch, "tail": self.tail}
        found |= {
            "batches": len(self.calls),
            "rows": sum(call.rows for call in self.calls),
            "seconds of windows": sum(call.frames for call in self.calls) / FRAMES_PER_SECOND,
        }
        return {name: round(value, 3) for name, value in found.items()}


class WatchedEngine:
    """An engine that notes when it computed what."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._profile = EngineProfile(engine.workers)

    @property
    def info(self) -> EngineInfo:
        """That of the engine."""
        return self._engine.info

    @property
    def workers(self) -> int:
        """Those of the engine."""
        return self._engine.workers

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """As the engine groups."""
        return self._engine.group(row)

    def decode(self, rows: Sequence[DecodeRow]) -> list[Hypothesis | CaptionerError]:
        """Have the engine decode."""
        begin = time.monotonic()
        try:
            return self._engine.decode(rows)
        finally:
            frames = sum(row.features.shape[1] for row in rows)
            self._profile.calls.append(Call(begin, time.monotonic(), len(rows), frames))

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    @contextmanager
    def watching(self) -> Iterator[EngineProfile]:
        """Fill in a profile while the body runs."""
        self._profile = profile = EngineProfile(self.workers)
        before = read_process(os.getpid())
        try:
            yield profile
        finally:
            after = read_process(os.getpid())
            profile.begin, profile.end = before.time, after.time
            profile.cpu = spent_by_kind(before, after)


def spent_by_kind(before: Reading, after: Reading) -> dict[str, float]:
    """CPU between two readings of this process, by kind of thread.

    Threads that ended in between count as the engine's: there are none that matter.
    """
    kinds = {
        thread.native_id: kind
        for thread in threading.enumerate()
        for prefix, kind in THREADS
        if thread.name.startswith(prefix)
    }
    spent = dict.fromkeys([kind for _, kind in THREADS], 0.0)
    for number, used in after.threads.items():
        if (kind := kinds.get(number)) is not None:
            spent[kind] += used - before.threads.get(number, 0.0)
    return spent | {"engine": after.cpu - before.cpu - sum(spent.values())}
