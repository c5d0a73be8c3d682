"""Offline transcription measured: Captioner beside other systems, on the same files and model.

    python benchmarks/offline.py --peers
    python benchmarks/offline.py --data monologues,real --beams 5 --repeat 3
    python benchmarks/offline.py --quick --no-save

See benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from machine import EncodeReference, describe, encode_reference
from offline_data import LONG, DataSet, load_data
from offline_figures import Result, Variant, compared, conclude
from offline_plot import plot_results
from offline_report import NOTES, merged, results_table
from offline_systems import (
    COMMAND,
    Answer,
    CommandLine,
    System,
    Worker,
    peer_python,
    versions,
)
from offline_worker import BATCHED, CAPTIONER, SCRIPTED, SEQUENTIAL, Task
from recordings import AUDIO
from reporting import RESULTS, NumberList, Program, envelope, revision, save_json

from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.config import Settings, default_models_dir
from captioner.errors import ModelError
from captioner.models.store import ModelStore

DATA = ("monologues", "meeting", "sentences", "real", "long", "noise")
REFERENCE_DATA = ("monologues", "real")
COMPUTE_TYPE = "int8"
QUICK_BATCH = 4
WARM_UP = AUDIO / "sentences" / "000.flac"  # first calls allocate, and start processes


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    data: tuple[str, ...]
    beams: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    repeat: int
    references: bool
    quick: bool
    scripted: bool
    peer: Path | None
    """Python of the environment of whisper-ctranslate2; None: it has no part."""


@click.command(cls=Program)
@click.option(
    "--data",
    default=",".join(DATA),
    show_default=True,
    metavar="NAME,NAME,...",
    help="Data sets, or folders with audio and truth.json.",
)
@click.option(
    "--beams",
    type=NumberList(),
    default="5,1",
    show_default=True,
    metavar="N,N,...",
    help="Beam sizes.",
)
@click.option(
    "--batch-sizes",
    type=NumberList(),
    default="1,4,8,16",
    show_default=True,
    metavar="N,N,...",
    help="Of the batched peers: tried on `long`, and the fastest counts.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Runs of each system; they take turns.",
)
@click.option("--peers", is_flag=True, help="Also whisper-ctranslate2, installed if need be.")
@click.option(
    "--peer-python",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="PATH",
    help="Python of an environment that has whisper-ctranslate2 already.",
)
@click.option(
    "--references/--no-references",
    default=True,
    help="Also faster-whisper sequential, and batched without word times: once, on some data.",
)
@click.option("--scripted", is_flag=True, help="Captioner alone, computing nothing: to try this.")
@click.option("--quick", is_flag=True, help="A few files, once, one batch size: a first look.")
@click.option("--add", is_flag=True, help="Keep the other data sets of the result file.")
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    default=RESULTS / "offline.json",
    metavar="FILE.json",
    help="Result file; the plot goes beside it. [default: benchmarks/results/offline.json]",
)
@click.option("--no-save", is_flag=True, help="Print the table, write nothing.")
@settings_options("Model")
def main(
    settings: Settings,
    *,
    data: str,
    beams: tuple[int, ...],
    batch_sizes: tuple[int, ...],
    repeat: int,
    peers: bool,
    peer_python: Path | None,
    references: bool,
    scripted: bool,
    quick: bool,
    add: bool,
    target: Path,
    no_save: bool,
) -> None:
    """Transcribe recordings with Captioner and with other systems, and compare.

    All have the same model, compute type, beam size, language and cores.
    """
    plan = Plan(
        data=tuple(data.split(",")),
        beams=beams,
        batch_sizes=(QUICK_BATCH,) if quick else batch_sizes,
        repeat=1 if quick else repeat,
        references=references and not (quick or scripted),
        quick=quick,
        scripted=scripted,
        peer=peer_of(peers=peers, python=peer_python),
    )
    content = envelope("offline", settings, describe(), _reference(settings, scripted=scripted))
    content |= {"compute_type": COMPUTE_TYPE, "systems": NOTES, "versions": versions(plan.peer)}
    content |= measure_all(plan, settings)
    if add:
        content = merged(target, content)
    for name in plan.data:
        found = content["data"][Path(name).name]
        title = f"{Path(name).name}: {found['files']} files, {found['audio_seconds']:.0f} s"
        output().print(title, results_table(found), "", sep="\n")
    if no_save:
        return
    save_json(target, content)
    plot_results(target.with_suffix(".png"), content)
    messages().print(f"saved {target} and {target.with_suffix('.png').name}", soft_wrap=True)


def peer_of(*, peers: bool, python: Path | None) -> Path | None:
    """Where whisper-ctranslate2 is, if it has a part."""
    if python is not None:
        return python
    if not peers:
        return None
    messages().print("preparing whisper-ctranslate2...")
    return peer_python(default_models_dir().with_name("benchmark-peers"))


def _reference(settings: Settings, *, scripted: bool) -> EncodeReference | None:
    """How fast this machine encodes; None where no model is needed and there is none."""
    try:
        return encode_reference(settings)
    except ModelError:
        if not scripted:
            raise
        return None


def measure_all(plan: Plan, settings: Settings) -> dict[str, Any]:
    """The results of each data set by name, and the trial of batch sizes before.

    Raises:
        CaptionerError: the data or the model cannot be read.
        Failed: a system did not answer.
    """
    bench = Bench(plan, settings)
    with tempfile.TemporaryDirectory() as folder:
        trial = bench.try_batches(Path(folder))
        batch = min(trial, key=lambda size: trial[size]) if trial else plan.batch_sizes[0]
        data = (load_data(name, Path(folder), quick=plan.quick) for name in plan.data)
        results = {each.name: bench.measure(each, batch) for each in data}
    return {"trial": {"data": LONG, "seconds_by_batch_size": trial}, "data": results}


class Bench:
    """Runs the systems on data sets."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        self._plan = plan
        self._settings = settings
        self._model = ""
        if not plan.scripted:
            store = ModelStore(settings.models_dir)
            self._model = str(store.find(settings.model, verified=False).directory)

    def try_batches(self, folder: Path) -> dict[int, float]:
        """The seconds that each batch size of the batched peers takes on the long recording.

        With the first beam size; a single batch size needs no trial.
        """
        sizes, beam = self._plan.batch_sizes, self._plan.beams[0]
        if self._plan.scripted or len(sizes) == 1:
            return {}
        data = load_data(LONG, folder)
        return {size: self._try(Variant(BATCHED, beam, size), data) for size in sizes}

    def _try(self, variant: Variant, data: DataSet) -> float:
        with closing(self._open(variant)) as system:
            return round(self._run(system, variant, data).seconds, 3)

    def measure(self, data: DataSet, batch: int) -> dict[str, Any]:
        """All systems on a data set, at each beam size."""
        results = []
        for beam in self._plan.beams:
            found = list(self._measure(data, list(self._variants(beam, batch))))
            if self._plan.references:
                found += self._references(data, beam, batch)
            ours = found[0]
            results += [each.to_json() | compared(ours, each) for each in found]
        return {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": revision(),
            "files": len(data.files),
            "audio_seconds": round(data.seconds, 2),
            "results": results,
        }

    def _variants(self, beam: int, batch: int) -> Iterator[Variant]:
        if self._plan.scripted:
            yield Variant(SCRIPTED, beam)
            return
        yield Variant(CAPTIONER, beam)
        yield Variant(BATCHED, beam, batch)
        if self._plan.peer is not None:
            yield Variant(COMMAND, beam, batch)

    def _measure(self, data: DataSet, variants: Sequence[Variant]) -> Iterator[Result]:
        """The systems take turns, so that a machine that slows down does so for all."""
        answers: dict[Variant, list[Answer]] = {variant: [] for variant in variants}
        with ExitStack() as stack:
            systems = {it: stack.enter_context(closing(self._open(it))) for it in variants}
            for _ in range(self._plan.repeat):
                for variant, system in systems.items():
                    answers[variant].append(self._run(system, variant, data))
        for variant, found in answers.items():
            yield conclude(variant, found, data.recordings, data.seconds)

    def _references(self, data: DataSet, beam: int, batch: int) -> Iterator[Result]:
        """What is measured once, to see what others do otherwise."""
        if data.name not in REFERENCE_DATA or beam != self._plan.beams[0]:
            return
        for variant in (
            Variant(SEQUENTIAL, beam),
            Variant(BATCHED, beam, batch, word_times=False),
        ):
            with closing(self._open(variant)) as system:
                answer = self._run(system, variant, data)
            yield conclude(variant, [answer], data.recordings, data.seconds)

    def _open(self, variant: Variant) -> System:
        task = Task(
            system=variant.system,
            model=self._model,
            threads=len(os.sched_getaffinity(0)),
            language=self._settings.language.partition("-")[0],
            beam_size=variant.beam_size,
            compute_type=COMPUTE_TYPE,
            batch_size=variant.batch_size,
            word_times=variant.word_times,
            settings=self._settings.model_dump_json(),
        )
        if variant.system == COMMAND:
            assert self._plan.peer is not None
            return CommandLine(task, self._plan.peer, repeats=self._plan.repeat)
        worker = Worker(task)
        worker.transcribe([WARM_UP])
        return worker

    def _run(self, system: System, variant: Variant, data: DataSet) -> Answer:
        answer = system.transcribe(data.files)
        messages().print(
            f"{data.name}, beam {variant.beam_size}: {variant.name} {answer.seconds:.1f} s, "
            f"{data.seconds / answer.seconds:.1f} times real time"
        )
        return answer


if __name__ == "__main__":
    sys.exit(main())
