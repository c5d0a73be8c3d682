"""How long the parts of a decode take: encode, greedy and beam search, align, by batch size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from gpu_checkpoint import Shape

from captioner.asr.tokenizer import WhisperTokenizer
from captioner.asr.whisper import WhisperSettings

BEAM = 5
FIRST_TEXT_TOKEN = 300  # beyond the bytes
LEAST_REPEATS, MOST_REPEATS = 3, 20
ENOUGH = 0.6  # seconds of repeats of one call
FRAMES_PER_SECOND = 100  # of features
LANGUAGE = "fr"


@dataclass(frozen=True, slots=True)
class Window:
    """A window and the speech in it, in seconds."""

    length: float
    speech: float


# Speech and 4 s of silence, as `base` needs it and others may; and a window padded to 30 s.
WINDOWS = (Window(10, 6), Window(30, 6), Window(6, 2), Window(14, 10))


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians in seconds of one call for the whole batch."""

    window: float
    speech: float
    batch: int
    tokens: int
    """Steps of the decoder, end of text included."""
    encode: float
    greedy: float
    beam: float
    align: float

    @property
    def key(self) -> tuple[float, int]:
        """What distinguishes it among those of one model."""
        return self.window, self.batch

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            name: round(value, 6) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


class Stages:
    """A loaded model whose calls are timed as the engine makes them."""

    def __init__(
        self, directory: Path, shape: Shape, settings: WhisperSettings, *, tokens_per_second: float
    ) -> None:
        self._model = ctranslate2.models.Whisper(
            str(directory),
            device=settings.device,
            compute_type=settings.compute_type,
            intra_threads=settings.threads_per_worker,
        )
        self._shape = shape
        self._task = WhisperTokenizer.from_directory(directory).task(LANGUAGE)
        self._tokens_per_second = tokens_per_second
        self._random = np.random.default_rng(0)

    @property
    def compute_type(self) -> str:
        """What it computes in."""
        return str(self._model.compute_type)

    def close(self) -> None:
        """Free its memory."""
        self._model.unload_model()

    def measure(self, window: Window, batch: int) -> Timing:
        """Time the parts of a decode of so many rows.

        Raises:
            RuntimeError: the device has not enough memory.
        """
        tokens = max(1, round(window.speech * self._tokens_per_second)) + 1
        features = self._features(window, batch)
        memory = self._model.encode(features)
        texts = [list(range(FIRST_TEXT_TOKEN, FIRST_TEXT_TOKEN + tokens - 1))] * batch
        frames = [round(window.speech * FRAMES_PER_SECOND)] * batch
        return Timing(
            window.length,
            window.speech,
            batch,
            tokens,
            encode=median_time(lambda: self._model.encode(features)),
            greedy=median_time(lambda: self._search(memory, batch, tokens, beam=1)),
            beam=median_time(lambda: self._search(memory, batch, tokens, beam=BEAM)),
            align=median_time(lambda: self._model.align(memory, self._task, texts, frames)),
        )

    def _features(self, window: Window, batch: int) -> ctranslate2.StorageView:
        frames = round(window.length * FRAMES_PER_SECOND)
        values = self._random.standard_normal((batch, self._shape.n_mels, frames), np.float32)
        return ctranslate2.StorageView.from_array(values)

    def _search(
        self, memory: ctranslate2.StorageView, batch: int, tokens: int, *, beam: int
    ) -> None:
        """Decode exactly so many steps: the weights never let a text end before its bound."""
        results = self._model.generate(
            memory,
            [self._task] * batch,
            beam_size=beam,
            max_length=max(2 * tokens, tokens + len(self._task)),
            return_scores=True,
            return_no_speech_prob=True,
        )
        if any(len(result.sequences_ids[0]) != tokens for result in results):
            found = sorted({len(result.sequences_ids[0]) for result in results})
            raise AssertionError(f"decoded {found} tokens instead of {tokens}")


def median_time(call: Callable[[], object]) -> float:
    """Seconds that a call takes, after one that does not count."""
    call()
    times: list[float] = []
    while len(times) < LEAST_REPEATS or (sum(times) < ENOUGH and len(times) < MOST_REPEATS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def pending(
    windows: Sequence[Window], batches: Sequence[int], done: Sequence[tuple[float, int]]
) -> Iterator[tuple[Window, int]]:
    """What is left to measure, small batches last: the large ones decide how many can talk."""
    for window in windows:
        for batch in sorted(batches, reverse=True):
            if (window.length, batch) not in done:
                yield window, batch
