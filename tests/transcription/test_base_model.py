"""Recordings whose words are known, through the whole pipeline with the real `base`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from captioner.asr.engine import DecodeRow
from captioner.asr.whisper import WhisperEngine, WhisperSettings
from captioner.config import load_settings
from captioner.errors import CaptionerError
from captioner.evaluation.edits import EditCounts, count_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.truth import TimedWord, read_truth
from captioner.evaluation.word_times import measure_word_times
from captioner.metrics import Metrics
from captioner.models.store import ModelStore
from captioner.scheduling.station import Station, build_station
from captioner.transcript import SAMPLE_RATE, Hypothesis
from captioner.transcription.events import RecordingEnded, RecordingFailed, RecordingSegment
from captioner.transcription.pipeline import Opener, Transcriber, TranscriptionSettings
from captioner.transcription.plan import PlanSettings
from captioner.transcription.recording import open_track
from captioner.vad.detector import VoiceDetector
from captioner.vad.silero import SileroModel

pytestmark = pytest.mark.slow

# Word error rates of faster-whisper 1.2.1 (base, int8, beam 5, whole files) under the same rules.
FASTER_WHISPER = {"meeting": 0.0395, "monologues": 0.1759, "real": 0.0597, "sentences": 0.0474}
# Another processor rounds int8 products otherwise: a few words in a thousand move either way.
MARGIN = 0.005

Track = Mapping[str, Any]


@pytest.fixture(scope="module")
def silero() -> SileroModel:
    return SileroModel.bundled()


@pytest.fixture
async def station() -> AsyncIterator[Station]:
    model = ModelStore(load_settings().models_dir).find("base")
    settings = WhisperSettings(device="cpu", compute_type="int8")
    build = partial(WhisperEngine, model.directory, model.manifest, settings)
    station = await build_station(build, start_timeout=120, call_timeout=300)
    yield station
    await station.release()


def transcriber(
    station: Station, silero: SileroModel, plan: PlanSettings | None = None
) -> Transcriber:
    async def decode(rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        answers = await station.decode(rows)
        for answer in answers:
            if isinstance(answer, CaptionerError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Hypothesis)]

    return Transcriber(
        decode,
        station.engine.info,
        new_detector=lambda: VoiceDetector(silero),
        metrics=Metrics(),
        settings=TranscriptionSettings(plan=plan) if plan else None,
    )


async def segments(it: Transcriber, openers: Sequence[Opener]) -> list[list[RecordingSegment]]:
    """The segments of each recording."""
    found: list[list[RecordingSegment]] = [[] for _ in openers]
    ended = 0
    async for number, event in it.transcribe_all(openers):
        assert not isinstance(event, RecordingFailed)
        if isinstance(event, RecordingSegment):
            found[number].append(event)
        ended += isinstance(event, RecordingEnded)
    assert ended == len(openers)
    return found


def opener(path: Path) -> Opener:
    return partial(open_track, path, track=0, channel=None)


def tracks(folder: Path) -> list[Track]:
    truth = json.loads((folder / "truth.json").read_text())
    return list(truth.values()) if isinstance(truth, dict) else truth


def said(track: Track) -> tuple[str, ...]:
    """The true words, normalised."""
    if "text" in track:
        return tuple(normalise(track["text"]))
    return tuple(normalise(" ".join(word.text for word in read_truth(track))))


def timed(found: Sequence[RecordingSegment]) -> list[TimedWord]:
    return [
        TimedWord(word.text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE)
        for segment in found
        for word in segment.words
    ]


@pytest.mark.parametrize(
    ("name", "count"), [("meeting", 3), ("real", 1), ("monologues", 3), ("sentences", 16)]
)
async def test_words_and_their_times_are_as_good_as_they_were_measured(
    recordings: Path, station: Station, silero: SileroModel, name: str, count: int
) -> None:
    edits = EditCounts(0, 0, 0, 0)
    found: list[TimedWord] = []
    truth: list[TimedWord] = []
    begin = 0.0  # of the track, on an axis on which the tracks follow one another
    chosen = tracks(recordings / name)[:count]
    openers = [opener(recordings / name / track["file"]) for track in chosen]
    heard = await segments(transcriber(station, silero), openers)
    for track, words in zip(chosen, map(timed, heard), strict=True):
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


async def test_what_is_no_speech_gives_no_text(
    recordings: Path, station: Station, silero: SileroModel
) -> None:
    paths = sorted((recordings / "noise").glob("*.flac"))
    assert len(paths) >= 6
    found = await segments(transcriber(station, silero), [opener(path) for path in paths])
    assert found == [[] for _ in paths]
