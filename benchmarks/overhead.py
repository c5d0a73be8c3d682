"""CPU that the server spends on a track outside the engine: transport, voice detection, the rest.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --tracks 200 --rates 16000 --sounds talking
    python benchmarks/overhead.py --tracks 32 --profile

The engine is a scripted one that answers at once, the load comes from this process. See
benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
from machine import EncodeReference, describe, encode_reference
from meter import Reading, read_process
from reporting import RESULTS, NumberList, Program, envelope, save_json, tracks_text
from rich.table import Table
from rich.text import Text
from sampler import Sample
from servers import scripted_server
from talkers import Sound, Talkers, load_sounds, talk

from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.errors import ModelError

BUDGET = 3.5  # ms of CPU for a second of one talking track
LOOP_BUDGET = 2.0  # ms of it on the thread of the event loop
LAG_GOAL = 50.0  # ms that the event loop may be late (p99)
LOOP_SHARE = 0.7  # of a core that the event loop may use before what is due waits
SETTLE = 1.0  # seconds: what a server does after its start is over
IDLE = 3.0  # seconds in which a server without tracks is watched
WARM_UP = 3.0  # seconds of the load before counting begins
TAIL = 0.5  # seconds of the load after counting ended
KEPT_UP = 0.1  # seconds that the load may be late (p99): one message
MILLISECONDS = 1e3
DETECTOR_THREAD = "captioner-detect"
LISTED = 25  # lines of a profile, the costliest


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load."""

    sound: Sound
    sample_rate: int
    tracks: int


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU in ms for each second of time."""

    total: float
    loop: float
    """On the thread of the event loop."""
    detector: float
    """On the thread of the voice detector."""
    workers: float
    """On the other Python threads: those that wait for the engine, mostly."""
    native: float
    """On threads that Python does not know: gRPC's core, ONNX Runtime's."""

    def less(self, idle: Spent, *, tracks: int) -> Spent:
        """What each track costs, beyond what the server spends without any."""
        mine, rest = asdict(self), asdict(idle)
        return Spent(**{name: (mine[name] - rest[name]) / tracks for name in mine})


@dataclass(frozen=True, slots=True)
class Overhead:
    """The figures of one load."""

    scenario: Scenario
    track: Spent
    """For each second of one track."""
    idle: Spent
    """By the server with no track at all."""
    lag_p50: float
    """How late the event loop runs what is due, in ms."""
    lag_p99: float
    lag_max: float
    driver_late_p99: float
    """How late the load was sent, in ms: a server that is full does not let it through."""
    captions: int
    failures: tuple[str, ...]
    areas: dict[str, float]
    """With --profile: ms for each second of one track, by thread and part of the program."""
    functions: dict[str, float]
    """The same by function, the costliest first: a function and the libraries that it calls."""

    @property
    def kept_up(self) -> bool:
        """Whether the load could be sent at its pace; else the other figures are of less audio."""
        return self.driver_late_p99 <= KEPT_UP * MILLISECONDS

    @property
    def within_budget(self) -> bool:
        """Whether the load cost no more than it may."""
        cheap = self.track.total <= BUDGET and self.track.loop <= LOOP_BUDGET
        return self.kept_up and cheap and self.lag_p99 <= LAG_GOAL

    @property
    def carried(self) -> int:
        """Such tracks that one event loop carries, given cores enough for everything else."""
        room = LOOP_SHARE * MILLISECONDS - self.idle.loop
        return int(room / self.track.loop) if self.track.loop > 0 else 0

    @property
    def cores(self) -> float:
        """Cores that all of them use, the engine's work not counted."""
        return self.carried * self.track.total / MILLISECONDS

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        scenario = self.scenario
        return {
            "sound": scenario.sound.value,
            "sample_rate": scenario.sample_rate,
            "tracks": scenario.tracks,
            "ms_per_track_second": _rounded(asdict(self.track)),
            "idle_ms_per_second": _rounded(asdict(self.idle)),
            "loop_lag_ms": _rounded(
                {"p50": self.lag_p50, "p99": self.lag_p99, "max": self.lag_max}
            ),
            "driver_late_p99_ms": round(self.driver_late_p99, 2),
            "kept_up": self.kept_up,
            "within_budget": self.within_budget,
            "carried_by_one_loop": {"tracks": self.carried, "cores": round(self.cores, 2)},
            "captions": self.captions,
            "failures": list(self.failures),
            "areas_ms_per_track_second": _rounded(self.areas),
            "functions_ms_per_track_second": _rounded(self.functions),
        }


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


