"""What a GPU carries: the parts of a decode by batch size, and how many people may talk at once.

    scripts/gpu-benchmark                            # sets up, then runs this; arguments go through
    python benchmarks/gpu.py --budget-minutes 9      # the next 9 minutes' worth of what is missing
    python benchmarks/gpu.py --models large-v3-turbo --kinds capacity --processes 1,2
    python benchmarks/gpu.py --models toy --device cpu --no-save --step-seconds 4 --most 8

Checkpoints of true shapes and random weights are made on the spot: no model is needed. Needs the
package, CTranslate2 with cuBLAS 12 (`scripts/gpu-benchmark` installs it), and the plots'
matplotlib. See benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import ctranslate2
from gpu_checkpoint import build, names, shape
from gpu_device import describe_gpu
from gpu_display import capacity_table, plot_results, stage_table
from gpu_processes import Job, ReplicaFailed, Replicas, StageJob, TooLarge, time_stages
from gpu_results import OtherDevice, Results, Task
from gpu_search import next_number
from gpu_stages import WINDOWS, pending
from gpu_talk import Scripts, read_monologues
from gpu_timing import LANGUAGE
from machine import Machine, describe
from reporting import RESULTS, ROOT, NumberList, Program, envelope

from captioner.asr.tokenizer import WhisperTokenizer
from captioner.asr.whisper import WhisperSettings
from captioner.cli.terminal import messages, output
from captioner.config import Settings
from captioner.models.manifest import Manifest, WindowRule
from captioner.streaming.effort import EffortRule
from captioner.streaming.settings import StreamingSettings, samples

MONOLOGUES = ROOT / "examples" / "audio" / "monologues"
SHORT = WindowRule(padded=False, silence=4.0)  # as measured on `base`
PADDED = WindowRule(padded=True)
COMPUTE_TYPES = {"cuda": ("float16", "int8_float16"), "cpu": ("int8", "float32")}
WARM_UP = 5.0  # seconds of talk before latencies count
OVERHEAD = 4.0  # seconds that a step takes beside
TIMING_ESTIMATE = 8.0  # seconds for one batch size of one window, all four stages
LOADING_ESTIMATE = 20.0  # seconds to build and load a model


class WordList(click.ParamType[tuple[str, ...]]):
    """Words as in a,b."""

    name = "words"

    def __init__(self, choices: Sequence[str]) -> None:
        self._choices = choices

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, ...]:
        """Read them."""
        words = value if isinstance(value, tuple) else tuple(value.split(","))
        for word in words:
            if word not in self._choices:
                self.fail(f"{word!r} is none of {', '.join(self._choices)}", param, ctx)
        return words


class Budget:
    """The time that is left."""

    def __init__(self, minutes: float) -> None:
        self._end = time.monotonic() + 60 * minutes if minutes else None

    def allows(self, seconds: float) -> bool:
        """Whether something that long may still begin."""
        return self._end is None or time.monotonic() + seconds <= self._end


class BudgetSpent(Exception):
    """What is next would last too long."""


class Bench:
    """Makes measurements, each figure kept as it comes."""

    def __init__(
        self,
        results: Results,
        budget: Budget,
        *,
        device: str,
        folder: Path,
        step_seconds: float,
        start: int,
        most: int,
        batches: Sequence[int],
        streaming: StreamingSettings,
        effort: EffortRule,
    ) -> None:
        self._results = results
        self._budget = budget
        self._device = device
        self._folder = folder
        self._step_seconds = step_seconds
        self._start = start
        self._most = most
        self._batches = batches
        self._streaming = streaming
        self._effort = effort
        self._monologues = read_monologues(MONOLOGUES)

    def run(self, tasks: Sequence[Task]) -> bool:
        """Make the measurements that are missing; False when time ran out before."""
        for task in tasks:
            if self._results.entry(task).get("complete"):
                continue
            messages().print(f"[bold]{task.id}[/bold]")
            measure = self._capacity if task.kind == "capacity" else self._stages
            try:
                measure(task)
            except BudgetSpent:
                return False
            except ReplicaFailed as failure:
                messages().print(f"  [red]failed[/red]: {failure}", highlight=False)
                self._results.fail(task, str(failure))
            else:
                self._results.finish(task)
        return True

    def _need(self, seconds: float) -> None:
        if not self._budget.allows(seconds):
            raise BudgetSpent

    def _checkpoint(self, task: Task) -> tuple[Path, Manifest]:
        """The folder of a model, built when it is first asked for."""
        model, folder = shape(task.model), self._folder / task.model
        rule = PADDED if task.padded else SHORT
        texts = [monologue.text for monologue in self._monologues]
        begin = time.monotonic()
        manifest = build(model, folder, texts=texts, rule=rule)
        messages().print(f"  built in {time.monotonic() - begin:.0f} s")
        return folder, manifest

    def _settings(self, task: Task) -> WhisperSettings:
        return WhisperSettings(
            device=self._device,
            compute_type=task.compute_type,
            workers=task.workers,
            threads_per_worker=task.threads,
            shortlist=LANGUAGE,  # as the service does; on a GPU it changes nothing
        )

    def _capacity(self, task: Task) -> None:
        step = WARM_UP + self._step_seconds + OVERHEAD
        self._need(LOADING_ESTIMATE + step)
        folder, manifest = self._checkpoint(task)
        streaming = replace(self._streaming, window=manifest.window, n_mels=manifest.n_mels)
        job = Job(
            folder, manifest, self._settings(task), streaming, MONOLOGUES, effort=self._effort
        )
        with Replicas(job, processes=task.processes) as replicas:
            while tracks := next_number(
                self._results.held(task), start=self._start, most=self._most
            ):
                self._need(step)
                found = replicas.step(tracks, seconds=self._step_seconds, warm_up=WARM_UP)
                self._results.add_step(task, found)
                messages().print(
                    f"  {tracks} people: displayed p50 {found.displayed_p50:.2f} s, "
                    f"final p95 {found.finalised_p95:.2f} s, loop {found.loop_busy:.0%}"
                    f"{', given up' if found.given_up else ''}"
                    f" {'holds' if found.holds else 'does not hold'}",
                    highlight=False,
                )

    def _stages(self, task: Task) -> None:
        todo = list(pending(WINDOWS, self._batches, self._results.timed(task)))
        if not todo:
            return
        self._need(LOADING_ESTIMATE + TIMING_ESTIMATE)
        folder, _ = self._checkpoint(task)
        tokens = Scripts(self._monologues, WhisperTokenizer.from_directory(folder))
        job = StageJob(
            folder, shape(task.model), self._settings(task), tokens.tokens_per_second, todo
        )
        for timing in time_stages(job):
            self._results.add_timing(task, timing)
            if isinstance(timing, TooLarge):
                messages().print(f"  {timing.batch} rows: {timing.reason}", highlight=False)
            self._need(TIMING_ESTIMATE)


def plan(
    *,
    kinds: Sequence[str],
    models: Sequence[str],
    compute_types: Sequence[str],
    windows: Sequence[str],
    workers: Sequence[int],
    processes: Sequence[int],
    threads: int = 1,
) -> list[Task]:
    """What to measure, what matters most first.

    The first of every list makes the first measurement. The others of each list are then tried
    with the first of all other lists; of models after the first only the compute types.
    """
    tasks: list[Task] = []
    for model in models:
        first = Task(
            "capacity",
            model,
            compute_types[0],
            padded=windows[0] == "padded",
            workers=workers[0],
            processes=processes[0],
            threads=threads,
        )
        tasks += [first, _stages_of(first)]
        if model == models[0]:
            tasks += [replace(first, workers=count) for count in workers[1:]]
            tasks += [replace(first, processes=count) for count in processes[1:]]
        others = [replace(first, compute_type=compute) for compute in compute_types[1:]]
        tasks += others
        if model == models[0]:
            tasks += [replace(first, padded=window == "padded") for window in windows[1:]]
        tasks += [_stages_of(other) for other in others]
    return [task for task in tasks if task.kind in kinds]


def _stages_of(task: Task) -> Task:
    return Task("stages", task.model, task.compute_type)


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    """Where checkpoints are built: theirs, or one that goes away."""
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@click.command(cls=Program)
@click.option(
    "--kinds",
    type=WordList(("capacity", "stages")),
    default="capacity,stages",
    show_default=True,
    help="People at once; the parts of a decode.",
)
@click.option(
    "--models",
    type=WordList(names()),
    default="large-v3-turbo,small,large-v3",
    show_default=True,
    help="Shapes, the most important first.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cuda", "cpu"]),
    default="auto",
    show_default=True,
)
@click.option(
    "--compute-types", default="", help="[default: float16,int8_float16; CPU: int8,float32]"
)
@click.option(
    "--windows",
    type=WordList(("short", "padded")),
    default="short,padded",
    show_default=True,
    help="Speech and 4 s of silence, or 30 s; for the capacity.",
)
@click.option(
    "--workers",
    type=NumberList(),
    default="1,2",
    show_default=True,
    metavar="N,N",
    help="Batches at once in a process.",
)
@click.option(
    "--processes",
    type=NumberList(),
    default="1,2",
    show_default=True,
    metavar="N,N",
    help="Replicas that share the device.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="CPU threads of each batch; a GPU needs one.",
)
@click.option(
    "--batches",
    type=NumberList(),
    default="1,2,4,8,16,32,64",
    show_default=True,
    metavar="N,N,...",
    help="Rows in a batch, for the stages.",
)
@click.option("--hop", type=float, default=0.5, show_default=True, help="Seconds between interims.")
@click.option(
    "--final-beam-size",
    type=click.IntRange(min=1, max=10),
    default=5,
    show_default=True,
    help="Beam width of finals, unless load asks for less.",
)
@click.option("--start", type=click.IntRange(min=1), default=128, show_default=True)
@click.option("--most", type=click.IntRange(min=1), default=2048, show_default=True)
@click.option(
    "--step-seconds",
    type=click.FloatRange(min=1),
    default=20.0,
    show_default=True,
    help="How long each number of people is watched, after 5 s.",
)
@click.option(
    "--budget-minutes",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Stop before; the same command goes on later. [default: none]",
)
@click.option(
    "--work-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where checkpoints are built. [default: a temporary folder]",
)
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULTS / "gpu.json",
    metavar="FILE.json",
    help="Result file. [default: benchmarks/results/gpu.json]",
)
@click.option("--fresh", is_flag=True, help="Forget what the result file holds.")
@click.option("--no-save", is_flag=True, help="Print the tables, write nothing.")
def main(
    *,
    kinds: tuple[str, ...],
    models: tuple[str, ...],
    device: str,
    compute_types: str,
    windows: tuple[str, ...],
    workers: tuple[int, ...],
    processes: tuple[int, ...],
    threads: int,
    batches: tuple[int, ...],
    hop: float,
    final_beam_size: int,
    start: int,
    most: int,
    step_seconds: float,
    budget_minutes: float,
    work_dir: Path | None,
    target: Path,
    fresh: bool,
    no_save: bool,
) -> None:
    """Measure how many people may talk at once on this machine's GPU, and where its time goes."""
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    budget, machine, gpu = Budget(budget_minutes), describe(), describe_gpu()
    name = _device_name(device, machine, gpu)
    try:
        results = Results.open(None if no_save else target, device=name, fresh=fresh)
    except OtherDevice as error:
        raise click.ClickException(str(error)) from error
    facts = envelope("gpu", Settings(), machine, None)
    results.describe(
        facts
        | {
            "gpu": gpu,
            "hop": hop,
            "final_beam_size": final_beam_size,
            "step_seconds": step_seconds,
            "warm_up": WARM_UP,
        }
    )
    tasks = plan(
        kinds=kinds,
        models=models,
        compute_types=compute_types.split(",") if compute_types else COMPUTE_TYPES[device],
        windows=windows,
        workers=workers,
        processes=processes,
        threads=threads,
    )
    with _folder(work_dir) as folder:
        bench = Bench(
            results,
            budget,
            device=device,
            folder=folder,
            step_seconds=step_seconds,
            start=start,
            most=most,
            batches=batches,
            streaming=StreamingSettings(window=SHORT, n_mels=80, hop=samples(hop)),
            effort=EffortRule(beam_size=final_beam_size),
        )
        complete = bench.run(tasks)
    show(results)
    if not complete:
        messages().print("The budget is spent: the same command goes on with what is missing.")


def _device_name(device: str, machine: Machine, gpu: dict[str, str] | None) -> str:
    if device == "cuda" and gpu is not None:
        return gpu["name"]
    return f"{machine.cpu}, {machine.cores} cores"


def show(results: Results) -> None:
    """Print the tables; write the plot beside the result file."""
    for entry in results.entries:
        if entry.get("steps"):
            output().print(capacity_table(entry))
        if entry.get("timings"):
            output().print(stage_table(entry))
    if results.path is not None:
        plot = results.path.with_suffix(".png")
        plot_results(plot, results.entries, device=results.content["device"])
        messages().print(f"saved {results.path} and {plot.name}", soft_wrap=True)


if __name__ == "__main__":
    main()
