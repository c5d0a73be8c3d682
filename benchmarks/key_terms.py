"""What key terms bring: how often rare names come out right, and what it costs the other words.

    python benchmarks/key_terms.py
    python benchmarks/key_terms.py --paths offline --ways spelling --sets 20

Every sentence of ``examples/audio/key_terms`` is transcribed with a set of key terms of which one
is said, or none, through live sessions and as a recording. See docs/tuning.md for the method,
and for what the figures mean.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import click
import numpy as np
from key_terms_score import Said, TermScore, count, term_set
from lockstep import Track, play
from machine import describe, encode_reference
from recordings import AUDIO, load_recordings
from reporting import RESULTS, Program, envelope, save_json
from rich.table import Table

from captioner.asr.engine import DecodeRow, Engine, EngineInfo
from captioner.asr.key_terms import spell_key_terms
from captioner.asr.tokenizer import WhisperTokenizer
from captioner.audio.files import read_file
from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.config import Settings
from captioner.errors import CaptionerError
from captioner.metrics import Metrics
from captioner.models.store import ModelStore
from captioner.service import whisper_factory
from captioner.streaming.session import Session
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import Hypothesis
from captioner.transcription.events import RecordingSegment
from captioner.transcription.pipeline import Transcriber
from captioner.transcription.recording import open_track
from captioner.vad.detector import VoiceDetector
from captioner.vad.silero import SileroModel

DATA = AUDIO / "key_terms"
CHOSEN_ON = 70  # sentences on which the thresholds were chosen; those after them were made later
ORDINARY = ("monologues", "meeting", "real")  # recordings in which no key term is said
PATHS = ("live", "offline", "ordinary")
WAYS = {
    "without": "no key terms",
    "spelling": "what sounds like a key term is spelt as it",
}
AT_ONCE = 4  # recordings transcribed at the same time


class Encoder(Protocol):
    """What turns text into tokens."""

    def encode(self, text: str) -> list[int]:
        """Tokens of a text."""
        ...


class TermEngine:
    """An engine that spells key terms or does not, and decodes nothing twice."""

    def __init__(self, engine: Engine, tokenizer: Encoder) -> None:
        self.spelling = False
        self._engine = engine
        self._tokenizer = tokenizer
        self._known: dict[tuple[object, ...], Hypothesis] = {}

    @property
    def info(self) -> EngineInfo:
        """The model behind it."""
        return self._engine.info

    @property
    def workers(self) -> int:
        """How many batches may be computed at the same time."""
        return self._engine.workers

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """Rows that may share a batch."""
        return self._engine.group(row)

    def decode(self, rows: Sequence[DecodeRow]) -> list[Hypothesis | CaptionerError]:
        """Decode, then spell."""
        asked = [replace(row, key_terms=()) for row in rows]
        keys = [_key(row) for row in asked]
        new = [index for index, key in enumerate(keys) if key not in self._known]
        for index, answer in zip(
            new, self._engine.decode([asked[index] for index in new]) if new else (), strict=True
        ):
            if isinstance(answer, CaptionerError):
                raise answer
            self._known[keys[index]] = answer
        return [self._spelt(row, self._known[key]) for row, key in zip(rows, keys, strict=True)]

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def _spelt(self, row: DecodeRow, hypothesis: Hypothesis) -> Hypothesis:
        if not self.spelling:
            return hypothesis
        encode = self._tokenizer.encode
        return spell_key_terms(hypothesis, row.key_terms, encode, forced=len(row.prefix))


def _key(row: DecodeRow) -> tuple[object, ...]:
    features = hashlib.sha256(np.asarray(row.features).tobytes()).digest()
    return (features, row.speech_frames, row.beam_size, row.prefix, row.temperature)


@dataclass(frozen=True, slots=True)
class Case:
    """A recording, what is said in it, and the key terms that its client gives."""

    file: Path
    said: Said
    key_terms: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the recording."""
        return f"{self.file.parent.name}/{self.file.stem}"


def cases(size: int, *, said: bool) -> list[Case]:
    """Every sentence with a set of so many key terms, the one that is said among them or not."""
    truth = json.loads((DATA / "truth.json").read_text(encoding="utf-8"))
    terms = [entry["term"] for entry in truth]
    found = []
    for entry in truth:
        others = [term for term in terms if term != entry["term"]]
        own = entry["term"] if said and size else ""
        chosen = term_set(others, own, size, seed=entry["file"])
        found.append(Case(DATA / entry["file"], Said(entry["text"], entry["term"]), chosen))
    return found


