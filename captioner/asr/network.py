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
            self.model = ctranslate2.models.Whisper(
                str(directory),
                device=placement.device,
                compute_type=placement.compute_type,
                inter_threads=placement.workers,
                intra_threads=placement.threads_per_worker,
                files=files,
            )
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"cannot load {directory} on {placement.device}: {error}") from error
        self.n_mels: int = self.model.n_mels
        self.compute_type: str = self.model.compute_type
        self.on_cpu = placement.device == "cpu"

    def encode(
        self, windows: Sequence[Float32], *, needed: Sequence[int], heard: int
    ) -> ctranslate2.StorageView:
        """Encoder output of shape (rows, frames of 20 ms, model width).

        On CPU the rows are encoded one by one (a batch falls out of the cache and gains nothing),
        each only as far as it needs; what the decoder need not hear is cut off, and what is
        missing to that length is more of the silence at the end.

        Args:
            windows: log-mel of equal shape (n_mels, frames of 10 ms).
            needed: leading frames of 10 ms of each that are encoded, on CPU; 0: all.
            heard: frames of 20 ms that the decoder gets, on CPU.
        """
        if not self.on_cpu:
            rows = np.ascontiguousarray(np.stack(windows))
            return self.model.encode(ctranslate2.StorageView.from_array(rows))
        outputs = [
            self._encoded(window[:, : frames or None], heard)
            for window, frames in zip(windows, needed, strict=True)
        ]
        return ctranslate2.StorageView.from_array(np.stack(outputs))

    def _encoded(self, window: Float32, heard: int) -> Float32:
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(window[None]))
        output = np.asarray(self.model.encode(view, to_cpu=True))[0, :heard]
        return np.pad(output, ((0, heard - len(output)), (0, 0)), mode="edge")

    def generate(
        self,
        memory: ctranslate2.StorageView,
        prompts: Sequence[Sequence[int]],
        **options: Any,  # noqa: ANN401 - CTranslate2's own
    ) -> list[Generated]:
        """Decode each row after its prompt; the options are those of CTranslate2."""
        results = self.model.generate(
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
        return list(self.model.align(memory, self._inside(start), inside, list(frames)))

    def unload(self) -> None:
        """Free the memory; nothing can be computed any more."""
        self.model.unload_model()

    def _inside(self, tokens: Sequence[int]) -> list[int]:
        return self._shortlist.shorten(tokens) if self._shortlist else list(tokens)

    def _outside(self, tokens: list[int]) -> list[int]:
        return self._shortlist.restore(tokens) if self._shortlist else tokens
