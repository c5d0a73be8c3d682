"""One point of the comparison: a system, so many tracks, judged by ``figures.score_run``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from figures import Run, final_text, rate, score_run
from offline_meter import TreeMeter, tree_cpu
from recordings import Take
from servers import caption_server
from tracks import TrackLog, staggered

from captioner.cli.connection import connected
from captioner.clock import Clock, SystemClock
from captioner.config import Settings
from captioner.models.store import ModelStore
from compare.adapters.captioner import GrpcConnection
from compare.connection import Connection
from compare.environments import python_of
from compare.play import Playing, play_all
from compare.processes import Running, free_port, peer_server
from compare.systems import Peer

LOOK = 0.5  # seconds between two looks at the CPU that was used
FELL_BEHIND = 5.0  # seconds of displayed p50: more tracks would only show more of it


@dataclass(frozen=True, slots=True)
class Stage:
    """A server that runs, and a connection to it for each track."""

    pid: int
    connections: tuple[Connection, ...]
    running: Running | None = None


@asynccontextmanager
async def captioner_stage(settings: Settings, tracks: int) -> AsyncIterator[Stage]:
    """`captioner serve` with the settings, for so many tracks.

    Raises:
        Failed: it did not start.
    """
    async with caption_server(settings) as target:
        assert target.pid is not None
        at_target = settings.model_copy(update={"server": target.address})
        async with connected(at_target) as (client, _):
            names = [f"{index:03}" for index in range(tracks)]
            yield Stage(target.pid, tuple(GrpcConnection(client, name) for name in names))


@asynccontextmanager
async def peer_stage(
    peer: Peer, settings: Settings, folder: Path, tracks: int
) -> AsyncIterator[Stage]:
    """A peer in its environment below a folder, with the model of the settings.

    Raises:
        Failed: its environment cannot be made, or it did not start.
    """
    python = python_of(peer.package, folder)
    model = ModelStore(settings.models_dir).find(settings.model, verified=False).directory
    port = free_port()
    async with peer_server(python, peer.launch(str(model), port), port) as running:
        connections = tuple(peer.open_track(port) for _ in range(tracks))
        yield Stage(running.pid, connections, running)


async def measure(stage: Stage, takes: Sequence[Take], peer: Peer | None) -> dict[str, Any]:
    """Play takes to a system that runs, and tell its figures as plain values.

    CPU is counted from the beginning of the first track until the last one has ended and nothing
    new was shown any more, for each second of the takes: so a system that is late pays for what it
    still has to do, and nobody for the silence after that.
    """
    playing = Playing([TrackLog(take) for take in takes], tuple(staggered(len(takes))))
    clock = SystemClock()
    with TreeMeter(stage.pid) as meter:
        async with _watched(stage.pid, clock) as looks:
            await play_all(stage.connections, playing, clock)
    run = score_run(playing.logs, replace(meter.usage, cpu=spent(looks, playing)))
    run = replace(run, word_times=None if peer else run.word_times)
    dropped = stage.running.count(peer.losses) if stage.running and peer else 0
    return point_json(run, dropped=dropped)


Looks = list[tuple[float, float]]
"""Moments, and the CPU seconds that a tree of processes had used by then."""


@asynccontextmanager
async def _watched(pid: int, clock: Clock) -> AsyncIterator[Looks]:
    process = psutil.Process(pid)
    looks: Looks = []

    async def watch() -> None:
        while True:
            looks.append((clock.monotonic(), tree_cpu(process)))
            await asyncio.sleep(LOOK)

    watching = asyncio.create_task(watch())
    try:
        yield looks
    finally:
        watching.cancel()
        looks.append((clock.monotonic(), tree_cpu(process)))


def spent(looks: Looks, playing: Playing) -> float:
    """CPU seconds while something was said or still to be shown."""
    times, used = zip(*looks, strict=True)
    before, after = np.interp((playing.origin, playing.over), times, used)
    return float(after - before)


def point_json(run: Run, *, dropped: int = 0) -> dict[str, Any]:
    """The figures of a run, without the latency of each word.

    Args:
        run: of the tracks.
        dropped: how often the server wrote that it dropped something.
    """
    content = run.to_json()
    content["losses"]["told_by_server"] = dropped
    content["sustained"] = run.sustained and not dropped
    content["fell_behind"] = fell_behind(run)
    content["never_final"] = sum(never_final(log) for log in run.logs)
    content["per_track"] = [
        {
            "take": log.take.name,
            "wer": None if log.refused or math.isnan(rate(score.words)) else rate(score.words),
            "tail": score.tail,
            "refused": log.refused,
            "problem": log.problem,
            "text": final_text(log),
        }
        for log, score in zip(run.logs, run.scores, strict=True)
    ]
    for name in ("cpu_share", "server", "largest_lag"):
        content.pop(name)
    return content


def fell_behind(run: Run) -> bool:
    """Whether more tracks at once need not be tried."""
    losses = run.losses
    return (
        bool(losses.refused or losses.broken)
        or math.isnan(run.summary.displayed.p50)
        or run.summary.displayed.p50 > FELL_BEHIND
    )


def never_final(log: TrackLog) -> int:
    """Words shown last that were never final."""
    return len(log.displays[-1].words) - log.displays[-1].final if log.displays else 0
