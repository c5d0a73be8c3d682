"""What goes into the next batch: decisions only, no clock, no threads, no event loop.

The rules, in the order in which they apply:

1. Finals go before interims, interims before recordings; within a class the earliest deadline.
2. A batch holds rows of one group, the most urgent row's. Interims ride along with finals of
   their group; recordings never ride with live rows, which they would slow down.
3. Rows are spread over the idle workers: two batches of one row end sooner than one of two. Each
   other live group that waits keeps one idle worker; the head's group is divided by the rest.
4. An interim that waited longer than ``interim_patience`` heads a batch after at most
   ``FINAL_BATCHES_IN_A_ROW`` headed by finals: overload stretches interims, it does not end them.
5. A recording starts only when no live row waits and when ``reserved_workers`` would still be
   idle afterwards. Where that never happens (live rows keep a worker busy all the time), one that
   waited longer than ``recording_patience`` starts as a short batch, one at a time. With a single
   worker every batch of recordings is a short one, which bounds what a live row can wait for.
6. A newer interim takes the place of the same session's waiting one. Over their bound the oldest
   interim is displaced; finals and recordings over theirs are refused.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from captioner.asr.engine import DecodeRow
from captioner.errors import ResourceExhausted

MAX_BATCH = {"cpu": 8, "cuda": 64}  # rows, where the setting leaves it open
LIVE_BATCH = {
    "cpu": 6,
    "cuda": 64,
}  # of live rows: on a CPU more gain little, and all wait for them
FINAL_BATCHES_IN_A_ROW = 3  # before an impatient interim heads one: a quarter of the batches


class Priority(IntEnum):
    """Classes of requests, most urgent first."""

    FINAL = 0
    INTERIM = 1
    RECORDING = 2


LIVE = (Priority.FINAL, Priority.INTERIM)


@dataclass(frozen=True, slots=True)
class Request:
    """One row that somebody waits for."""

    id: int
    """Counts up: the order of arrival."""
    session: str
    priority: Priority
    deadline: float
    """Seconds of the monotonic clock; only orders requests, nothing expires."""
    submitted: float
    """Seconds of the monotonic clock."""
    group: tuple[object, ...]
    row: DecodeRow

    @property
    def urgency(self) -> tuple[int, float, int]:
        """Sorts the most urgent first."""
        return (self.priority, self.deadline, self.id)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one group, to be decoded together."""

    requests: tuple[Request, ...]
    """Never empty; the most urgent first."""

    @property
    def priority(self) -> Priority:
        """The class of the row that the batch was formed for."""
        return self.requests[0].priority


