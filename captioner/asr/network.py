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

WORTH_A_ROW = 3  # steps that cost as much as a row that ends at once


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
    """The prefix included."""
    logprob: float
    """Of all that was decoded after the prefix, the end of text included."""
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
        self._end_of_text = shortlist.kept[-1] if shortlist else 0
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
        tasks: Sequence[Sequence[int]],
        prefixes: Sequence[Sequence[int]],
        *,
        beam_size: int,
        steps: int,
        **options: Any,  # noqa: ANN401 - CTranslate2's own
    ) -> list[Generated]:
        """Decode rows.

        Args:
            memory: what the encoder made of them.
            tasks: the task tokens of each, as many in all of them.
            prefixes: the text tokens that each hypothesis begins with.
            beam_size: 1 is greedy.
            steps: tokens that the longest hypothesis may have, prefix included.
            options: of CTranslate2.
        """
        start = [self._inside(task) for task in tasks]
        forced = [self._inside(prefix) for prefix in prefixes]
        read = self._read_at_once(forced, beam_size)
        prompts = [
            [*task, *tokens[:read], *self._stepped(tokens[read:])]
            for task, tokens in zip(start, forced, strict=True)
        ]
        if read:
            memory = _with_first_row_twice(memory)
            prompts = [self._ends_at_once(start[0], read), *prompts]
        steps -= read
        before = len(start[0]) + read
        results = self.model.generate(
            memory,
            prompts,
            beam_size=beam_size,
            # CTranslate2 bounds the steps by half of this, and by this less the prompt.
            max_length=max(2 * steps, steps + before),
            # Of a single hypothesis the sum is wanted, and one that ends at once has no mean.
            length_penalty=0 if beam_size == 1 else 1,
            # A complete prefix must be allowed to end at once, or invented words follow.
            suppress_blank=not any(prefixes),
            return_scores=True,
            return_no_speech_prob=True,
            **options,
        )
        own = results[len(results) - len(forced) :]
        return [
            self._generated(result, prefix, len(tokens) - read, beam_size)
            for result, prefix, tokens in zip(own, prefixes, forced, strict=True)
        ]

    def _generated(
        self,
        result: Any,  # noqa: ANN401 - CTranslate2's own
        prefix: Sequence[int],
        stepped: int,
        beam_size: int,
    ) -> Generated:
        tokens, score = result.sequences_ids[0], result.scores[0]
        # A search divides the sum by the whole length, though forced tokens add nothing to it.
        logprob = score * len(tokens) if beam_size > 1 else score
        text = [*prefix, *self._outside(tokens[stepped:])]
        return Generated(text, logprob, result.no_speech_prob)

    def _ends_at_once(self, task: Sequence[int], read: int) -> list[int]:
        """The prompt of a first row that costs little, where others begin with text.

        CTranslate2 wants times between the words unless the first prompt of a batch ends with
        ``<|notimestamps|>``, as a task does.
        """
        return [*task, *list(task[-1:]) * read, *self._inside([self._end_of_text])]

    def _read_at_once(self, prefixes: Sequence[Sequence[int]], beam_size: int) -> int:
        """How many tokens of all prefixes are part of the prompt; the others are steps.

        A search leaves one of them for a step: it compares means, and there must be one of a
        hypothesis that ends at once.
        """
        if not self._shortlist:
            return 0
        common = min(map(len, prefixes)) - (beam_size > 1)
        return common if common >= WORTH_A_ROW else 0

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

    def _stepped(self, tokens: list[int]) -> list[int]:
        return self._shortlist.stepped(tokens) if self._shortlist else tokens

    def _outside(self, tokens: list[int]) -> list[int]:
        return self._shortlist.restore(tokens) if self._shortlist else tokens


def _with_first_row_twice(memory: ctranslate2.StorageView) -> ctranslate2.StorageView:
    rows = np.asarray(memory)
    return ctranslate2.StorageView.from_array(np.concatenate([rows[:1], rows]))
