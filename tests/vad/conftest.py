"""Real speech, noise, and the detector that ships with the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from captioner.vad.silero import SileroModel

AUDIO = Path(__file__).resolve().parents[2] / "examples" / "audio"

Samples = npt.NDArray[np.float32]


@pytest.fixture(scope="session")
def model() -> SileroModel:
    return SileroModel.bundled()


@pytest.fixture(scope="session")
def sentence() -> Samples:
    """A sentence of 4 s after 0.3 s of silence."""
    samples, _ = soundfile.read(AUDIO / "sentences" / "000.flac", dtype="float32")
    return np.asarray(samples, np.float32)


@pytest.fixture(scope="session")
def conversation(sentence: Samples) -> Samples:
    """Silence, a sentence, silence, its beginning again: 9 s in which the detector sleeps twice."""
    silence = np.zeros(30_000, np.float32)
    return np.concatenate((silence, sentence[:50_000], silence, sentence[:20_000], silence[:9_001]))