@dataclass(frozen=True, slots=True)
class Workers:
    """What the workers are doing at the moment of a decision."""

    total: int
    idle: int
    recording: int = 0
    """How many compute a batch of recordings."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of the policy. Times are seconds."""

    max_batch: int = 0
    """Rows in one batch; 0: what suits the device."""
    live_batch: int = 0
    """Of live rows; 0: as `max_batch` says, or what suits the device."""
    max_finals: int = 4096
    """Finals that may wait: far above what admitted sessions can ask for at once."""
    max_interims: int = 1024
    max_recordings: int = 256
    interim_patience: float = 2.0
    recording_patience: float = 10.0
    reserved_workers: int = 1
    """Workers kept free of recordings; 0 where there are no live captions at all."""

    def __post_init__(self) -> None:
        if min(self.max_finals, self.max_interims, self.max_recordings) < 1:
            raise ValueError(f"bounds of what waits are at least 1: {self}")
        if min(self.max_batch, self.live_batch, self.reserved_workers) < 0:
            raise ValueError(f"rows and workers are at least 0: {self}")

    def on(self, device: str) -> Rules:
        """The same rules with the size of batches settled."""
        live = self.live_batch or self.max_batch or LIVE_BATCH.get(device, LIVE_BATCH["cpu"])
        rows = self.max_batch or MAX_BATCH.get(device, MAX_BATCH["cpu"])
        return replace(self, max_batch=rows, live_batch=live)

    @property
    def recording_rows(self) -> int:
        """Rows in a batch of recordings: half a batch has most of the benefit, in half the time."""
        return max(1, self.max_batch // 2) if self.reserved_workers else self.max_batch

    @property
    def short_rows(self) -> int:
        """Rows in a batch of recordings on a worker that live rows may need."""
        return max(1, self.max_batch // 8) if self.reserved_workers else self.max_batch


class Queue:
    """The requests that wait for a worker.

    ``add`` and ``cancel`` change what waits, ``next_batch`` decides and removes what it decided on.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules.on("cpu")
        self._waiting: dict[Priority, dict[int, Request]] = {each: {} for each in Priority}
        self._interim_of: dict[str, int] = {}
        self._final_batches = 0  # headed by finals since the last one headed by an interim

    def __len__(self) -> int:
        return sum(len(requests) for requests in self._waiting.values())

    def waiting(self, priority: Priority) -> int:
        """How many requests of a class wait."""
        return len(self._waiting[priority])

    def oldest_live(self) -> float | None:
        """When the live request that has waited longest was submitted; None when none waits."""
        return min((request.submitted for request in self._live()), default=None)

    def add(self, request: Request) -> tuple[Request, ...]:
        """Let a request wait.

        Returns:
            Requests that no longer wait because of this one: answer them as cancelled.

        Raises:
            ResourceExhausted: too many finals, or recordings, wait already.
        """
        if request.priority is Priority.INTERIM:
            return self._add_interim(request)
        waiting = self._waiting[request.priority]
        finals = request.priority is Priority.FINAL
        bound = self._rules.max_finals if finals else self._rules.max_recordings
        if len(waiting) >= bound:
            name = request.priority.name.lower()
            raise ResourceExhausted(f"{len(waiting)} {name}s wait already, the bound is {bound}")
        waiting[request.id] = request
        return ()

    def cancel(self, request_id: int) -> bool:
        """Remove a request that waits; False when it does not (any more)."""
        return any(self._pop(priority, request_id) is not None for priority in Priority)

    def next_batch(self, now: float, workers: Workers) -> Batch | None:
        """Decide what an idle worker computes next; None: nothing, for now."""
        if workers.idle < 1:
            return None
        head = self._head(now)
        if head is None:
            return self._recordings(now, workers)
        groups = Counter(request.group for request in self._live())
        share = max(1, workers.idle - (len(groups) - 1))
        rows = min(_divide(groups[head.group], share), self._rules.live_batch)
        batch = self._take(head, self._live(), rows=rows)
        self._final_batches = 0 if head.priority is Priority.INTERIM else self._final_batches + 1
        return batch

    def _add_interim(self, request: Request) -> tuple[Request, ...]:
        waiting = self._waiting[Priority.INTERIM]
        displaced: Request | None = None
        if (older := self._interim_of.get(request.session)) is not None:
            displaced = self._pop(Priority.INTERIM, older)
        elif len(waiting) >= self._rules.max_interims:
            oldest = min(waiting.values(), key=lambda each: (each.submitted, each.id))
            displaced = self._pop(Priority.INTERIM, oldest.id)
        if displaced is not None and displaced.session == request.session:
            # It keeps the place in the line: a session must not fall back by asking again.
            request = replace(
                request,
                deadline=min(displaced.deadline, request.deadline),
                submitted=displaced.submitted,
            )
        waiting[request.id] = request
        self._interim_of[request.session] = request.id
        return () if displaced is None else (displaced,)

    def _pop(self, priority: Priority, request_id: int) -> Request | None:
        request = self._waiting[priority].pop(request_id, None)
        if request is not None and priority is Priority.INTERIM:
            del self._interim_of[request.session]
        return request

    def _live(self) -> Iterator[Request]:
        for priority in LIVE:
            yield from self._waiting[priority].values()

    def _head(self, now: float) -> Request | None:
        """The live request that the next batch is formed for."""
        final = _most_urgent(self._waiting[Priority.FINAL].values())
        interim = _most_urgent(self._waiting[Priority.INTERIM].values())
        if final is None or interim is None:
            return final or interim
        impatient = now - interim.submitted > self._rules.interim_patience
        return interim if impatient and self._final_batches >= FINAL_BATCHES_IN_A_ROW else final

    def _recordings(self, now: float, workers: Workers) -> Batch | None:
        waiting = self._waiting[Priority.RECORDING]
        head = _most_urgent(waiting.values())
        if head is None:
            return None
        reserved = min(self._rules.reserved_workers, workers.total - 1)
        spare = workers.idle - reserved
        if spare >= 1:
            limit = self._rules.recording_rows if workers.total > 1 else self._rules.short_rows
        elif now - head.submitted > self._rules.recording_patience and not workers.recording:
            limit = self._rules.short_rows
        else:
            return None
        same = sum(request.group == head.group for request in waiting.values())
        return self._take(head, waiting.values(), rows=min(limit, _divide(same, max(1, spare))))

    def _take(self, head: Request, candidates: Iterable[Request], *, rows: int) -> Batch:
        """Remove the head and the most urgent other rows of its group."""
        others = (each for each in candidates if each.group == head.group and each is not head)
        limit = min(rows, self._rules.max_batch) - 1
        chosen = (head, *heapq.nsmallest(limit, others, key=lambda each: each.urgency))
        for request in chosen:
            self._pop(request.priority, request.id)
        return Batch(chosen)


def _most_urgent(requests: Iterable[Request]) -> Request | None:
    return min(requests, key=lambda each: each.urgency, default=None)


def _divide(rows: int, shares: int) -> int:
    """Rows of each share, rounded up."""
    return -(-rows // shares)
