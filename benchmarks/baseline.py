"""What faster-whisper makes of the same takes offline: the mark that live captions are held to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from figures import total
from recordings import Span, Take

from captioner.config import Settings
from captioner.evaluation.edits import EditCounts, count_word_edits
from captioner.evaluation.normalisation import normalise
from captioner.evaluation.truth import split_truth
from captioner.models.store import ModelStore
from captioner.transcript import SAMPLE_RATE

COMPUTE_TYPE = "int8"
BEAM_SIZE = 5
MARGIN = 0.1  # seconds of audio left around a true utterance
FULL_SCALE = 32_768.0

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BaselineTake:
    """What it made of one take."""

    name: str
    words: EditCounts
    words_with_numbers: EditCounts
    """The same with the numbers of both sides in words."""
    utterances: int
    """How many pieces it was given, one by one; 1 is the whole take."""
    audio_seconds: float
    seconds: float
    """Time it took."""
    text: str

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {**asdict(self), "wer": _rounded(self.words), "seconds": round(self.seconds, 2)}


@dataclass(frozen=True, slots=True)
class Baseline:
    """faster-whisper, sequential: on each true utterance where they are known, else on all."""

    takes: dict[str, BaselineTake]

    def edits(self, names: Sequence[str]) -> EditCounts:
        """The errors in takes of these names, as often as they are named."""
        return total(self.takes[name].words for name in names)

    @property
    def words_on_noise(self) -> int:
        """Words in takes in which nothing is said."""
        return sum(it.words.insertions for it in self.takes.values() if not it.words.reference)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "system": "faster-whisper",
            "compute_type": COMPUTE_TYPE,
            "beam_size": BEAM_SIZE,
            "wer": _rounded(self.edits(list(self.takes))),
            "wer_numbers": _rounded(total(it.words_with_numbers for it in self.takes.values())),
            "words_on_noise": self.words_on_noise,
            "takes": [take.to_json() for take in self.takes.values()],
        }


def transcribe_takes(takes: Sequence[Take], settings: Settings) -> Baseline:
    """Transcribe each take once, with the model of the settings, on all cores.

    Raises:
        ModelError: there is no such model.
    """
    from faster_whisper import WhisperModel

    directory = ModelStore(settings.models_dir).find(settings.model, verified=False).directory
    model = WhisperModel(
        str(directory),
        device="cpu",
        compute_type=COMPUTE_TYPE,
        cpu_threads=len(os.sched_getaffinity(0)),
        local_files_only=True,
    )
    language = settings.language.partition("-")[0]
    distinct = {take.name: take for take in takes if take.complete}
    return Baseline(
        {name: transcribe_take(model, take, language=language) for name, take in distinct.items()}
    )


def transcribe_take(model: Any, take: Take, *, language: str) -> BaselineTake:  # noqa: ANN401 - no types
    """Transcribe the true utterances of a take one by one, or all of it, with faster-whisper."""
    pieces = list(_pieces(take))
    begin = time.perf_counter()
    texts = [
        segment.text
        for piece in pieces
        for segment in model.transcribe(piece, language=language, beam_size=BEAM_SIZE)[0]
    ]
    seconds = time.perf_counter() - begin
    text = " ".join(part.strip() for part in texts)
    return BaselineTake(
        name=take.name,
        words=_edits(take, text, numbers=False),
        words_with_numbers=_edits(take, text, numbers=True),
        utterances=len(pieces),
        audio_seconds=round(sum(len(piece) for piece in pieces) / SAMPLE_RATE, 2),
        seconds=seconds,
        text=text,
    )


def _edits(take: Take, text: str, *, numbers: bool) -> EditCounts:
    reference, _ = split_truth(take.words, numbers=numbers)
    return count_word_edits(reference, normalise(text, numbers=numbers))


def _rounded(edits: EditCounts) -> float | None:
    """The word error rate; None where nothing was said."""
    return round(edits.rate, 4) if edits.reference else None


def _pieces(take: Take) -> Iterator[Float32]:
    samples = np.frombuffer(take.audio, dtype="<i2").astype(np.float32) / FULL_SCALE
    for span in take.utterances or (Span(0.0, take.seconds),):
        first = max(0, round((span.start - MARGIN) * SAMPLE_RATE))
        yield samples[first : round((span.end + MARGIN) * SAMPLE_RATE)]