def ordinary(size: int) -> list[Case]:
    """Recordings in which none of the key terms is said."""
    truth = json.loads((DATA / "truth.json").read_text(encoding="utf-8"))
    terms = [entry["term"] for entry in truth]
    return [
        Case(
            recording.file,
            Said(" ".join(word.text for word in recording.words)),
            term_set(terms, "", size, seed=recording.name),
        )
        for data in ORDINARY
        for recording in load_recordings(data)
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of the table measures."""

    path: str
    way: str
    key_terms: int
    said: bool

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Row:
        """The one that these figures are of."""
        return cls(values["path"], values["way"], values["key_terms"], values["said"])

    @property
    def place(self) -> tuple[Any, ...]:
        """Where it stands in the table."""
        return (PATHS.index(self.path), [*WAYS].index(self.way), not self.said, self.key_terms)

    def cases(self) -> list[Case]:
        """What is transcribed for it."""
        found = ordinary(self.key_terms) if self.path == "ordinary" else []
        return found or cases(self.key_terms, said=self.said)


class Bench:
    """The parts that all runs share."""

    def __init__(self, settings: Settings) -> None:
        model = ModelStore(settings.models_dir).find(settings.model)
        tokenizer = WhisperTokenizer.from_directory(model.directory)
        self.engine = TermEngine(whisper_factory(settings)(), tokenizer)
        self._settings = settings
        self._silero = SileroModel.bundled()

    def transcribe(self, path: str, found: Sequence[Case]) -> list[str]:
        """The text of every case."""
        return self._live(found) if path == "live" else asyncio.run(self._recordings(found))

    def _live(self, found: Sequence[Case]) -> list[str]:
        info = self.engine.info
        tracks = []
        for case in found:
            settings = StreamingSettings(
                window=info.window, n_mels=info.n_mels, key_terms=case.key_terms
            )
            session = Session(settings, VoiceDetector(self._silero))
            tracks.append(Track(session, read_file(case.file)))
        play(tracks, self.engine)
        return [track.text for track in tracks]

    async def _recordings(self, found: Sequence[Case]) -> list[str]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(case: Case) -> str:
            async with slots:
                return await self._recording(case)

        return list(await asyncio.gather(*map(one, found)))

    async def _recording(self, case: Case) -> str:
        transcriber = Transcriber(
            self._decode,
            self.engine.info,
            new_detector=lambda: VoiceDetector(self._silero),
            metrics=Metrics(),
        )
        opener = partial(open_track, case.file, track=0, channel=None)
        texts = [
            word.text
            async for _, event in transcriber.transcribe_all([opener], key_terms=case.key_terms)
            if isinstance(event, RecordingSegment)
            for word in event.words
        ]
        return " ".join(texts)

    async def _decode(self, rows: Sequence[DecodeRow]) -> list[Hypothesis]:
        answers = await asyncio.to_thread(self.engine.decode, rows)
        return [answer for answer in answers if isinstance(answer, Hypothesis)]


def run(
    bench: Bench, row: Row, found: Sequence[Case], texts: Mapping[str, str], part: slice
) -> dict[str, Any]:
    """One row of the table, from the texts that are known and those of a part of the cases."""
    bench.engine.spelling = row.way == "spelling"
    chosen = found[part]
    new = bench.transcribe(row.path, chosen)
    texts = {**texts, **{case.name: text for case, text in zip(chosen, new, strict=True)}}
    scores = [
        (index, count(case.said, texts[case.name], case.key_terms))
        for index, case in enumerate(found)
        if case.name in texts
    ]
    later = [score for index, score in scores if index >= CHOSEN_ON and row.path != "ordinary"]
    return {
        **asdict(row),
        **sum((score for _, score in scores), TermScore()).to_json(),
        "later": sum(later, TermScore()).to_json() if later else None,
        "texts": texts,
    }


def plans(path: str, way: str, sizes: Sequence[int]) -> list[Row]:
    """The rows of the table for a path and a way."""
    if way == "without":
        return [Row(path, way, 0, said=path != "ordinary")]
    unsaid = [Row(path, way, max(sizes), said=False)]
    if path == "ordinary":
        return unsaid
    return [*(Row(path, way, size, said=True) for size in sizes), *unsaid]


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows for people."""
    shown = Table("path", "way", "key terms", "recall %", "of later ones", "WER of the rest %")
    shown.add_column("invented per 1000 words", justify="right")
    for row in rows:
        later = row["later"] or {}
        named = f"{row['key_terms']}, one said" if row["said"] else f"{row['key_terms']}, none said"
        values = (row["recall"], later.get("recall"), row["rest_wer"])
        shown.add_row(
            row["path"],
            row["way"],
            named if row["key_terms"] else "-",
            *("-" if value is None else f"{value:.1f}" for value in values),
            f"{row['invented_per_1000_words']:.2f} ({row['invented']})",
        )
    return shown


@click.command(cls=Program)
@click.option("--paths", default=",".join(PATHS), show_default=True, help="Which ways through.")
@click.option("--ways", default=",".join(WAYS), show_default=True, help="How terms are used.")
@click.option("--sets", default="20,50", show_default=True, help="How many key terms are given.")
@click.option("--part", default="1/1", help="Only every n-th recording, from the k-th on: k/n.")
@click.option("--save/--no-save", default=True, help="Keep the rows in results/key-terms.json.")
@settings_options("Model")
def main(paths: str, ways: str, sets: str, part: str, *, save: bool, settings: Settings) -> None:
    """Measure what key terms bring; what was measured before is kept."""
    target = RESULTS / "key-terms.json"
    head = envelope("key_terms", settings, describe(), encode_reference(settings, repeats=5))
    bench = Bench(settings)
    known: dict[Row, dict[str, Any]] = {}
    if save and target.exists():
        rows = json.loads(target.read_text(encoding="utf-8"))["rows"]
        known = {Row.of(values): values for values in rows}
    first, step = map(int, part.split("/"))
    sizes = [int(size) for size in sets.split(",")]
    for path, way in product(paths.split(","), ways.split(",")):
        for row in plans(path, way, sizes):
            texts = known[row]["texts"] if row in known and step > 1 else {}
            known[row] = run(bench, row, row.cases(), texts, slice(first - 1, None, step))
            messages().print(f"{path}, {way}, {row.key_terms} key terms")
            if save:
                ordered = sorted(known, key=lambda each: each.place)
                save_json(target, {**head, "rows": [known[each] for each in ordered]})
    output().print(table([known[row] for row in sorted(known, key=lambda each: each.place)]))


if __name__ == "__main__":
    main()