@click.command(cls=Program)
@click.option(
    "--tracks",
    type=NumberList(),
    default="1,8,32,200",
    show_default=True,
    metavar="N,N,...",
    help="How many at once, one run each.",
)
@click.option(
    "--rates",
    type=NumberList(least=8000),
    default="16000,48000",
    show_default=True,
    metavar="HZ,HZ,...",
    help="Sample rates of the audio sent.",
)
@click.option(
    "--sounds",
    type=click.Choice([*(sound.value for sound in Sound), "both"]),
    default="both",
    show_default=True,
    help="People talking, or open microphones in a quiet room.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=1),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="How long each run is watched, after a start of 3 s.",
)
@click.option("--delay", type=float, default=0.0, help="Seconds that the engine takes for a batch.")
@click.option("--profile", is_flag=True, help="Also sample where the time goes; costs some itself.")
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Result file. [default: by date in benchmarks/results]",
)
@click.option("--no-save", is_flag=True, help="Print the table, write nothing.")
@settings_options("Model", "Captions", "Limits")
def main(
    settings: Settings,
    *,
    tracks: tuple[int, ...],
    rates: tuple[int, ...],
    sounds: str,
    duration: float,
    delay: float,
    profile: bool,
    target: Path | None,
    no_save: bool,
) -> None:
    """Measure what the server spends on a track outside the engine.

    The budget for a second of one talking track is 3.5 ms of CPU, 2 ms of it on the event loop's
    thread, which is less than 50 ms late at p99.
    """
    kinds = tuple(Sound) if sounds == "both" else (Sound(sounds),)
    scenarios = [Scenario(*each) for each in product(kinds, rates, tracks)]
    machine, reference = describe(), _reference(settings)
    watch = Watch(settings, duration, delay=delay, profile=profile)
    found = asyncio.run(watch.measure_all(scenarios))
    output().print(overhead_table(found))
    if profile:
        output().print(profile_table("areas", found))
        output().print(profile_table("functions", found))
    if no_save:
        return
    content = envelope("overhead", settings, machine, reference)
    content |= {"duration": duration, "engine_delay": delay, "profile": profile}
    budget = {"total": BUDGET, "loop": LOOP_BUDGET, "loop_lag_p99": LAG_GOAL}
    content |= {"budget_ms": budget, "loop_share": LOOP_SHARE}
    content |= {"runs": [each.to_json() for each in found]}
    path = target or RESULTS / f"overhead-{datetime.now(UTC):%Y%m%d-%H%M}.json"
    save_json(path, content)
    messages().print(f"saved {path}", soft_wrap=True)


def _reference(settings: Settings) -> EncodeReference | None:
    """How fast this machine encodes, where there is a model to tell with."""
    try:
        return encode_reference(settings)
    except ModelError:
        return None


class Watch:
    """Runs loads against servers, one after the other, and watches the servers."""

    def __init__(
        self, settings: Settings, duration: float, *, delay: float = 0.0, profile: bool = False
    ) -> None:
        self._settings = settings
        self._duration = duration
        self._delay = delay
        self._profile = profile
        self._clock = SystemClock()

    async def measure_all(self, scenarios: Sequence[Scenario]) -> list[Overhead]:
        """Each scenario on a server of its own."""
        found = []
        for scenario in scenarios:
            messages().print(
                f"{tracks_text(scenario.tracks)}, {scenario.sound.value}, "
                f"{scenario.sample_rate} Hz..."
            )
            found.append(await self.measure(scenario))
        return found

    async def measure(self, scenario: Scenario) -> Overhead:
        """One scenario.

        Raises:
            Failed: the server did not start.
        """
        sounds = load_sounds(scenario.sound, scenario.sample_rate)
        limit = max(self._settings.max_sessions, scenario.tracks)
        settings = self._settings.model_copy(update={"max_sessions": limit})
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.json")
            async with scripted_server(
                settings, report=report, profile=self._profile, delay=self._delay
            ) as target:
                assert target.pid is not None
                await asyncio.sleep(SETTLE)
                idle = await _watch(target.pid, IDLE)
                seen = Talkers()
                load = asyncio.create_task(
                    talk(
                        target.address,
                        sounds,
                        seen,
                        tracks=scenario.tracks,
                        sample_rate=scenario.sample_rate,
                        seconds=WARM_UP + self._duration + TAIL,
                        clock=self._clock,
                    )
                )
                await asyncio.sleep(WARM_UP)
                busy = await _watch(target.pid, self._duration)
                await load
            portrait = Portrait.read(report, pid=target.pid)
        return figures_of(scenario, idle, busy, seen, portrait)


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a server saw of itself."""

    pid: int
    lag: list[tuple[float, float]]
    samples: list[Sample]
    threads: dict[int, str]
    """The names of the threads that Python knows, by number."""

    @classmethod
    def read(cls, path: Path, *, pid: int) -> Portrait:
        """Read what it wrote as it ended."""
        content = json.loads(path.read_text(encoding="utf-8"))
        threads = {int(number): name for number, name in content["threads"].items()}
        return cls(pid, content["lag"], content["samples"], threads)


@dataclass(frozen=True, slots=True)
class Interval:
    """What a process used between two moments."""

    first: Reading
    last: Reading

    @property
    def wall(self) -> float:
        """How long it was, in seconds."""
        return self.last.time - self.first.time

    def within(self, pairs: Sequence[Sequence[float]]) -> list[float]:
        """The values of (time, value) whose time lies in it."""
        return [pair[1] for pair in pairs if self.first.time <= pair[0] <= self.last.time]


async def _watch(pid: int, seconds: float) -> Interval:
    first = read_process(pid)
    await asyncio.sleep(seconds)
    return Interval(first, read_process(pid))


def figures_of(
    scenario: Scenario, idle: Interval, busy: Interval, seen: Talkers, portrait: Portrait
) -> Overhead:
    """Put together what both ends saw, of the time in which the load was watched."""
    at_rest = spent(idle, loop=portrait.pid, python=portrait.threads)
    loaded = spent(busy, loop=portrait.pid, python=portrait.threads)
    lag = busy.within(portrait.lag)
    share = MILLISECONDS / busy.wall / scenario.tracks
    samples = [it for it in portrait.samples if busy.first.time <= it[0] <= busy.last.time]
    return Overhead(
        scenario=scenario,
        track=loaded.less(at_rest, tracks=scenario.tracks),
        idle=at_rest,
        lag_p50=_percentile(lag, 50),
        lag_p99=_percentile(lag, 99),
        lag_max=_percentile(lag, 100),
        driver_late_p99=_percentile(busy.within(seen.lateness), 99),
        captions=seen.captions,
        failures=tuple(seen.failures),
        areas=_costliest((area, cpu * share) for _, area, _, cpu in samples),
        functions=_costliest((function, cpu * share) for _, _, function, cpu in samples),
    )


def _costliest(parts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The sum of each name, the largest first."""
    sums: dict[str, float] = {}
    for name, value in parts:
        sums[name] = sums.get(name, 0.0) + value
    ranked = sorted(sums.items(), key=lambda item: -item[1])
    return dict(ranked[:LISTED])


