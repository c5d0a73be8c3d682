"""The seam between everything that schedules decodes and whatever computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from captioner.errors import CaptionerError
from captioner.models.manifest import WindowRule
from captioner.transcript import Hypothesis

Float32 = npt.NDArray[np.float32]

SHORTEST_SPEECH = 4  # frames of 10 ms: fewer give the aligner nothing to hold on to


class Features(Protocol):
    """Normalised log-mel, shape (n_mels, frames of 10 ms): an array, or what NumPy makes one of.

    The latter is computed each time, in the thread that calls ``numpy.asarray``.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_mels, frames)."""
        ...

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> Float32:
        """Compute the features."""
        ...


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """One window to decode: a row of a batch."""

    features: Features = field(repr=False)
    """Of the speech, then of its silence."""
    speech_frames: int
    """How many leading frames of 10 ms hold speech; the rest is the silence that follows it."""
    language: str
    needed_frames: int = 0
    """How many leading frames are enough: the speech and the silence that the model must hear
    behind it. 0: all."""
    beam_size: int = 1
    prefix: tuple[int, ...] = ()
    """Text tokens the hypothesis must begin with (the committed prefix)."""
    key_terms: tuple[str, ...] = field(default=(), repr=False)
    """Names and acronyms that are likely."""
    temperature: float = 0.0
    max_new_tokens: int = 0
    """Bound on the tokens decoded after the prefix; 0 derives it from the speech's length."""
    retry: bool = True
    """Whether a hypothesis that looks wrong is decoded again on the padded window."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine is."""

    model: str
    digest: str
    """Of the model, with its algorithm: ``sha256:...``."""
    languages: tuple[str, ...]
    n_mels: int
    window: WindowRule
    device: str
    compute_type: str


class Engine(Protocol):
    """Computes batches of decodes. Calls block; each instance is used by `workers` threads."""

    @property
    def info(self) -> EngineInfo:
        """The model and the device behind this engine."""
        ...

    @property
    def workers(self) -> int:
        """How many batches it computes at the same time."""
        ...

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """The key of the rows that may share a batch with this one."""
        ...

    def decode(self, rows: Sequence[DecodeRow]) -> list[Hypothesis | CaptionerError]:
        """Decode rows of one group.

        Returns:
            One answer a row, in their order: a bad row gets its own error.

        Raises:
            EngineFault: the engine itself failed; none of the rows was answered.
        """
        ...

    def close(self) -> None:
        """Free the model's memory. No call may follow."""
        ...
