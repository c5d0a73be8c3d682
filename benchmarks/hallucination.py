"""What is written where nobody speaks: noises of every kind and loudness, and voices far away.

    python benchmarks/hallucination.py
    python benchmarks/hallucination.py --paths live --kinds doors,melody --seed 100

Noises go through live sessions and through the transcription of recordings, and must give no word.
Babble of eight voices, 30 dB below the speaker, must give none beside the speaker's own. See
benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from lockstep import Track, play
from machine import describe
from noises import GENERATORS, at_level, babble
from recordings import Recording, load_recordings
from reporting import RESULTS, Program, envelope, save_json
from rich.table import Table

from captioner.asr.engine import DecodeRow, Engine, Float32
from captioner.audio.files import read_file
from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.config import Settings
from captioner.evaluation.edits import EditCounts, count_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.metrics import Metrics
from captioner.service import whisper_factory
from captioner.streaming.effort import EffortRule
from captioner.streaming.session import Session
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription.events import RecordingFailed, RecordingSegment
from captioner.transcription.pipeline import Transcriber
from captioner.vad.detector import VoiceDetector
from captioner.vad.silero import SileroModel

LEVELS = (-50, -40, -30, -25, -20, -15, -10)  # dB over full scale
UNSCALED = ("digital silence", "room")  # as loud as they are
CLIP = 20.0  # seconds
BELOW = 30.0  # dB between the speaker and the babble
SPEAKERS = "meeting"  # tracks of speakers who mostly listen
VOICES = "monologues"
VOICED = ("speaker alone", "babble behind", "babble alone")
LEEWAY = round(0.5 * SAMPLE_RATE)  # samples around what the speaker says that are still his
PATHS = ("live", "offline")


@dataclass(frozen=True, slots=True)
class Clip:
    """Some noise, or a speaker amid babble."""

    name: str
    level: float | None
    audio: Float32
    speech: Recording | None = None
    """Who speaks in it."""


@dataclass(slots=True)
class Heard:
    """What was made of a clip."""

    words: tuple[Word, ...]
    decodes: int
    """Windows that were given to the model."""
    dropped: tuple[str, ...] = ()
    """Why hypotheses were not shown."""
    shown: int = 0
    """Interims that had words."""

    @property
    def text(self) -> str:
        """The words."""
        return " ".join(word.text for word in self.words)


class ArrayRecording:
    """Samples as a recording."""

    clamped = 0

    def __init__(self, samples: Float32) -> None:
        self._samples = samples
        self.duration = len(samples)

    def blocks(self) -> Iterator[Float32]:
        """Yield a second at a time."""
        for begin in range(0, len(self._samples), SAMPLE_RATE):
            yield self._samples[begin : begin + SAMPLE_RATE]

    def close(self) -> None:
        """Nothing to free."""


def noise_clips(kinds: Sequence[str], seed: int) -> list[Clip]:
    """Each kind of noise at each level, with seeds of its own."""
    found = []
    for number, (kind, level) in enumerate(itertools.product(kinds, LEVELS)):
        samples = GENERATORS[kind](CLIP, 1000 * seed + number)
        scaled = kind not in UNSCALED
        audio = at_level(samples, level) if scaled else samples
        found.append(Clip(kind, level if scaled else None, audio))
    return found


def babble_clips(seed: int) -> list[Clip]:
    """Speakers as they are, and amid babble; and the babble itself."""
    voices = [read_file(recording.file) for recording in load_recordings(VOICES)]
    found = []
    for number, recording in enumerate(load_recordings(SPEAKERS)):
        audio = read_file(recording.file)
        loud = np.abs(audio) > 0.01
        level = 20 * float(np.log10(np.sqrt(np.mean(audio[loud] ** 2))))
        behind = at_level(babble(voices, len(audio), seed=seed + number), level - BELOW)
        alone, amid, only = VOICED
        found.append(Clip(alone, None, audio, recording))
        found.append(Clip(amid, level - BELOW, audio + behind, recording))
        found.append(Clip(only, level - BELOW, behind))
    return found


class Bench:
    """The parts that all runs share."""

    def __init__(self, settings: Settings) -> None:
        self._engine: Engine = whisper_factory(settings)()
        self._silero = SileroModel.bundled()

    def hear(self, path: str, clips: Sequence[Clip]) -> list[Heard]:
        """Transcribe every clip."""
        return self._live(clips) if path == "live" else asyncio.run(self._offline(clips))

    def _live(self, clips: Sequence[Clip]) -> list[Heard]:
        info = self._engine.info
        effort = EffortRule().at(0.0)  # that of a service that has time
        settings = StreamingSettings(window=info.window, n_mels=info.n_mels, final=effort)
        tracks = [
            Track(Session(settings, VoiceDetector(self._silero)), clip.audio) for clip in clips
        ]
        play(tracks, self._engine)
        return [
            Heard(
                tuple(word for caption in track.finals for word in caption.words),
                track.decodes,
                tuple(track.dropped),
                sum(bool(caption.words) for caption in track.shown),
            )
            for track in tracks
        ]

    async def _offline(self, clips: Sequence[Clip]) -> list[Heard]:
        return [await self._recording(clip) for clip in clips]

    async def _recording(self, clip: Clip) -> Heard:
        heard = Heard((), 0)

        async def decode(rows: Sequence[DecodeRow]) -> list[Hypothesis]:
            heard.decodes += len(rows)
            answers = await asyncio.to_thread(self._engine.decode, rows)
            return [answer for answer in answers if isinstance(answer, Hypothesis)]

        metrics = Metrics()
        transcriber = Transcriber(
            decode,
            self._engine.info,
            new_detector=lambda: VoiceDetector(self._silero),
            metrics=metrics,
        )
        async for _, event in transcriber.transcribe_all([lambda: ArrayRecording(clip.audio)]):
            if isinstance(event, RecordingSegment):
                heard.words += event.words
            elif isinstance(event, RecordingFailed):
                raise event.error
        return heard


def beside(words: Sequence[Word], speech: Recording) -> list[Word]:
    """The words that lie where the speaker says nothing."""
    spans = [
        (round(span.start * SAMPLE_RATE) - LEEWAY, round(span.end * SAMPLE_RATE) + LEEWAY)
        for span in speech.utterances
    ]
    return [
        word
        for word in words
        if not any(start <= (word.start + word.end) // 2 <= end for start, end in spans)
    ]


def rows(path: str, clips: Sequence[Clip], heard: Sequence[Heard]) -> list[dict[str, Any]]:
    """One row for each kind of clip."""
    found = []
    for name in dict.fromkeys(clip.name for clip in clips):
        chosen = [(c, h) for c, h in zip(clips, heard, strict=True) if c.name == name]
        unsaid = [beside(h.words, c.speech) if c.speech else [*h.words] for c, h in chosen]
        edits = EditCounts(0, 0, 0, 0)
        for clip, one in chosen:
            if clip.speech:
                true = normalise(" ".join(word.text for word in clip.speech.words))
                edits += count_word_edits(true, normalise(one.text))
        found.append(
            {
                "path": path,
                "name": name,
                "seconds": round(sum(len(c.audio) for c, _ in chosen) / SAMPLE_RATE, 1),
                "windows": sum(h.decodes for _, h in chosen),
                "dropped": dict(Counter(why for _, h in chosen for why in h.dropped)),
                "interims_shown": sum(h.shown for c, h in chosen if not c.speech),
                "words": sum(map(len, unsaid)),
                "texts": [" ".join(w.text for w in words) for words in unsaid if words],
                "wer": round(100 * edits.rate, 2) if edits.reference else None,
            }
        )
    return found


def table(found: Sequence[dict[str, Any]]) -> Table:
    """The rows for people."""
    shown = Table("path", "sound", "minutes", "windows", "words nobody said", "WER %", "which")
    for row in found:
        shown.add_row(
            row["path"],
            row["name"],
            f"{row['seconds'] / 60:.1f}",
            str(row["windows"]),
            str(row["words"]),
            "-" if row["wer"] is None else f"{row['wer']:.1f}",
            " / ".join(row["texts"]),
        )
    return shown


@click.command(cls=Program)
@click.option("--paths", default=",".join(PATHS), show_default=True, help="Which ways through.")
@click.option("--kinds", default=",".join(GENERATORS), show_default=True, help="Noises.")
@click.option("--voices", default=",".join(VOICED), show_default=True, help="With voices far away.")
@click.option("--seed", default=0, show_default=True, help="Of all that is random.")
@click.option("--save/--no-save", default=True, help="Write results/hallucination.json.")
@settings_options("Model")
def main(paths: str, kinds: str, voices: str, seed: int, *, save: bool, settings: Settings) -> None:
    """Count the words that are written where nobody speaks; what was counted before is kept."""
    head = envelope("hallucination", settings, describe(), None)
    target = RESULTS / "hallucination.json"
    known: dict[tuple[str, str], dict[str, Any]] = {}
    if save and target.exists():
        rows_before = json.loads(target.read_text(encoding="utf-8"))["rows"]
        known = {(row["path"], row["name"]): row for row in rows_before}
    bench = Bench(settings)
    clips = noise_clips([kind for kind in kinds.split(",") if kind], seed)
    clips += [clip for clip in babble_clips(seed) if clip.name in voices.split(",")]
    for path in paths.split(","):
        messages().print(f"{path}: {sum(len(c.audio) for c in clips) / SAMPLE_RATE / 60:.1f} min")
        known |= {
            (path, row["name"]): {**row, "seed": seed}
            for row in rows(path, clips, bench.hear(path, clips))
        }
        if save:
            save_json(target, {**head, "rows": list(known.values())})
    output().print(table(list(known.values())))


if __name__ == "__main__":
    main()