def spent(interval: Interval, *, loop: int, python: Mapping[int, str]) -> Spent:
    """The CPU of an interval by kind of thread.

    Args:
        interval: What was read at its ends.
        loop: The number of the event loop's thread.
        python: The names of the threads that Python knows, by number.
    """
    before = interval.first.threads
    used = {
        number: seconds - before.get(number, 0.0)
        for number, seconds in interval.last.threads.items()
    }
    on_loop = used.get(loop, 0.0)
    detecting = {number for number, name in python.items() if name.startswith(DETECTOR_THREAD)}
    on_detector = sum(used.get(number, 0.0) for number in detecting)
    on_workers = sum(used.get(number, 0.0) for number in python.keys() - detecting - {loop})
    all_threads = sum(used.values())
    share = MILLISECONDS / interval.wall
    return Spent(
        total=all_threads * share,
        loop=on_loop * share,
        detector=on_detector * share,
        workers=on_workers * share,
        native=(all_threads - on_loop - on_detector - on_workers) * share,
    )


def _percentile(values: Sequence[float], percentile: float) -> float:
    """In ms; NaN of nothing."""
    return float(np.percentile(values, percentile)) * MILLISECONDS if values else math.nan


def overhead_table(found: Sequence[Overhead]) -> Table:
    """The figures of each load: ms of CPU for a second of one track, and how late the loop was."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    parts = ("ms / track s", "loop", "detector", "workers", "native")
    for name in ("", "Hz", "tracks", *parts, "idle ms/s"):
        table.add_column(name, justify="right" if name else "left")
    for name in ("loop late p99, ms", "driver late p99, ms", "a loop carries"):
        table.add_column(name, justify="right")
    table.add_column(f"≤ {BUDGET:g}, loop ≤ {LOOP_BUDGET:g}", justify="right")
    for each in found:
        scenario, track = each.scenario, each.track
        verdict = Text("yes", "green") if each.within_budget else Text("no", "red")
        if not each.kept_up:
            verdict = Text("fell behind", "red")
        if each.failures:
            verdict = Text(f"{len(each.failures)} tracks failed: {each.failures[0]}", "red")
        table.add_row(
            scenario.sound.value,
            str(scenario.sample_rate),
            str(scenario.tracks),
            *(f"{ms:.2f}" for ms in astuple(track)),
            f"{each.idle.total:.1f}",
            f"{each.lag_p99:.1f}",
            f"{each.driver_late_p99:.1f}",
            str(each.carried),
            verdict,
        )
    return table


def profile_table(by: Literal["areas", "functions"], found: Sequence[Overhead]) -> Table:
    """Where the time goes: ms of CPU for a second of one track, a column for each load."""
    columns: list[dict[str, float]] = [getattr(each, by) for each in found]
    table = Table(f"ms / track s, {by}", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for each in found:
        scenario = each.scenario
        name = f"{scenario.sound.value} {scenario.sample_rate} x{scenario.tracks}"
        table.add_column(name, justify="right")
    names = {name for column in columns for name in column}
    for name in sorted(names, key=lambda name: -max(c.get(name, 0.0) for c in columns)):
        table.add_row(name, *(f"{column.get(name, 0.0):.2f}" for column in columns))
    return table


if __name__ == "__main__":
    main()
