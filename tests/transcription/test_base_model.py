"""Recordings whose words are known, through the whole pipeline with the real `base`."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from captioner.asr.whisper import WhisperEngine, WhisperSettings
from captioner.clock import SystemClock
from captioner.config import load_settings
from captioner.evaluation.edits import EditCounts, count_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.truth import TimedWord, read_truth
from captioner.evaluation.word_times import measure_word_times
from captioner.metrics import Metrics
from captioner.models.store import ModelStore
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.policy import Priority, Rules
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.events import RecordingEnded, RecordingSegment
from captioner.transcription.pipeline import Transcriber
from captioner.vad.detector import VoiceDetector
from captioner.vad.silero import SileroModel

pytestmark = pytest.mark.slow

# Word error rates of faster-whisper 1.2.1 (base, int8, beam 5, whole files) under the same rules.
FASTER_WHISPER = {"meeting": 0.0395, "monologues": 0.1759, "real": 0.0597, "sentences": 0.0474}
# Another processor rounds int8 products otherwise: a few words in a thousand move either way.
MARGIN = 0.005

Track = Mapping[str, Any]


@pytest.fixture
async def transcriber() -> AsyncIterator[Transcriber]:
    model = ModelStore(load_settings().models_dir).find("base")
    metrics = Metrics()
    settings = WhisperSettings(device="cpu", compute_type="int8")
    batcher = Batcher(
        lambda: WhisperEngine(model.directory, model.manifest, settings),
        SystemClock(),
        rules=Rules(reserved_workers=0),
        timeout=120,
        metrics=metrics,
    )
    await batcher.start()
    silero = SileroModel.bundled()
    yield Transcriber(
        partial(batcher.submit, session="", priority=Priority.RECORDING, deadline=math.inf),
        batcher.info,
        new_detector=lambda: VoiceDetector(silero),
        metrics=metrics,
    )
    await batcher.close()


async def segments(transcriber: Transcriber, path: Path) -> list[RecordingSegment]:
    with path.open("rb") as file:
        events = [event async for event in transcriber.transcribe(file)]
    assert isinstance(events[-1], RecordingEnded)
    return [event for event in events if isinstance(event, RecordingSegment)]


def tracks(folder: Path) -> list[Track]:
    truth = json.loads((folder / "truth.json").read_text())
    return list(truth.values()) if isinstance(truth, dict) else truth


def said(track: Track) -> tuple[str, ...]:
    """The true words, normalised."""
    if "text" in track:
        return tuple(normalise(track["text"]))
    return tuple(normalise(" ".join(word.text for word in read_truth(track))))


def timed(found: list[RecordingSegment]) -> list[TimedWord]:
    return [
        TimedWord(word.text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE)
        for segment in found
        for word in segment.words
    ]


@pytest.mark.parametrize(
    ("name", "count"), [("meeting", 3), ("real", 1), ("monologues", 3), ("sentences", 16)]
)
async def test_words_and_their_times_are_as_good_as_they_were_measured(
    recordings: Path, transcriber: Transcriber, name: str, count: int
) -> None:
    edits = EditCounts(0, 0, 0, 0)
    found: list[TimedWord] = []
    truth: list[TimedWord] = []
    begin = 0.0  # of the track, on an axis on which the tracks follow one another
    for track in tracks(recordings / name)[:count]:
        words = timed(await segments(transcriber, recordings / name / track["file"]))
        edits += count_word_edits(said(track), normalise(" ".join(word.text for word in words)))
        if "words" in track or "utterances" in track:
            found += [TimedWord(w.text, begin + w.start, begin + w.end) for w in words]
            truth += [TimedWord(w.text, begin + w.start, begin + w.end) for w in read_truth(track)]
            begin = truth[-1].end + 60
    assert edits.rate <= FASTER_WHISPER[name] + MARGIN
    if truth:
        errors = measure_word_times(found, truth)
        assert errors.start.count > 0.7 * len(truth)
        assert errors.start.p50 < 0.1
        assert errors.end.p50 < 0.1


async def test_what_is_no_speech_gives_no_text(recordings: Path, transcriber: Transcriber) -> None:
    for path in sorted((recordings / "noise").glob("*.flac")):
        assert await segments(transcriber, path) == []
