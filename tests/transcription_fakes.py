"""Recordings made of tones, and a detector that takes every tone for speech."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from synthesis import sine, write_recording

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import FIRST_TOKEN
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

    def reset(self, position: int) -> None:
        self._rest = np.empty(0, np.float32)


class Blocks:
    """A `Recording` of blocks that are at hand, which may end in an error."""

    def __init__(self, blocks: Sequence[Samples], error: Exception | None = None) -> None:
        self.duration = None
        self.clamped = 0
        self.closed = False
        self._blocks = blocks
        self._error = error

    def blocks(self) -> Iterator[Samples]:
        yield from self._blocks
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed = True


def tones(*seconds: float) -> Samples:
    """Silence and tone in turn, each lasting so many seconds; silence comes first."""
    parts = [
        sine(length) if number % 2 else np.zeros(round(length * SAMPLE_RATE), np.float32)
        for number, length in enumerate(seconds)
    ]
    return np.concatenate(parts)


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
    """One word that tells how many frames of speech the row has, lasting as long."""
    end = row.speech_frames * SAMPLE_RATE // 100
    return hypothesis(f"mot{row.speech_frames}", seconds=end / SAMPLE_RATE)
