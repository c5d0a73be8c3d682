"""Hours of one session: whether captions come later, or memory grows, the longer it lasts.

    python benchmarks/endurance.py                   # one person, an hour
    python benchmarks/endurance.py --tracks 4 --minutes 60
    python benchmarks/endurance.py --minutes 3 --bucket-minutes 1 --no-save

See benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import psutil
from endurance_figures import GROWTH_LIMIT, Course, Sample, measure_course
from endurance_talk import Heard, Speaker, shuffled
from machine import describe, encode_or_none
from meter import MEBIBYTE
from plots import plot_course
from recordings import make_takes
from reporting import RESULTS, Program, envelope, percent, save_json, seconds
from rich.table import Table
from rich.text import Text
from servers import Target, caption_server, scripted_server
from tracks import LEAD, staggered

from captioner.cli.connection import connected
from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.clock import Clock, SystemClock
from captioner.config import Settings
from captioner.rpc.client import CaptionerClient

SAMPLE_PERIOD = 10.0  # seconds between two looks at the server's process
SEED = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    data: str
    tracks: int
    minutes: float
    bucket_minutes: float
    seed: int
    scripted: bool


@click.command(cls=Program)
@click.option(
    "--minutes", type=click.FloatRange(min=0.05), default=60.0, show_default=True, help="In all."
)
@click.option(
    "--tracks",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="People who talk all the time, a session each.",
)
@click.option(
    "--bucket-minutes",
    type=click.FloatRange(min=0.01),
    default=5.0,
    show_default=True,
    help="Figures are told for each so many minutes, and saved as often.",
)
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of the order.")
@click.option(
    "--data", default="monologues", show_default=True, metavar="NAME", help="As of live.py."
)
@click.option("--scripted", is_flag=True, help="A server that computes nothing: to try this out.")
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULTS / "endurance.json",
    metavar="FILE.json",
    help="Result file; the plot goes beside it. [default: benchmarks/results/endurance.json]",
)
@click.option("--no-save", is_flag=True, help="Print the table, write nothing.")
@settings_options("Model", "Captions", "Limits")
def main(
    settings: Settings,
    *,
    target: Path,
    no_save: bool,
    **options: Any,  # noqa: ANN401 - the fields of the plan
) -> None:
    """Let the same session run for an hour, and see whether its captions come later and later.

    Starts a server of its own. Recordings are repeated in a shuffled order. The result file is
    written after each bucket: a run that is interrupted has said what it knew.
    """
    plan = Plan(**options)
    reference = encode_or_none(settings, required=not plan.scripted)
    facts = envelope("endurance", settings, describe(), reference) | {"plan": asdict(plan)}

    def save(course: Course, *, complete: bool) -> None:
        if not no_save:
            save_json(target, facts | {"complete": complete} | course.to_json())

    def known(course: Course) -> None:
        messages().print(_line(course), highlight=False)
        save(course, complete=False)

    course, problems = asyncio.run(measure(plan, settings, known))
    save(course, complete=True)
    output().print(course_table(course))
    for problem in problems:
        messages().print(f"[red]{problem}[/red]")
    if not no_save:
        plot_course(target.with_suffix(".png"), course)
        messages().print(f"saved {target} and {target.with_suffix('.png').name}", soft_wrap=True)


async def measure(
    plan: Plan, settings: Settings, known: Callable[[Course], None]
) -> tuple[Course, list[str]]:
    """Run it; returns how it went and what went wrong.

    Args:
        plan: what is to be measured.
        settings: of the server.
        known: is told after each bucket what is known so far.

    Raises:
        CaptionerError: the data cannot be read, or the server did not start.
    """
    sources = make_takes(plan.data, 0)
    speakers = [
        Speaker(
            f"{index:03}",
            shuffled(sources, seconds=60 * plan.minutes, seed=plan.seed * 1000 + index),
        )
        for index in range(plan.tracks)
    ]
    async with _server(plan, settings) as target:
        at_target = settings.model_copy(update={"server": target.address})
        async with connected(at_target) as (client, _):
            watch = _Watch(plan, speakers, target, SystemClock(), known)
            course = await watch.run(client)
    return course, [problem for speaker in speakers for problem in _problems(speaker)]


def _server(plan: Plan, settings: Settings) -> AbstractAsyncContextManager[Target]:
    return scripted_server(settings) if plan.scripted else caption_server(settings)


class _Watch:
    """Lets the speakers talk, looks at the server meanwhile, and tells after each bucket."""

    def __init__(
        self,
        plan: Plan,
        speakers: Sequence[Speaker],
        target: Target,
        clock: Clock,
        known: Callable[[Course], None],
    ) -> None:
        self._plan = plan
        self._speakers = speakers
        self._target = target
        self._clock = clock
        self._known = known
        self._heard: list[Heard] = []
        self._samples: list[Sample] = []

    async def run(self, client: CaptionerClient) -> Course:
        """Until all have said everything."""
        origin = self._clock.monotonic() + LEAD
        watching = asyncio.create_task(self._watch(origin))
        try:
            async with asyncio.TaskGroup() as group:
                starts = staggered(len(self._speakers))
                for speaker, start in zip(self._speakers, starts, strict=True):
                    group.create_task(speaker.talk(client, start=origin + start, clock=self._clock))
        finally:
            watching.cancel()
        self._look(origin)
        return self._course(origin)

    async def _watch(self, origin: float) -> None:
        bucket = 60 * self._plan.bucket_minutes
        told = bucket
        while True:
            await asyncio.sleep(min(SAMPLE_PERIOD, bucket))
            self._look(origin)
            if self._clock.monotonic() - origin >= told:
                told += bucket
                self._known(self._course(origin))

    def _look(self, origin: float) -> None:
        if self._target.pid is None:
            return
        process = psutil.Process(self._target.pid)
        used = process.cpu_times()
        self._samples.append(
            Sample(
                at=self._clock.monotonic() - origin,
                cpu=used.user + used.system,
                memory=process.memory_info().rss / MEBIBYTE,
                lag=max(speaker.take_lag() for speaker in self._speakers),
            )
        )

    def _course(self, origin: float) -> Course:
        now = self._clock.monotonic() - origin
        for speaker in self._speakers:
            self._heard += speaker.settled(now)
        bucket = 60 * self._plan.bucket_minutes
        return measure_course(self._heard, self._samples, bucket=bucket, tracks=len(self._speakers))


def _problems(speaker: Speaker) -> list[str]:
    found = [speaker.problem] if speaker.problem else []
    found += [f"{speaker.gaps} gaps"] if speaker.gaps else []
    found += [f"{speaker.reconnections} reconnections"] if speaker.reconnections else []
    found += [] if speaker.ended or speaker.problem else ["the end was not confirmed"]
    return found


def _line(course: Course) -> str:
    if not course.buckets:
        return "nothing is known yet"
    last = course.buckets[-1]
    return (
        f"{last.end / 60:5.1f} min: displayed p50 {seconds(last.displayed_p50)} s, "
        f"final p95 {seconds(last.finalised_p95)} s, {last.memory:.0f} MiB"
    )


def course_table(course: Course) -> Table:
    """A row for each bucket, then what grows."""
    names = (
        "min",
        "displayed p50",
        "p90",
        "stable p50",
        "final p50",
        "p95",
        "MiB",
        "CPU s/s",
        "lag",
    )
    table = Table(*names, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for bucket in course.buckets:
        table.add_row(
            f"{bucket.start / 60:g}",
            seconds(bucket.displayed_p50),
            seconds(bucket.displayed_p90),
            seconds(bucket.stable_p50),
            seconds(bucket.finalised_p50),
            seconds(bucket.finalised_p95),
            f"{bucket.memory:.0f}",
            f"{bucket.cpu_per_audio_second:.3f}",
            seconds(bucket.largest_lag),
        )
    displayed, stable, finalised = (_growth(value) for value in course.slopes.values())
    table.add_row("ms/h", displayed, "", stable, finalised, "", f"{course.memory_slope:+.1f}/h")
    errors = percent(course.words.rate) if course.words.reference else "-"
    table.caption = (
        f"word errors {errors} %, {course.words_lost} words lost, "
        f"{course.never_final} never final; growth may be {GROWTH_LIMIT:g} ms an hour"
    )
    return table


def _growth(value: float) -> Text:
    """What grows too fast is red, and marked."""
    if value != value:  # noqa: PLR0124 - not known
        return Text("-")
    return Text(f"{value:+.0f}") if value < GROWTH_LIMIT else Text(f"{value:+.0f} !", "red")


if __name__ == "__main__":
    main()
