"""The command: which points are to be measured, one after the other, each saved at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from machine import describe, encode_reference
from recordings import make_takes
from reporting import RESULTS, NumberList, Program, envelope, revision, tracks_text

from captioner.cli.exits import Failed
from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.config import Settings, default_models_dir
from captioner.errors import InvalidRequest
from compare.environments import read_pins, version_of
from compare.measure import Stage, captioner_stage, measure, peer_stage
from compare.offline_part import offline_part
from compare.play import LEAD, MOST_SILENCE
from compare.plot import plot_comparison
from compare.results import Point, Results, capacities
from compare.systems import CAPTIONER, FAIREST, Peer, peers
from compare.table import comparison_table, failures

DATA = ("monologues", "meeting")
TALKERS = (1, 2, 4, 8, 16, 32)
STARTING = 15.0  # seconds until a system serves, about
SHORT_SECONDS = 60.0
SHORT_TALKERS = (1, 4, 12)
Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    data: tuple[str, ...]
    systems: tuple[str, ...]
    talkers: tuple[int, ...]
    seconds: float | None
    again: bool
    folder: Path
    """Of the environments of the peers."""

    def points(self, data: str, system: str) -> Iterator[Point]:
        """Those of a system on a data set, the fewest talkers first."""
        name = Path(data).name
        return (Point(name, system, talkers, self.seconds) for talkers in sorted(self.talkers))


def known_systems() -> dict[str, Peer | None]:
    """All systems by their names on the command line; Captioner is no peer."""
    return {CAPTIONER: None} | {peer.key: peer for peer in peers()}


def chosen_systems(text: str) -> tuple[str, ...]:
    """The systems named in a list; a name without a variant means both.

    Raises:
        InvalidRequest: one of them is not known.
    """
    known = known_systems()
    chosen: dict[str, None] = {}
    for part in text.split(","):
        matching = [key for key in known if part in (key, key.partition(":")[0])]
        if part == FAIREST:
            matching = [key for key in known if key.endswith(part)]
        if not matching:
            raise InvalidRequest(f"{part} is none of {', '.join(known)}, {FAIREST}")
        chosen |= dict.fromkeys(matching)
    return tuple(chosen)


@click.command(cls=Program)
@click.option(
    "--systems",
    metavar="NAME,NAME,...",
    help=f"Systems, as NAME or NAME:VARIANT; {FAIREST}: all peers at those settings. "
    "[default: all]",
)
@click.option(
    "--tracks",
    metavar="DATA,DATA,...",
    help=f"What the tracks say: data sets, or folders. [default: {','.join(DATA)}]",
)
@click.option(
    "--talkers",
    type=NumberList(),
    metavar="N,N,...",
    help="Tracks at once; the largest are left out for a system that fell behind before. "
    f"[default: {','.join(map(str, TALKERS))}]",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    help="Of each track: cut short, or continued. [default: one recording, whole]",
)
@click.option(
    "--short",
    is_flag=True,
    help=f"Other defaults: {CAPTIONER},{FAIREST}; {DATA[0]}; {SHORT_SECONDS:g} s; "
    f"{','.join(map(str, SHORT_TALKERS))} talkers.",
)
@click.option("--offline/--no-offline", default=False, help="Also the systems for recordings.")
@click.option("--again", is_flag=True, help="Measure also what the result file has.")
@click.option(
    "--peers-dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the environments of the peers are made. [default: compare, beside the models]",
)
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULTS / "compare.json",
    metavar="FILE.json",
    help="Result file, and where plots go. [default: benchmarks/results/compare.json]",
)
@click.option("--no-save", is_flag=True, help="Print the tables, write nothing.")
@settings_options("Model", "Captions")
def main(
    settings: Settings,
    *,
    systems: str | None,
    tracks: str | None,
    talkers: tuple[int, ...] | None,
    seconds: float | None,
    short: bool,
    offline: bool,
    again: bool,
    folder: Path | None,
    target: Path,
    no_save: bool,
) -> None:
    """Play the same live tracks to Captioner and to other servers, and compare.

    A run that was stopped goes on where it was.
    """
    usual = f"{CAPTIONER},{FAIREST}" if short else ",".join(known_systems())
    plan = Plan(
        data=tuple((tracks or (DATA[0] if short else ",".join(DATA))).split(",")),
        systems=chosen_systems(systems or usual),
        talkers=talkers or (SHORT_TALKERS if short else TALKERS),
        seconds=seconds or (SHORT_SECONDS if short else None),
        again=again,
        folder=folder or default_models_dir().with_name("compare"),
    )
    head = envelope("compare", settings, describe(), encode_reference(settings))
    results = Results(None if no_save else target, head | {"systems": descriptions()})
    messages().print(f"at most {estimate(plan, results) / 60:.0f} minutes are missing")
    asyncio.run(measure_points(plan, settings, results))
    if offline:
        results.content["offline"] = offline_part(plan.data, settings, plan.folder, quick=short)
        results.save()
    report(plan, results, None if no_save else target)


def report(plan: Plan, results: Results, target: Path | None) -> None:
    """Print a table for each data set, and plot it beside the result file."""
    for data in plan.data:
        tracks = Point(Path(data).name, "", 0, plan.seconds).set
        output().print(tracks, comparison_table(results.points, tracks), sep="\n")
        for line in failures(results.points, tracks):
            output().print(f"not run: {line}", soft_wrap=True)
        for system, most in capacities(results.points).get(tracks, {}).items():
            output().print(f"capacity of {system}: {tracks_text(most)}")
        if target is not None:
            plot_comparison(target, results.points, tracks)


def descriptions() -> Content:
    """What each system is and how it is set, by its name."""
    found: Content = {CAPTIONER: {"settings": "its defaults"}}
    for peer in peers():
        found[peer.key] = {
            "version": version_of(peer.package, peer.package),
            "settings": dict(peer.settings),
            "environment": read_pins(peer.package),
        }
    return found


def estimate(plan: Plan, results: Results) -> float:
    """Seconds that the missing points take, if no system falls behind."""
    total = 0.0
    for data in plan.data:
        longest = plan.seconds or max(take.seconds for take in make_takes(data, 0))
        for system in plan.systems:
            silence = 0.0 if system == CAPTIONER else MOST_SILENCE / 2
            points = [it for it in plan.points(data, system) if not results.find(it) or plan.again]
            total += len(points) * (STARTING + LEAD + longest + silence)
    return total


async def measure_points(plan: Plan, settings: Settings, results: Results) -> None:
    """Measure what is missing; a system that fell behind is not asked for more.

    Raises:
        CaptionerError: the data or the model cannot be read.
    """
    known = known_systems()
    for data in plan.data:
        for system in plan.systems:
            for point in plan.points(data, system):
                entry = None if plan.again else results.find(point)
                if entry is None:
                    takes_of = replace(plan, data=(data,))
                    figures = await measure_point(point, takes_of, settings, known[system])
                    entry = results.add(point, figures)
                if entry.get("failed") or entry["fell_behind"]:
                    break


async def measure_point(point: Point, plan: Plan, settings: Settings, peer: Peer | None) -> Content:
    """One point: its figures, or why there are none."""
    messages().print(f"{point.data}: {point.system}, {tracks_text(point.talkers)}...")
    (data,) = plan.data
    takes = make_takes(data, point.talkers, duration=plan.seconds)
    told: Content = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": revision(),
        "load": describe().load,
    }
    try:
        async with _stage(point, settings, peer, plan.folder) as stage:
            return told | await measure(stage, takes, peer)
    except Failed as error:
        if peer is None:
            raise
        messages().print(f"{point.system} cannot be run: {error}", soft_wrap=True)
        return told | {"failed": str(error), "sustained": False}


def _stage(
    point: Point, settings: Settings, peer: Peer | None, folder: Path
) -> AbstractAsyncContextManager[Stage]:
    if peer is None:
        return captioner_stage(settings, point.talkers)
    return peer_stage(peer, settings, folder, point.talkers)
