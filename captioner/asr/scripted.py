"""A deterministic engine: for tests, and for measuring everything but the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from captioner.asr.engine import DecodeRow, EngineInfo
from captioner.errors import CaptionerError
from captioner.models.manifest import WindowRule
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word

Answer = Hypothesis | CaptionerError

FRAME_SAMPLES = SAMPLE_RATE // 100  # 160 samples in a frame of 10 ms
WORD_FRAMES = 40  # 0.4 s a word: 2.5 words a second, as people speak
FIRST_TOKEN = 1000

SCRIPTED_INFO = EngineInfo(
    model="scripted",
    digest="",
    languages=("fr", "en"),
    n_mels=80,
    window=WindowRule(padded=False, silence=4.0),
    device="cpu",
    compute_type="float32",
)


def steady_words(row: DecodeRow) -> Hypothesis:
    """One word every 0.4 s of speech, the same for the same window, one token a word."""
    count = max(len(row.prefix), row.speech_frames // WORD_FRAMES)
    tokens = row.prefix + tuple(FIRST_TOKEN + n for n in range(len(row.prefix), count))
    step = WORD_FRAMES * FRAME_SAMPLES
    words = tuple(
        Word(text=f"mot{token - FIRST_TOKEN}", start=n * step, end=(n + 1) * step, probability=0.9)
        for n, token in enumerate(tokens)
    )
    return Hypothesis(
        words=words,
        word_tokens=tuple((token,) for token in tokens),
        average_logprob=-0.2,
        no_speech_probability=0.01,
        language=row.language,
    )


class ScriptedEngine:
    """An `Engine` whose answers are computed by a function.

    Args:
        answer: what a row's hypothesis, or error, is.
        workers: batches at a time.
        before: called in the worker's thread with the rows of each call, ahead of their answers:
            block in it to make the engine slow or hung, raise in it to make the engine fail.
        info: what it says it is.
    """

    def __init__(
        self,
        answer: Callable[[DecodeRow], Answer] = steady_words,
        *,
        workers: int = 1,
        before: Callable[[Sequence[DecodeRow]], None] | None = None,
        info: EngineInfo = SCRIPTED_INFO,
    ) -> None:
        self._answer = answer
        self._workers = workers
        self._before = before
        self._info = info
        self.closed = False

    @property
    def info(self) -> EngineInfo:
        """What it says it is."""
        return self._info

    @property
    def workers(self) -> int:
        """How many batches it computes at the same time."""
        return self._workers

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """Rows of one language and beam size share a batch."""
        return (row.language, row.beam_size)

    def decode(self, rows: Sequence[DecodeRow]) -> list[Answer]:
        """Answer each row by the function, in order.

        Raises:
            ValueError: rows of several groups, or a closed engine: the caller broke the contract.
        """
        if self.closed:
            raise ValueError("decode was called after close")
        if len({self.group(row) for row in rows}) != 1:
            raise ValueError(f"{len(rows)} rows are not of one group")
        if self._before is not None:
            self._before(rows)
        for row in rows:
            np.asarray(row.features)  # any engine has them computed
        return [self._answer(row) for row in rows]

    def close(self) -> None:
        """Remember that no call may follow."""
        self.closed = True
