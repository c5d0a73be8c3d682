"""Recordings made of tones, and a detector that takes every tone for speech."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
from synthesis import sine, write_recording

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import FIRST_TOKEN, Answer
from captioner.errors import CaptionerError
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.vad import FRAME_SAMPLES

Samples = npt.NDArray[np.float32]

LOUD = 0.1  # amplitude of what counts as speech


class ToneDetector:
    """A `VoiceActivity` that is sure: 1.0 for a frame with sound in it, else 0.0."""

    def __init__(self) -> None:
        self._rest: Samples = np.empty(0, np.float32)

    def process(self, samples: Samples) -> npt.NDArray[np.float32]:
        samples = np.concatenate((self._rest, samples))
        count = len(samples) // FRAME_SAMPLES
        self._rest = samples[count * FRAME_SAMPLES :].copy()
        frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
        loud: npt.NDArray[np.float32] = (np.abs(frames).max(axis=1) > LOUD).astype(np.float32)
        return loud

    def flush(self) -> npt.NDArray[np.float32]:
        missing = -len(self._rest) % FRAME_SAMPLES
        return self.process(np.zeros(missing, np.float32))

    def reset(self, position: int, *, speaker_power: float = 0.0) -> None:
        self._rest = np.empty(0, np.float32)

    def speaker_power_at(self, position: int) -> float:
        return 0.0


class Script:
    """Decodes batches in place of an engine.

    Args:
        answers: what the next rows are answered, one after the other; an error fails their batch.
        otherwise: what the rows after these are answered.
    """

    def __init__(
        self, *answers: Answer, otherwise: Callable[[DecodeRow], Answer] | None = None
    ) -> None:
        self.batches: list[tuple[DecodeRow, ...]] = []
        self.cancelled = 0
        """Batches that were withdrawn."""
        self.hold: asyncio.Event | None = None
        """What batches wait for before they are answered."""
        self.called = asyncio.Event()
        self._answers = list(answers)
        self._otherwise = otherwise or length_in_words

    @property
    def rows(self) -> list[DecodeRow]:
        return [row for batch in self.batches for row in batch]

    async def __call__(self, rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        self.batches.append(tuple(rows))
        self.called.set()
        answers = [self._answer(row) for row in rows]
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        for answer in answers:
            if isinstance(answer, CaptionerError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Hypothesis)]

    async def alone(self, row: DecodeRow) -> Hypothesis:
        """Decode one row."""
        (answer,) = await self([row])
        return answer

    def _answer(self, row: DecodeRow) -> Answer:
        return self._answers.pop(0) if self._answers else self._otherwise(row)


class Blocks:
    """A `Recording` of blocks that are at hand, or are made as they are read.

    Args:
        blocks: what it holds.
        error: how it breaks off after them, if it does.
    """

    def __init__(self, blocks: Iterable[Samples], error: Exception | None = None) -> None:
        self.duration: int | None = None
        self.clamped = 0
        self.read = 0
        """Blocks of it that were read."""
        self.closed = 0
        """How often it was closed."""
        self._blocks = blocks
        self._error = error

    def blocks(self) -> Iterator[Samples]:
        assert not self.closed
        for block in self._blocks:
            self.read += 1
            yield block
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed += 1


def tones(*seconds: float) -> Samples:
    """Silence and tone in turn, each lasting so many seconds; silence comes first."""
    parts = [
        sine(length) if number % 2 else np.zeros(round(length * SAMPLE_RATE), np.float32)
        for number, length in enumerate(seconds)
    ]
    return np.concatenate(parts)


def voices(*seconds: float, seed: int = 0) -> Samples:
    """Like `tones`, but no two samples are alike: whatever is moved or lost shows."""
    counts = [round(length * SAMPLE_RATE) for length in seconds]
    hiss = np.random.default_rng(seed).uniform(-1, 1, sum(counts)).astype(np.float32)
    loudness = [0.8 if number % 2 else 0.1 * LOUD for number in range(len(counts))]
    return hiss * np.repeat(np.array(loudness, np.float32), counts)


def cut(samples: Samples, *sizes: int) -> list[Samples]:
    """The samples in blocks of these sizes, the last size for all that is left."""
    edges = [0, *accumulate(sizes[:-1])]
    edges += range(edges[-1] + sizes[-1], len(samples), sizes[-1])
    return [samples[begin:end] for begin, end in pairwise([*edges, len(samples)]) if begin < end]


def flac(samples: Samples) -> io.BytesIO:
    """The samples as a recording that can be opened."""
    file = io.BytesIO()
    write_recording(file, samples, codec="flac", container="flac")
    file.seek(0)
    return file


def hypothesis(
    text: str,
    *,
    start: float = 0.0,
    seconds: float = 0.4,
    probability: float = 0.9,
    average_logprob: float = -0.2,
    no_speech_probability: float = 0.01,
) -> Hypothesis:
    """The words of a text one after the other from `start`, each lasting `seconds`."""
    first, step = round(start * SAMPLE_RATE), round(seconds * SAMPLE_RATE)
    words = tuple(
        Word(word, first + n * step, first + (n + 1) * step, probability)
        for n, word in enumerate(text.split())
    )
    return Hypothesis(
        words=words,
        word_tokens=tuple((FIRST_TOKEN + n,) for n in range(len(words))),
        average_logprob=average_logprob,
        no_speech_probability=no_speech_probability,
        language="fr",
    )


def length_in_words(row: DecodeRow) -> Hypothesis:
    """Words for the whole speech, none long, of which the first tells its length in frames."""
    seconds = row.speech_frames / 100
    others = int(seconds / 2)
    text = " ".join((f"mot{row.speech_frames}", *(f"numéro{n}" for n in range(others))))
    return hypothesis(text, seconds=seconds / (1 + others))
