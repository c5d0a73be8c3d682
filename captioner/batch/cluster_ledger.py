"""Who works on what, and what becomes of it when a worker dies. Pure: it knows no cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from captioner.batch.job import Shard, Track, TrackEvent, TrackFailed, TrackProgress

SPLIT_AFTER: Final = 2  # deaths, after which the tracks of a shard are run one by one
GIVE_UP_AFTER: Final = 4  # deaths beside a track, two of them with nothing else to blame
IN_HAND: Final = 2  # shards of one worker: the next begins while the last rows of one are decoded


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is given: a shard, or a single track of one that was dangerous."""

    number: int
    """Names it in what the worker says; no two of a job are the same."""
    shard: Shard


@dataclass(slots=True)
class _Entry:
    """One piece of the work."""

    assignment: Assignment
    unanswered: set[int]
    """Which of its tracks, by index."""
    deaths: int = 0
    """Workers that died while they had it."""


class Ledger:
    """Every shard of a job, until each of its tracks has been answered exactly once.

    A shard that was in the hands of a worker that died is suspect: it is given out again, whole,
    when nothing else waits, and to a worker that has nothing else. So one that kills its worker
    does not take others with it. After `SPLIT_AFTER` deaths its tracks are run one by one; after
    `GIVE_UP_AFTER` a track is failed.

    Args:
        shards: all there are to do.
        in_hand: how many shards a worker may have at a time.
    """

    def __init__(self, shards: Sequence[Shard], *, in_hand: int = IN_HAND) -> None:
        self._in_hand = in_hand
        self._numbers = 0
        self._fresh: deque[_Entry] = deque()
        self._suspect: deque[_Entry] = deque()
        self._held: dict[int, dict[int, _Entry]] = {}
        """By worker, then by number."""
        for shard in shards:
            if shard.tracks:
                self._fresh.append(self._entry(shard, set(range(len(shard.tracks)))))

    @property
    def done(self) -> bool:
        """Whether every track was answered."""
        return not self.unfinished

    @property
    def unfinished(self) -> int:
        """How many pieces of work wait or are in somebody's hands."""
        held = sum(len(entries) for entries in self._held.values())
        return len(self._fresh) + len(self._suspect) + held

    def holds(self, worker: int) -> bool:
        """Whether the worker has anything to do."""
        return bool(self._held.get(worker))

    def take(self, worker: int) -> Assignment | None:
        """The next piece of work for a worker; None: nothing now."""
        held = self._held.get(worker, {})
        if len(held) >= self._in_hand or any(entry.deaths for entry in held.values()):
            return None
        if self._fresh:
            entry = self._fresh.popleft()
        elif self._suspect and not held:
            entry = self._suspect.popleft()
        else:
            return None
        self._held.setdefault(worker, {})[entry.assignment.number] = entry
        return entry.assignment

    def heard(self, worker: int, number: int, index: int, event: TrackEvent) -> TrackEvent | None:
        """What a worker says of a track of its assignment; None: it was answered before."""
        entry = self._held.get(worker, {}).get(number)
        if entry is None or index not in entry.unanswered:
            return None
        if not isinstance(event, TrackProgress):
            entry.unanswered.discard(index)
        return replace(event, track=entry.assignment.shard.tracks[index])

    def finished(self, worker: int, number: int) -> list[TrackFailed]:
        """A worker is done with an assignment; the failures of tracks that it forgot."""
        entry = self._held.get(worker, {}).pop(number, None)
        if entry is None:
            return []
        return _failures(entry, "its worker ended without an answer")

    def lost(self, worker: int, where: str) -> list[TrackFailed]:
        """A worker died; the failures of tracks that are given up.

        Args:
            worker: which one; it may come back under its number.
            where: the node on which it died, for the reason that people read.
        """
        failures: list[TrackFailed] = []
        for entry in self._held.pop(worker, {}).values():
            entry.deaths += 1
            if not entry.unanswered:
                continue  # it was about to say that it had finished
            if len(entry.unanswered) == 1 and entry.deaths >= GIVE_UP_AFTER:
                reason = (
                    f"{entry.deaths} workers died while they transcribed it, the last on {where}"
                )
                failures += _failures(entry, reason)
            elif len(entry.assignment.shard.tracks) > 1 and entry.deaths >= SPLIT_AFTER:
                self._suspect.extend(self._parts(entry))
            else:
                self._suspect.append(entry)
        return failures

    def _parts(self, entry: _Entry) -> list[_Entry]:
        """An entry for each track of a shard that has no answer yet."""
        shard = entry.assignment.shard
        return [
            self._entry(Shard(shard.number, (shard.tracks[index],)), {0}, deaths=entry.deaths)
            for index in sorted(entry.unanswered)
        ]

    def _entry(self, shard: Shard, unanswered: set[int], *, deaths: int = 0) -> _Entry:
        self._numbers += 1
        return _Entry(Assignment(self._numbers, shard), unanswered, deaths)


def _failures(entry: _Entry, reason: str) -> list[TrackFailed]:
    tracks: tuple[Track, ...] = entry.assignment.shard.tracks
    failures = [
        TrackFailed(tracks[index], f"{tracks[index].path}: {reason}")
        for index in sorted(entry.unanswered)
    ]
    entry.unanswered.clear()
    return failures
