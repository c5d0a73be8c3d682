"""Live captions measured: paced tracks over gRPC against what was really said and when.

    python benchmarks/live.py --data monologues --tracks 1,2,4,8,16
    python benchmarks/live.py --data meeting --baseline
    python benchmarks/live.py --server captions.example:443 --server-tls

See benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from baseline import Baseline, transcribe_takes
from figures import Run, score_run
from live_table import results_table
from machine import describe, encode_or_none
from meter import metered
from plots import plot_runs
from recordings import Take, make_takes
from reporting import RESULTS, NumberList, Program, envelope, save_json, tracks_text
from servers import Target, caption_server, counted, read_counters, scripted_server
from tracks import play_tracks, staggered

from captioner.cli.connection import CLIENT_SETTINGS, connected
from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.live import Mode

SWEEP: dict[str, tuple[int, ...]] = {"monologues": (1, 2, 4, 8, 16)}
ALL = "all"
# How many points of word errors above faster-whisper offline are allowed.
POINTS = {Mode.REVISABLE: 1.0, Mode.APPEND_ONLY: 3.0}
POINTS_ON_READER = 2.0
READER = "real"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    data: str
    counts: tuple[int, ...]
    """Numbers of tracks; 0 is as many as the data set has."""
    mode: Mode
    duration: float | None
    stagger: float | None
    scripted: bool
    server_pid: int | None


@click.command(cls=Program)
@click.option(
    "--data",
    default="monologues",
    show_default=True,
    metavar="NAME",
    help="meeting, monologues, real, noise, sentences, or a folder with audio and truth.json.",
)
@click.option(
    "--tracks",
    type=NumberList(also=ALL),
    metavar="N,N,...",
    help="How many at once, one run each; all: as many as there are. "
    "[default: 1,2,4,8,16 for monologues, else all]",
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.REVISABLE.value,
    show_default=True,
    help="Whether finals may correct words that were committed.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Seconds of each track: cut short, or continued with the next recordings. "
    "[default: one recording, whole]",
)
@click.option(
    "--stagger",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Between the starts of two tracks. [default: up to 0.73, all within 5]",
)
@click.option("--baseline", is_flag=True, help="Also faster-whisper offline on the same takes.")
@click.option("--scripted", is_flag=True, help="A server that computes nothing: to try this out.")
@click.option("--server-pid", type=int, help="Process of --server, when it is on this machine.")
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Result file; the plot goes beside it. [default: by data, mode and date in "
    "benchmarks/results]",
)
@click.option("--no-save", is_flag=True, help="Print the table, write nothing.")
@settings_options("Model", "Captions", "Limits", *CLIENT_SETTINGS)
def main(
    settings: Settings,
    *,
    data: str,
    tracks: tuple[int, ...] | None,
    mode: str,
    duration: float | None,
    stagger: float | None,
    baseline: bool,
    scripted: bool,
    server_pid: int | None,
    target: Path | None,
    no_save: bool,
) -> None:
    """Stream recordings as live tracks and measure the captions that come back.

    Starts a server of its own for each number of tracks, unless --server names one.
    """
    counts = tracks or SWEEP.get(data, (0,))
    plan = Plan(data, counts, Mode(mode), duration, stagger, scripted, server_pid)
    machine = describe()
    reference = encode_or_none(settings, required=not (scripted or settings.server))
    runs = asyncio.run(measure_runs(plan, settings))
    takes = [log.take for run in runs for log in run.logs]
    mark = transcribe_takes(takes, settings) if baseline else None
    output().print(results_table(runs, mark, points=points_allowed(plan)))
    if no_save:
        return
    content = envelope("live", settings, machine, reference)
    content |= results(plan, runs, mark)
    path = target or RESULTS / _name(plan)
    save_json(path, content)
    plot_runs(path.with_suffix(".png"), runs, title=f"{Path(data).name}, {mode}")
    messages().print(f"saved {path} and {path.with_suffix('.png').name}", soft_wrap=True)


def points_allowed(plan: Plan) -> float:
    """How far above the baseline the word error rate may be, in points."""
    if plan.data == READER and plan.mode is Mode.REVISABLE:
        return POINTS_ON_READER
    return POINTS[plan.mode]


def _name(plan: Plan) -> str:
    day = datetime.now(UTC).strftime("%Y%m%d-%H%M")
    return f"live-{Path(plan.data).name}-{plan.mode.value}-{day}.json"


def results(plan: Plan, runs: Sequence[Run], mark: Baseline | None) -> dict[str, Any]:
    """The part of the result file that is this benchmark's own."""
    sustained = [run.tracks for run in runs if run.sustained]
    return {
        "data": Path(plan.data).name,
        "mode": plan.mode.value,
        "duration": plan.duration,
        "engine": "scripted" if plan.scripted else "whisper",
        "capacity": max(sustained, default=0),
        "baseline": mark.to_json() if mark else None,
        "runs": [run.to_json() for run in runs],
    }


async def measure_runs(plan: Plan, settings: Settings) -> list[Run]:
    """One run for each number of tracks, each on a server that has just started.

    Raises:
        CaptionerError: the data cannot be read, or a server did not start.
    """
    runs = []
    for number in plan.counts:
        takes = make_takes(plan.data, number, duration=plan.duration)
        longest = max(take.seconds for take in takes)
        messages().print(f"{tracks_text(len(takes))} of up to {longest:.0f} s...")
        async with _server(plan, settings) as target:
            runs.append(await measure_run(plan, settings, target, takes))
    return runs


def _server(plan: Plan, settings: Settings) -> AbstractAsyncContextManager[Target]:
    if settings.server:
        return _running(settings, plan.server_pid)
    return scripted_server(settings) if plan.scripted else caption_server(settings)


@asynccontextmanager
async def _running(settings: Settings, pid: int | None) -> AsyncIterator[Target]:
    yield Target(settings.server, pid)


async def measure_run(plan: Plan, settings: Settings, target: Target, takes: Sequence[Take]) -> Run:
    """Play takes to a running server, and measure.

    Raises:
        CaptionerError: nobody answers there.
    """
    at_target = settings.model_copy(update={"server": target.address})
    async with connected(at_target) as (client, _):
        before = await read_counters(target)
        async with metered(target.pid) as usage:
            logs = await play_tracks(
                client,
                takes,
                mode=plan.mode,
                starts=staggered(len(takes), plan.stagger),
                clock=SystemClock(),
            )
        after = await read_counters(target)
    return score_run(logs, usage, counters=counted(before, after))


if __name__ == "__main__":
    main()
