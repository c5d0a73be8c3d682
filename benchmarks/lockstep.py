"""Live sessions side by side, on a clock that waits for the engine.

Every session gets 100 ms of audio, then all decodes that are due are computed, in batches as the
engine accepts them, and answered: so a run gives the same captions on every machine, however slow,
and takes no longer than its work. Latency is not what this measures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

from captioner.asr.engine import Engine, Float32
from captioner.streaming.actions import Abandon, Action, Decode, Dropped, Emit, Finished
from captioner.streaming.session import Session
from captioner.transcript import Caption, Hypothesis

CHUNK = 1600  # samples: 100 ms
LARGEST_BATCH = 8


@dataclass(slots=True)
class Track:
    """One session and what became of it."""

    session: Session
    audio: Float32 = field(repr=False)
    shown: list[Caption] = field(default_factory=list)
    """Interims, as they were shown."""
    finals: list[Caption] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    """Why hypotheses were not shown."""
    decodes: int = 0
    waits: Decode | None = None
    over: bool = False

    @property
    def text(self) -> str:
        """All finals."""
        return " ".join(caption.text for caption in self.finals if caption.words)

    def take(self, actions: Sequence[Action]) -> None:
        """Note what the session did, and the decode that it waits for."""
        for action in actions:
            match action:
                case Decode():
                    self.waits = action
                    self.decodes += 1
                case Abandon(decode_id) if self.waits and self.waits.id == decode_id:
                    self.waits = None
                case Emit(caption):
                    (self.finals if caption.final else self.shown).append(caption)
                case Dropped(reason):
                    self.dropped.append(reason)
                case Finished():
                    self.over = True
                case _:
                    pass


def play(
    tracks: Sequence[Track], engine: Engine, *, report: Callable[[float], None] | None = None
) -> None:
    """Play all tracks to their ends; ``report`` is told which part of them was played."""
    longest = max(len(track.audio) for track in tracks)
    with ThreadPoolExecutor(engine.workers) as pool:
        for position in range(0, longest, CHUNK):
            for track in tracks:
                chunk = track.audio[position : position + CHUNK]
                if len(chunk):
                    track.take(track.session.receive(chunk))
            _answer(tracks, engine, pool)
            if report:
                report(position / longest)
        for track in tracks:
            track.take(track.session.end())
        while not all(track.over for track in tracks):
            _answer(tracks, engine, pool)


def _answer(tracks: Sequence[Track], engine: Engine, pool: ThreadPoolExecutor) -> None:
    """Compute the decodes that are due."""
    waiting = [(track, track.waits) for track in tracks if track.waits]
    batches = list(_batches(waiting, engine))
    rows = [[decode.row for _, decode in batch] for batch in batches]
    answers = pool.map(engine.decode, rows)
    for (track, decode), answer in zip(
        chain.from_iterable(batches), chain.from_iterable(answers), strict=True
    ):
        if not isinstance(answer, Hypothesis):
            raise answer
        track.waits = None
        track.take(track.session.decoded(decode.id, answer))


Waiting = tuple[Track, Decode]


def _batches(waiting: Sequence[Waiting], engine: Engine) -> list[list[Waiting]]:
    groups: dict[tuple[object, ...], list[Waiting]] = {}
    for track, decode in waiting:
        groups.setdefault(engine.group(decode.row), []).append((track, decode))
    return [
        group[begin : begin + LARGEST_BATCH]
        for group in groups.values()
        for begin in range(0, len(group), LARGEST_BATCH)
    ]
