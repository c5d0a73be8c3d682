"""Recordings whose words are known, through the whole pipeline with the real `base`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from transcription_fakes import Blocks, Samples, cut

from captioner.asr.engine import DecodeRow
from captioner.asr.whisper import WhisperEngine, WhisperSettings
from captioner.audio.files import read_file
from captioner.config import load_settings
from captioner.errors import CaptionerError
from captioner.evaluation.edits import EditCounts, count_word_edits, list_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.truth import TimedWord, read_truth, split_truth
from captioner.evaluation.word_times import measure_word_times
from captioner.metrics import Metrics
from captioner.models.store import ModelStore
from captioner.scheduling.station import Station, build_station
from captioner.transcript import SAMPLE_RATE, Hypothesis
from captioner.transcription.events import RecordingEnded, RecordingFailed, RecordingSegment
from captioner.transcription.pipeline import Opener, Transcriber, TranscriptionSettings
from captioner.transcription.plan import Planner, PlanSettings
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


# --- seams: where one window ends and the next one begins

CUT = dict.fromkeys(("02", "03"), (0, 5, 10, 15))  # monologues, and the seconds left out
SEAM_MARGIN = 0.04  # of the words beside seams: two of them
BESIDE = 2  # words on each side of a seam that are looked at


@dataclass(frozen=True)
class Cut:
    """A monologue that begins somewhere, and the plan for it."""

    samples: Samples
    truth: tuple[TimedWord, ...]
    """The words of which nothing is missing, at their places in the samples."""
    seams: tuple[float, ...]
    """Seconds: in the middle of what lies between two windows."""


def cut_from(
    path: Path, track: Track, begin: float, *, silero: SileroModel, plan: PlanSettings
) -> Cut:
    """A monologue that begins so many seconds late."""
    samples = read_file(path)[round(begin * SAMPLE_RATE) :]
    truth = [
        TimedWord(word.text, word.start - begin, word.end - begin)
        for word in read_truth(track)
        if word.start >= begin
    ]
    detector, planner = VoiceDetector(silero), Planner(plan)
    windows = planner.push([*detector.process(samples).tolist(), *detector.flush().tolist()])
    windows += planner.end(len(samples))
    middles = [
        (before.utterances[-1].end + after.start) / 2 / SAMPLE_RATE
        for before, after in pairwise(windows)
    ]
    return Cut(samples, tuple(truth), tuple(middles))


@dataclass
class Count:
    """Words that were said, and what became of them."""

    words: int = 0
    lost: int = 0
    wrong: int = 0
    added: int = 0

    @property
    def loss(self) -> float:
        return self.lost / self.words

    @property
    def rate(self) -> float:
        return (self.lost + self.wrong + self.added) / self.words


@dataclass
class Seams:
    """What was heard beside seams, and what elsewhere."""

    beside: Count
    elsewhere: Count
    seams: int = 0
    repeated: int = 0

    def judge(
        self, heard: Sequence[TimedWord], truth: Sequence[TimedWord], seams: Sequence[float]
    ) -> None:
        """Compare one recording with its truth."""
        said, owner = split_truth(truth)
        words, heard_owner = split_truth(heard)
        middles = [(truth[number].start + truth[number].end) / 2 for number in owner]
        near = {index for seam in seams for index in _nearest(middles, seam)}
        place = 0
        for edit in list_word_edits(said, words):
            for offset in range(max(1, len(edit.reference))):
                index = min(place + offset, len(said) - 1)
                count = self.beside if index in near else self.elsewhere
                if edit.operation == "insert":
                    count.added += len(edit.hypothesis)
                    continue
                count.words += 1
                count.lost += edit.operation == "delete"
                count.wrong += edit.operation == "substitute"
            place += len(edit.reference)
        self.seams += len(seams)
        for seam in seams:
            there = sum(heard[number].start < seam for number in heard_owner)
            here = sum(middle < seam for middle in middles)
            self.repeated += _repeats(words, there) and not _repeats(said, here)


def _nearest(middles: Sequence[float], place: float) -> range:
    after = sum(middle < place for middle in middles)
    return range(max(0, after - BESIDE), min(len(middles), after + BESIDE))


def _repeats(words: Sequence[str], place: int) -> bool:
    """Whether what comes right after that place is what came right before it."""
    return any(
        place - n >= 0 and list(words[place - n : place]) == list(words[place : place + n])
        for n in range(1, BESIDE + 2)
    )


async def test_seams_of_windows_lose_no_word_and_repeat_none(
    recordings: Path, station: Station, silero: SileroModel
) -> None:
    folder, plan = recordings / "monologues", PlanSettings()
    by_name = {Path(track["file"]).stem: track for track in tracks(folder)}
    cuts = [
        cut_from(folder / by_name[name]["file"], by_name[name], begin, silero=silero, plan=plan)
        for name, begins in CUT.items()
        for begin in begins
    ]
    openers = [partial(Blocks, cut(each.samples, SAMPLE_RATE)) for each in cuts]
    found = await segments(transcriber(station, silero, plan), openers)
    seams = Seams(Count(), Count())
    for each, heard in zip(cuts, found, strict=True):
        seams.judge(timed(heard), each.truth, each.seams)
    assert seams.seams >= len(cuts)
    assert seams.repeated == 0
    assert seams.beside.loss <= seams.elsewhere.loss + SEAM_MARGIN
    assert seams.beside.rate <= seams.elsewhere.rate + SEAM_MARGIN
