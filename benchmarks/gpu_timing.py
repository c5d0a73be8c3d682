"""The service's engine with stopwatches on it: what each stage of each batch took."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident

import ctranslate2

from captioner.asr.engine import DecodeRow, EngineInfo
from captioner.asr.whisper import WhisperEngine
from captioner.errors import CaptionerError
from captioner.transcript import Hypothesis

STAGES = ("encode", "greedy", "beam", "align")
LANGUAGE = "fr"  # that is spoken: a language may have a network of its own


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the model, or of the engine."""

    stage: str
    """One of `STAGES`, or ``decode`` for all that the engine does with a batch."""
    rows: int
    seconds: float


class TimedModel:
    """The part of CTranslate2's model that the engine calls, timed. For several threads.

    Each call returns when the GPU is done, so that the time is that of the work.
    """

    def __init__(self, model: ctranslate2.models.Whisper, calls: deque[Call]) -> None:
        self._model = model
        self._calls = calls

    def encode(
        self, features: ctranslate2.StorageView, **options: object
    ) -> ctranslate2.StorageView:
        """Timed."""
        with _timed(self._calls, "encode", features.shape[0]):
            return self._model.encode(features, **options)

    def generate(
        self,
        memory: ctranslate2.StorageView,
        prompts: list[list[int]],
        *,
        beam_size: int,
        **options: object,
    ) -> list[ctranslate2.models.WhisperGenerationResult]:
        """Timed, greedy and beam search apart."""
        with _timed(self._calls, "beam" if beam_size > 1 else "greedy", len(prompts)):
            found: list[ctranslate2.models.WhisperGenerationResult] = self._model.generate(
                memory, prompts, beam_size=beam_size, **options
            )
        return found

    def align(
        self,
        memory: ctranslate2.StorageView,
        start: list[int],
        texts: list[list[int]],
        frames: list[int],
    ) -> list[ctranslate2.models.WhisperAlignmentResult]:
        """Timed."""
        with _timed(self._calls, "align", len(texts)):
            found: list[ctranslate2.models.WhisperAlignmentResult] = self._model.align(
                memory, start, texts, frames
            )
        return found

    def unload_model(self) -> None:
        """Free its memory."""
        self._model.unload_model()


class TimedEngine:
    """An `Engine`: the service's own, with stopwatches around it and around its model."""

    def __init__(self, engine: WhisperEngine) -> None:
        self.calls: deque[Call] = deque()
        self._engine = engine
        self._busy: set[int] = set()
        network = engine.network(LANGUAGE)
        network.model = TimedModel(network.model, self.calls)

    @property
    def info(self) -> EngineInfo:
        """The engine's."""
        return self._engine.info

    @property
    def workers(self) -> int:
        """The engine's."""
        return self._engine.workers

    @property
    def computing(self) -> int:
        """Batches at this moment."""
        return len(self._busy)

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """The engine's."""
        return self._engine.group(row)

    def decode(self, rows: Sequence[DecodeRow]) -> list[Hypothesis | CaptionerError]:
        """Timed."""
        self._busy.add(get_ident())
        try:
            with _timed(self.calls, "decode", len(rows)):
                return self._engine.decode(rows)
        finally:
            self._busy.discard(get_ident())

    def close(self) -> None:
        """Free the model's memory."""
        self._engine.close()


@contextmanager
def _timed(calls: deque[Call], stage: str, rows: int) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    calls.append(Call(stage, rows, time.perf_counter() - begin))
