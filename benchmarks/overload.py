"""Beyond capacity: who is let in, what becomes of those who are, and whether their finals come.

    python benchmarks/overload.py                    # 24 people, one every 4 s, then a minute
    python benchmarks/overload.py --silent-first     # all are in, silent, and begin to talk at once
    python benchmarks/overload.py --tracks 6 --capacity 3 --every 2 --duration 20 --no-save

See benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from crowd import Look, Member, Visit, play_crowd, watched
from machine import describe, encode_or_none
from meter import metered
from overload_display import overload_tables, plot_overload
from overload_figures import Figures, measure_crowd, turning_point
from recordings import make_takes
from reporting import RESULTS, Program, envelope, save_json
from servers import Target, caption_server, scripted_server
from tracks import LEAD, staggered

from captioner.cli.connection import connected
from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.clock import SystemClock
from captioner.config import Settings

CONNECT_EVERY = 0.2  # seconds between two silent tracks
SILENCE = 10.0  # seconds of it that the server has seen, when all begin to talk


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be tried."""

    data: str
    tracks: int
    every: float
    duration: float
    stay: float
    capacity: int
    silent_first: bool
    scripted: bool
    batch_seconds: float

    @property
    def talk(self) -> float:
        """When all tracks have come, or all are to talk: seconds after the beginning."""
        if self.silent_first:
            return self.tracks * CONNECT_EVERY + SILENCE
        return self.tracks * self.every

    @property
    def until(self) -> float:
        """The end of the watch, in seconds after the beginning."""
        return self.talk + self.duration

    @property
    def longest(self) -> float:
        """Seconds that a track may last."""
        return self.until + max(staggered(self.tracks))

    def visits(self) -> list[Visit]:
        """When each track comes, begins to talk, and ends.

        They end one after the other, when the watch is over: everybody's last final at the same
        moment would be a load of its own.
        """
        apart = staggered(self.tracks)
        if self.silent_first:
            return [
                Visit(index * CONNECT_EVERY, self.talk + later, self.until + later, self.stay)
                for index, later in enumerate(apart)
            ]
        asks = [index * self.every for index in range(self.tracks)]
        return [
            Visit(at, at, self.until + later, self.stay)
            for at, later in zip(asks, apart, strict=True)
        ]


@click.command(cls=Program)
@click.option("--tracks", type=click.IntRange(min=1), default=24, show_default=True)
@click.option(
    "--capacity",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    help="People that the server is said to carry: figures are split where one more is in, or "
    "where the first is refused.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=4.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two that come.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="For which all talk, after the last has come.",
)
@click.option(
    "--stay",
    type=click.FloatRange(min=1),
    default=math.inf,
    metavar="SECONDS",
    help="After which a track that was let in leaves: those who wait come in then. "
    "[default: to the end]",
)
@click.option(
    "--silent-first",
    is_flag=True,
    help="All come while nobody talks, and begin to talk within 5 s of each other.",
)
@click.option(
    "--data", default="monologues", show_default=True, metavar="NAME", help="As of live.py."
)
@click.option("--scripted", is_flag=True, help="A server that computes nothing: to try this out.")
@click.option(
    "--batch-seconds",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="What each batch of --scripted takes.",
)
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Result file; the plot goes beside it. [default: overload.json, or "
    "overload-silent-first.json, in benchmarks/results]",
)
@click.option("--no-save", is_flag=True, help="Print the tables, write nothing.")
@settings_options("Model", "Captions", "Limits")
def main(
    settings: Settings,
    *,
    target: Path | None,
    no_save: bool,
    **options: Any,  # noqa: ANN401 - the fields of the plan
) -> None:
    """Let more people talk than the server can carry, and watch what becomes of them.

    Starts a server of its own. Tracks come one after the other; one that is refused waits as long
    as it is told, and comes again, until the end. Takes tracks x every + duration seconds.
    """
    plan = Plan(**options)
    machine = describe()
    reference = encode_or_none(settings, required=not plan.scripted)
    messages().print(f"{plan.tracks} tracks, {plan.until:.0f} s...")
    figures = asyncio.run(measure(plan, settings))
    for table in overload_tables(figures):
        output().print(table)
    if no_save:
        return
    path = target or RESULTS / f"overload{'-silent-first' if plan.silent_first else ''}.json"
    content = envelope("overload", settings, machine, reference)
    told = asdict(plan) | {"stay": None if math.isinf(plan.stay) else plan.stay}
    save_json(path, content | {"plan": told} | figures.to_json())
    plot_overload(path.with_suffix(".png"), figures)
    messages().print(f"saved {path} and {path.with_suffix('.png').name}", soft_wrap=True)


async def measure(plan: Plan, settings: Settings) -> Figures:
    """Play the crowd to a server that has just started.

    Raises:
        CaptionerError: the data cannot be read, or the server did not start.
    """
    takes = make_takes(plan.data, plan.tracks, duration=plan.longest)
    async with _server(plan, settings) as target:
        members, looks, cpu = await _play(plan, settings, target, takes)
    turn = plan.talk if plan.silent_first else turning_point(members, capacity=plan.capacity)
    return measure_crowd(members, looks, until=plan.until, turn=turn, cpu_share=cpu)


async def _play(
    plan: Plan, settings: Settings, target: Target, takes: list[Any]
) -> tuple[list[Member], list[Look], float]:
    clock = SystemClock()
    at_target = settings.model_copy(update={"server": target.address})
    async with connected(at_target) as (client, _), metered(target.pid) as usage:
        origin = clock.monotonic() + LEAD
        async with watched(target, origin=origin, clock=clock) as looks:
            members = await play_crowd(client, takes, plan.visits(), origin=origin, clock=clock)
    return members, looks, usage.cpu / usage.wall


def _server(plan: Plan, settings: Settings) -> AbstractAsyncContextManager[Target]:
    if plan.scripted:
        return scripted_server(settings, delay=plan.batch_seconds)
    return caption_server(settings)


if __name__ == "__main__":
    main()
