"""Detector and endpointing together, on the recordings whose true word times are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from synthesis import noise

from captioner.vad.detector import VoiceDetector
from captioner.vad.endpointing import Endpoint, Endpointer, EndpointingSettings, SpeechStarted
from captioner.vad.silero import SileroModel

Samples = npt.NDArray[np.float32]

AUDIO = Path(__file__).resolve().parents[2] / "examples" / "audio"


def read(name: str) -> Samples:
    samples, _ = soundfile.read(AUDIO / name, dtype="float32")
    return np.asarray(samples, np.float32)


def utterances(model: SileroModel, samples: Samples) -> list[tuple[int, int]]:
    detector, endpointer = VoiceDetector(model), Endpointer(EndpointingSettings())
    probabilities = np.concatenate((detector.process(samples), detector.flush()))
    events = [event for value in probabilities.tolist() for event in endpointer.push(value)]
    events += endpointer.end_of_stream()
    starts = [event.start for event in events if isinstance(event, SpeechStarted)]
    ends = [event.end for event in events if isinstance(event, Endpoint)]
    return list(zip(starts, ends, strict=True))


def breath(seconds: float, *, seed: int) -> Samples:
    """Noise between 400 and 3000 Hz that swells and fades, as loud as speech from afar."""
    count = round(seconds * 16_000)
    spectrum = np.fft.rfft(noise(count, seed=seed))
    hertz = np.fft.rfftfreq(count, 1 / 16_000)
    spectrum[(hertz < 400) | (hertz > 3000)] = 0
    swell = np.sin(np.pi * np.arange(count) / count) ** 2
    return np.asarray(np.fft.irfft(spectrum, count) * swell, np.float32)


@pytest.mark.parametrize("gain", [1.0, 0.03])
@pytest.mark.parametrize("hiss", [0.0, 0.1])
def test_no_word_of_a_track_falls_outside_an_utterance(
    model: SileroModel, gain: float, hiss: float
) -> None:
    truth = json.loads((AUDIO / "meeting" / "truth.json").read_text())["julien"]
    samples = read("meeting/julien.flac")
    level = float(np.std(samples[np.abs(samples) > 0.01]))
    heard = (samples + noise(len(samples), amplitude=hiss * level)) * np.float32(gain)

    found = utterances(model, heard)

    for utterance in truth["utterances"]:
        for word in utterance["words"]:
            middle = (word["start"] + word["end"]) * 8_000
            assert any(start <= middle < end for start, end in found), word


@pytest.mark.parametrize("name", ["silence", "white", "pink", "hum", "keyboard", "music"])
@pytest.mark.parametrize("gain", [0.1, 1.0, 4.0])
def test_what_is_not_speech_opens_no_utterance(model: SileroModel, name: str, gain: float) -> None:
    samples = np.clip(read(f"noise/{name}.flac") * np.float32(gain), -1, 1)

    assert utterances(model, samples) == []


@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.2])
def test_breath_opens_no_utterance(model: SileroModel, seconds: float) -> None:
    gap = np.zeros(16_000, np.float32)
    breaths = [part for seed in range(8) for part in (breath(seconds, seed=seed), gap)]

    assert utterances(model, np.concatenate([gap, *breaths])) == []


@pytest.mark.parametrize(
    ("word", "start", "end"), [("oui", 10.965, 11.166), ("non", 141.716, 141.998)]
)
@pytest.mark.parametrize("gain", [1.0, 0.1, 0.03])
def test_an_isolated_short_word_opens_an_utterance_that_holds_it(
    model: SileroModel, word: str, start: float, end: float, gain: float
) -> None:
    spoken = read("meeting/sophie.flac")[round(start * 16_000) : round(end * 16_000)]
    silence = np.zeros(16_000, np.float32)
    heard = np.concatenate((silence, spoken, silence)) * np.float32(gain)

    ((first, last),) = utterances(model, heard)

    assert first <= len(silence)
    assert last >= len(silence) + len(spoken)
