"""Policies of live captions tried out offline: word errors against latency against cost.

    python benchmarks/sweep.py                    # what is said is told: latency and cost
    python benchmarks/sweep.py --engine whisper   # the real model's answers, kept on disk

Real audio goes through the real voice detector, session and queue on a simulated machine
(`sweep_world`), whose clock charges what `sweep_costs` measured. The same choice gives the same
figures, down to the last digit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click
from machine import describe
from recordings import make_takes
from reporting import RESULTS, NumberList, Program, command_line, percent, revision, save_json
from rich.table import Table
from sweep_costs import Costs, read_costs
from sweep_engine import Answering, KeptEngine
from sweep_plot import plot_sweep
from sweep_told import ToldEngine
from sweep_world import Spent, World

from captioner.cli.terminal import messages, output
from captioner.config import Settings
from captioner.evaluation.score import measure
from captioner.evaluation.summary import Summary, summarise
from captioner.models.manifest import WindowRule
from captioner.scheduling.policy import Rules
from captioner.service import whisper_factory
from captioner.streaming.effort import EffortRule
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE
from captioner.vad.endpointing import EndpointingSettings

KEPT = Path("~/.cache/captioner/sweep/answers.db").expanduser()
BASE = WindowRule(padded=False, silence=4.0)


@dataclass(frozen=True, slots=True)
class Policy:
    """One point of the grid: what differs from the defaults, seconds throughout."""

    name: str
    streaming: dict[str, float] = field(default_factory=dict)
    """Of `StreamingSettings`."""
    endpointing: dict[str, float] = field(default_factory=dict)
    """Of `EndpointingSettings`."""
    rules: dict[str, Any] = field(default_factory=dict)
    """Of the queue."""
    silence: float | None = None
    """After the speech, in the windows of finals."""
    effort: dict[str, Any] = field(default_factory=dict)
    """Of finals, whatever the load; empty: by the load."""

    def settings(self) -> StreamingSettings:
        """The settings of every session."""
        base = StreamingSettings(
            BASE if self.silence is None else replace(BASE, silence=self.silence),
            80,
            endpointing=replace(EndpointingSettings(), **self.endpointing),
        )
        changed: dict[str, Any] = {n: _in_unit(base, n, v) for n, v in self.streaming.items()}
        return replace(base, **changed)


def _in_unit(settings: StreamingSettings, name: str, value: float) -> float:
    """Seconds as samples where the setting is one of samples."""
    of_samples = type(getattr(settings, name)) is int
    return round(value * SAMPLE_RATE) if of_samples else value


GRID = (
    Policy("shipped"),
    Policy("hop 0.5 s", {"hop": 0.5}),
    Policy("hop 1 s", {"hop": 1.0}),
    Policy("interims on s + 4", {"interim_silence": 4.0}),
    Policy("windows trimmed from 6 s to 3 s", {"trim_after": 6.0, "trim_to": 3.0}),
    Policy("words near the edge shown", {"hidden": 0.0}),
    Policy("words near the edge hidden 0.4 s", {"hidden": 0.4}),
    Policy("commit margin 0.4 s", {"commit_margin": 0.4}),
    Policy("commit after 1.2 s", {"commit_after": 1.2}),
    Policy("commit by agreement alone", {"commit_after": 20.0}),
    Policy("shown words change for surer ones", {"interim_surer": 0.1}),
    Policy("final surer", {"final_surer": 0.1}),
    Policy("endpoint after 0.55 s", endpointing={"silence_to_endpoint": 0.55, "late_after": 7.0}),
    Policy("endpoint after 0.8 s", endpointing={"silence_to_endpoint": 0.8, "late_after": 7.0}),
    Policy("utterances of up to 15 s", endpointing={"max_utterance": 15.0, "late_after": 7.0}),
    Policy("silence below 0.5", endpointing={"silence_threshold": 0.5}),
    Policy("finals greedy", effort={"beam_size": 1}),
    Policy("finals lean", effort={"beam_size": 1, "sure": 0.6, "speculate": False}),
    Policy("finals never on speculation", effort={"speculate": False}),
    Policy("finals on 14 s", effort={"window": 14 * SAMPLE_RATE}),
    Policy("batches of 8", rules={"max_batch": 8}),
    Policy("batches of 2", rules={"max_batch": 2}),
    Policy("append-only", {"append_only": True}),
)


@dataclass(frozen=True, slots=True)
class Point:
    """What a policy gives with so many people talking."""

    policy: Policy
    tracks: int
    summary: Summary
    spent: Spent

    @property
    def cost(self) -> float:
        """Seconds of a worker for a second of talk."""
        return self.spent.busy / self.spent.speech if self.spent.speech else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        speech = self.spent.speech or 1.0
        return {
            "policy": asdict(self.policy),
            **self.summary.to_json(),
            "cost": round(self.cost, 4),
            "cost_of": {name: round(s / speech, 4) for name, s in self.spent.seconds.items()},
            "rows": dict(self.spent.rows),
            "batches": self.spent.batches,
            "windows": {f"{length:g}": n for length, n in self.spent.window_seconds.items()},
        }


def measure_policy(
    policy: Policy,
    tracks: int,
    engine: Answering,
    costs: Costs,
    *,
    data: str = "monologues",
    duration: float | None = None,
) -> Point:
    """Play so many tracks under a policy.

    Raises:
        CaptionerError: the data cannot be read, or the engine failed.
    """
    settings = policy.settings()
    rule = EffortRule()
    fixed = replace(settings.final, **policy.effort)
    world = World(
        settings,
        engine,
        costs,
        rules=Rules(**policy.rules),
        effort=(lambda _: fixed) if policy.effort else rule.at,
    )
    logs, spent = world.play(make_takes(data, tracks, duration=duration))
    scores = [measure(log.displays, log.take.words) for log in logs]
    return Point(policy, tracks, summarise(scores), spent)


def best_points(points: Sequence[Point]) -> list[Point]:
    """Those that no other betters in errors, latency and cost at once, of the same tracks."""

    def figures(point: Point) -> tuple[float, float, float]:
        return point.summary.wer, point.summary.displayed.p50, point.cost

    def beaten(point: Point) -> bool:
        return any(
            other.tracks == point.tracks
            and figures(other) != figures(point)
            and all(a <= b for a, b in zip(figures(other), figures(point), strict=True))
            for other in points
        )

    return [point for point in points if not beaten(point)]


@click.command(cls=Program)
@click.option("--tracks", type=NumberList(), default=(1, 4, 12), metavar="N,N,...")
@click.option("--policies", "names", default="", metavar="TEXT", help="Those whose name has it.")
@click.option("--engine", type=click.Choice(["told", "whisper"]), default="told")
@click.option("--data", default="monologues", show_default=True, metavar="NAME")
@click.option("--duration", type=click.FloatRange(min=1), default=40.0, metavar="SECONDS")
@click.option("--output", "target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-save", is_flag=True, help="Print the table, write nothing.")
def main(
    *,
    tracks: tuple[int, ...],
    names: str,
    engine: str,
    data: str,
    duration: float,
    target: Path | None,
    no_save: bool,
) -> None:
    """Try policies on a simulated machine; see docs/tuning.md for what they are."""
    answering: Answering = ToldEngine()
    if engine == "whisper":
        answering = KeptEngine(KEPT, whisper_factory(Settings()))
    costs = read_costs()
    points = []
    for policy in (policy for policy in GRID if names in policy.name):
        for number in tracks:
            messages().print(f"{policy.name}, {number} talking")
            points.append(
                measure_policy(policy, number, answering, costs, data=data, duration=duration)
            )
    output().print(_table(points))
    if not no_save:
        path = target or RESULTS / f"sweep-{engine}.json"
        save_json(
            path, _content(points, costs) | {"engine": engine, "data": data, "duration": duration}
        )
        plot_sweep(path.with_suffix(".png"), points, best=best_points(points))


def _content(points: Sequence[Point], costs: Costs) -> dict[str, Any]:
    best = best_points(points)
    return {
        "benchmark": "sweep",
        "command": command_line(sys.argv),
        "revision": revision(),
        "machine": describe().to_json(),
        "costs": asdict(costs),
        "points": [point.to_json() | {"best": point in best} for point in points],
    }


def _table(points: Sequence[Point]) -> Table:
    table = Table("policy", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("talking", "WER %", "displayed", "stable", "final", "erasure", "cost"):
        table.add_column(name, justify="right")
    for point in points:
        table.add_row(point.policy.name, *_cells(point))
    return table


def _cells(point: Point) -> Iterator[str]:
    found = point.summary
    yield str(point.tracks)
    yield percent(found.wer)
    yield f"{found.displayed.p50:.2f} / {found.displayed.p90:.2f}"
    yield f"{found.stable.p50:.2f} / {found.stable.p95:.2f}"
    yield f"{found.finalised.p50:.2f} / {found.finalised.p95:.2f}"
    yield f"{found.erasure:.2f}"
    yield f"{point.cost:.3f}"


if __name__ == "__main__":
    main()
