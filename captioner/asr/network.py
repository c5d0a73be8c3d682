"""One Whisper loaded by CTranslate2: encode, decode, align.

It speaks the tokens of the whole vocabulary, also where it was loaded with a part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import ctranslate2
import numpy as np

from captioner.asr.engine import Float32
from captioner.asr.model_files import shortened_files
from captioner.asr.shortlist import Shortlist
from captioner.errors import ModelError


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and how a network computes."""

    device: str
    compute_type: str
    workers: int
    threads_per_worker: int


class Generated(NamedTuple):
    """What the decoder made of a row."""

    tokens: list[int]
    """Forced ones included."""
    score: float
    """Sum of their log-probabilities by their number."""
    no_speech: float
    """Probability."""


class Network:
    """One loaded model. Its calls release the GIL; as many threads as workers may be in them."""

    def __init__(
        self, directory: Path, placement: Placement, *, shortlist: Shortlist | None = None
    ) -> None:
        """Load the model, with the whole vocabulary or a part.

        Raises:
            ModelError: the directory does not hold a model that CTranslate2 can load.
        """
        self._shortlist = shortlist
        files = shortened_files(directory, shortlist) if shortlist else None
        try:
            self._model = ctranslate2.models.Whisper(
                str(directory),
                device=placement.device,
                compute_type=placement.compute_type,
                inter_threads=placement.workers,
                intra_threads=placement.threads_per_worker,
                files=files,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"cannot load {directory} on {placement.device}: {error}") from error
        self.n_mels: int = self._model.n_mels
        self.compute_type: str = self._model.compute_type
        self._on_cpu = placement.device == "cpu"

    def encode(self, features: Sequence[Float32], *, heard: int) -> ctranslate2.StorageView:
        """Encoder output of shape (rows, frames of 20 ms, model width).

        On CPU the rows are encoded one by one (a batch falls out of the cache and gains nothing),
        and only the first frames are kept: what the decoder does not see costs it nothing.

        Args:
            features: log-mel of equal shape (n_mels, frames of 10 ms).
            heard: frames of 20 ms that the decoder needs.
        """
        if not self._on_cpu:
            rows = np.ascontiguousarray(np.stack(features))
            return self._model.encode(ctranslate2.StorageView.from_array(rows))
        outputs: list[Float32] = []
        for row in features:
            view = ctranslate2.StorageView.from_array(np.ascontiguousarray(row[None]))
            output = np.asarray(self._model.encode(view, to_cpu=True))
            outputs.append(output[:, :heard])
        return ctranslate2.StorageView.from_array(np.concatenate(outputs))

    def generate(
        self,
        memory: ctranslate2.StorageView,
        prompts: Sequence[Sequence[int]],
        **options: Any,  # noqa: ANN401 - CTranslate2's own
    ) -> list[Generated]:
        """Decode each row after its prompt; the options are those of CTranslate2."""
        results = self._model.generate(
            memory,
            [self._inside(prompt) for prompt in prompts],
            return_scores=True,
            return_no_speech_prob=True,
            **options,
        )
        return [
            Generated(
                self._outside(result.sequences_ids[0]), result.scores[0], result.no_speech_prob
            )
            for result in results
        ]

    def align(
        self,
        memory: ctranslate2.StorageView,
        start: Sequence[int],
        texts: Sequence[Sequence[int]],
        frames: Sequence[int],
    ) -> list[Any]:
        """CTranslate2's alignment of each row; the texts must have come from `generate`."""
        inside = [self._inside(text) for text in texts]
        return list(self._model.align(memory, self._inside(start), inside, list(frames)))

    def unload(self) -> None:
        """Free the memory; nothing can be computed any more."""
        self._model.unload_model()

    def _inside(self, tokens: Sequence[int]) -> list[int]:
        return self._shortlist.shorten(tokens) if self._shortlist else list(tokens)

    def _outside(self, tokens: list[int]) -> list[int]:
        return self._shortlist.restore(tokens) if self._shortlist else tokens
