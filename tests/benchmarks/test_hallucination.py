"""Every defence against invented text has a case that fails without it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hallucination import beside
from noises import GENERATORS, at_level, babble
from recordings import AUDIO, Recording, Span

from captioner.asr import hallucination, plausibility
from captioner.asr.engine import DecodeRow
from captioner.asr.hallucination import invented
from captioner.asr.plausibility import Doubt, doubt
from captioner.asr.whisper import WhisperEngine, WhisperSettings
from captioner.asr.window import MEL_HOP, window_length
from captioner.audio.files import read_file
from captioner.audio.mel import log_mel
from captioner.config import load_settings
from captioner.models.manifest import WindowRule
from captioner.models.store import ModelStore
from captioner.streaming.actions import Decode, Started
from captioner.streaming.session import Session
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription import reading
from captioner.transcription.plan import PlannedUtterance, PlannedWindow
from captioner.transcription.reading import read
from captioner.vad import detector, foreground
from captioner.vad.detector import VoiceDetector
from captioner.vad.endpointing import Endpointer, EndpointingSettings, SpeechStarted
from captioner.vad.silero import Samples, SileroModel
from captioner.vad.webrtc import WebRtcGate

NEVER = re.compile(r"(?!)")


def said(
    text: str, *, probability: float = 0.9, logprob: float = -0.3, no_speech: float = 0.0
) -> Hypothesis:
    words = tuple(
        Word(word, 4000 * place, 4000 * (place + 1), probability)
        for place, word in enumerate(text.split())
    )
    return Hypothesis(words, tuple((0,) for _ in words), logprob, no_speech, "fr")


def copied(first: str, probability: float, again: str) -> Hypothesis:
    """What a model guesses, and is sure of when it says it again."""
    guess, copy = said(first, probability=probability, logprob=-0.6, no_speech=0.3), said(again)
    return Hypothesis(
        guess.words + copy.words, guess.word_tokens + copy.word_tokens, -0.6, 0.3, "fr"
    )


def mean_of_all(hypothesis: Hypothesis) -> float:
    return sum(word.probability for word in hypothesis.words) / len(hypothesis.words)


def written(hypothesis: Hypothesis, seconds: float) -> str:
    """What is written of an utterance of so many seconds."""
    length = round(seconds * SAMPLE_RATE)
    window = PlannedWindow((PlannedUtterance(0, length, length),))
    return " ".join(word.text for word in read(hypothesis, window).utterances[0])


@pytest.mark.parametrize(
    ("hypothesis", "seconds", "kept", "off"),
    [
        pytest.param(
            said("et donc la ville la ville la ville la ville"),
            4,
            "et donc la ville",
            [(reading, "loop_start", lambda words: None)],
            id="loop",
        ),
        pytest.param(
            said(3 * "il faut que nous partions demain "),
            8,
            "il faut que nous partions demain",
            [(reading, "long_loop_start", lambda words: None)],
            id="refrain",
        ),
        pytest.param(
            said(" ".join(f"mot{place}{chr(97 + place)}" for place in range(20))),
            1,
            "",
            [(plausibility, "WORD_RATE_LIMIT", 100.0), (hallucination, "WORD_RATE_LIMIT", 100.0)],
            id="more words than a mouth can say",
        ),
        pytest.param(
            said("Je ne sais pas.", logprob=-1.2, no_speech=0.8),
            3,
            "",
            [(hallucination, "NO_SPEECH", 1.0)],
            id="no speech, and unsure",
        ),
        pytest.param(
            said("Sous-titrage Société Radio-Canada"),
            3,
            "",
            [(hallucination, "_CREDITS", NEVER)],
            id="credits of films",
        ),
        pytest.param(
            said("Merci.", probability=0.45),
            1,
            "",
            [(hallucination, "POLITE", ())],
            id="politeness that nobody is sure of",
        ),
        pytest.param(
            said("de la population,", probability=0.2, logprob=-1.9, no_speech=0.4),
            3,
            "",
            [(hallucination, "GUESSED", 0.0)],
            id="guesses at what many voices say",
        ),
        pytest.param(
            said("Je reviens à l'intervention,", probability=0.3, logprob=-0.6, no_speech=0.3),
            3,
            "",
            [(hallucination, "GUESSED_ANYWAY", 0.0)],
            id="guesses that the model does not know to be any",
        ),
        pytest.param(
            copied("d'un homme ou de la vie,", 0.3, "d'un homme, ou de la vie, d'un homme,"),
            9,
            "",
            [(hallucination, "_mean_probability", mean_of_all)],
            id="guesses, and their copies",
        ),
    ],
)
def test_text_that_the_model_invents_is_written_without_the_defence_against_it(
    monkeypatch: pytest.MonkeyPatch,
    *,
    hypothesis: Hypothesis,
    seconds: float,
    kept: str,
    off: Sequence[tuple[Any, str, Any]],
) -> None:
    assert written(hypothesis, seconds) == kept
    for where, name, value in off:
        monkeypatch.setattr(where, name, value)
    assert written(hypothesis, seconds) == hypothesis.text


class OpenGate(WebRtcGate):
    """Lets everything through."""

    def accepts(self, pcm: bytes) -> bool:
        return True


@pytest.fixture(scope="module")
def silero() -> SileroModel:
    return SileroModel.bundled()


def utterances(
    silero: SileroModel,
    samples: Samples,
    settings: EndpointingSettings | None = None,
    *,
    gate: WebRtcGate | None = None,
) -> int:
    """How many utterances are opened."""
    voice, endpointer = (
        VoiceDetector(silero, gate=gate),
        Endpointer(settings or EndpointingSettings()),
    )
    probabilities = np.concatenate((voice.process(samples), voice.flush()))
    events = [event for value in probabilities.tolist() for event in endpointer.push(value)]
    return sum(isinstance(event, SpeechStarted) for event in events)


def test_a_door_that_says_a_sentence_is_written_without_the_limit_of_words_to_voice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = said("C'est la même chose.")  # what `base` wrote of a door that was voiced for 0.2 s
    assert invented(heard, speech=12_000, voiced=3_200) == "word_rate"
    monkeypatch.setattr(hallucination, "VOICED_GRACE", 100)
    assert invented(heard, speech=12_000, voiced=3_200) == ""


def far(level: float) -> Samples:
    """A voice from so far away that only a few bits of its samples are left, after a silence."""
    voice = at_level(read_file(AUDIO / "sentences" / "000.flac"), level)
    return np.concatenate((np.zeros(2 * SAMPLE_RATE, np.float32), voice))


def test_what_is_too_quiet_for_anybody_opens_an_utterance_without_the_level_floor(
    monkeypatch: pytest.MonkeyPatch, silero: SileroModel
) -> None:
    assert utterances(silero, far(-73)) == 0
    monkeypatch.setattr(detector, "LEVEL_FLOOR", 0.0)
    assert utterances(silero, far(-73)) == 1


def test_what_is_quieter_still_opens_utterances_without_floor_and_gate(
    monkeypatch: pytest.MonkeyPatch, silero: SileroModel
) -> None:
    monkeypatch.setattr(detector, "LEVEL_FLOOR", 0.0)
    assert utterances(silero, far(-76)) == 0
    assert utterances(silero, far(-76), gate=OpenGate()) > 0


@pytest.mark.parametrize(
    ("name", "level", "seed"), [("phone", -10, 2), ("melody", -40, 0), ("melody", -40, 2)]
)
def test_a_tone_opens_an_utterance_without_the_least_length_of_speech(
    silero: SileroModel, name: str, level: float, seed: int
) -> None:
    samples = at_level(GENERATORS[name](10, seed), level)
    assert utterances(silero, samples) == 0
    assert utterances(silero, samples, EndpointingSettings(min_speech=0.032)) > 0


def test_a_door_opens_an_utterance_at_a_lower_threshold_of_speech(silero: SileroModel) -> None:
    samples = at_level(GENERATORS["doors"](10, 1), -25)
    assert utterances(silero, samples) == 0
    assert utterances(silero, samples, EndpointingSettings(speech_threshold=0.35)) > 0


def test_voices_far_under_the_speaker_open_an_utterance_without_the_limit_of_distance(
    monkeypatch: pytest.MonkeyPatch, silero: SileroModel
) -> None:
    voices = [read_file(AUDIO / "sentences" / f"{number:03}.flac") for number in range(8)]
    behind = at_level(babble(voices, 8 * SAMPLE_RATE, seed=0), -50)
    samples = behind.copy()
    speaker = at_level(voices[0], -20)[: 3 * SAMPLE_RATE]
    samples[: len(speaker)] += speaker
    samples[5 * SAMPLE_RATE : 6 * SAMPLE_RATE] = 0  # what follows is an utterance of its own
    assert utterances(silero, behind) > 0
    assert utterances(silero, samples) == 1
    monkeypatch.setattr(foreground, "_FAR", 0.0)
    assert utterances(silero, samples) > 1


class Forgetful(VoiceDetector):
    """Begins anew without the level of the speaker."""

    def reset(self, position: int, *, speaker_power: float = 0.0) -> None:
        super().reset(position)


@pytest.mark.parametrize(("detector_type", "count"), [(VoiceDetector, 1), (Forgetful, 3)])
def test_voices_behind_open_live_utterances_where_the_level_is_forgotten_at_finals(
    silero: SileroModel, detector_type: type[VoiceDetector], count: int
) -> None:
    voices = [read_file(AUDIO / "sentences" / f"{number:03}.flac") for number in range(8)]
    samples = at_level(babble(voices, 20 * SAMPLE_RATE, seed=0), -50)
    speaker = at_level(voices[0], -20)
    samples[: len(speaker)] += speaker
    settings = StreamingSettings(WindowRule(padded=False, silence=4.0), n_mels=80, interims=False)
    session = Session(settings, detector_type(silero))
    actions = []
    for begin in range(0, len(samples), 1600):
        actions += session.receive(samples[begin : begin + 1600])
        actions += [
            follows
            for action in actions[-1:]
            if isinstance(action, Decode)
            for follows in session.decoded(action.id, said("d'accord"))
        ]
    assert sum(isinstance(action, Started) for action in actions) == count


def test_words_where_the_speaker_is_silent_lie_beside_what_he_says() -> None:
    speech = Recording("a", AUDIO, (), utterances=(Span(1.0, 2.0), Span(5.0, 6.0)))
    words = [
        Word(str(second), second * SAMPLE_RATE, second * SAMPLE_RATE, 1) for second in range(9)
    ]
    assert [word.text for word in beside(words, speech)] == ["0", "3", "4", "7", "8"]


# --- with the real model, and a detector that takes everything for speech


@pytest.fixture(scope="module")
def engine() -> WhisperEngine:
    model = ModelStore(load_settings().models_dir).find("base")
    settings = WhisperSettings(device="cpu", compute_type="int8")
    return WhisperEngine(model.directory, model.manifest, settings)


def heard(engine: WhisperEngine, name: str, level: float, seconds: float) -> tuple[Hypothesis, int]:
    """What the model makes of a noise, and how many samples that has; seed 7."""
    samples = at_level(GENERATORS[name](seconds, 7), level)
    length = window_length(len(samples), engine.info.window)
    row = DecodeRow(
        features=log_mel(samples, silence=length - len(samples), n_mels=engine.info.n_mels),
        speech_frames=len(samples) // MEL_HOP,
        language="fr",
        retry=False,
    )
    (hypothesis,) = engine.decode([row])
    assert isinstance(hypothesis, Hypothesis)
    return hypothesis, len(samples)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["white", "pink"])
def test_sentences_that_the_model_hears_in_loud_noise_are_no_speech(
    monkeypatch: pytest.MonkeyPatch, engine: WhisperEngine, name: str
) -> None:
    hypothesis, length = heard(engine, name, -10, 4.0)
    assert len(hypothesis.words) > 3
    monkeypatch.setattr(hallucination, "GUESSED", 0.0)  # by which they would be dropped as well
    assert invented(hypothesis, speech=length, voiced=length) == "no_speech"
    monkeypatch.setattr(hallucination, "NO_SPEECH", 1.0)
    assert invented(hypothesis, speech=length, voiced=length) == ""


@pytest.mark.slow
def test_a_loop_that_the_model_hears_in_a_telephone_is_doubted(
    monkeypatch: pytest.MonkeyPatch, engine: WhisperEngine
) -> None:
    hypothesis, length = heard(engine, "phone", -50, 1.0)
    assert doubt(hypothesis, length) is Doubt.LOOP
    monkeypatch.setattr(plausibility, "loop_start", lambda words: None)
    assert doubt(hypothesis, length) is not Doubt.LOOP


@pytest.mark.slow
@pytest.mark.parametrize("name", ["room", "chords", "keyboard", "breathing", "doors", "applause"])
@pytest.mark.parametrize("level", [-50.0, -20.0])
def test_noises_that_no_detector_held_back_give_no_word(
    engine: WhisperEngine, name: str, level: float
) -> None:
    hypothesis, length = heard(engine, name, level, 4.0)
    assert invented(hypothesis, speech=length, voiced=length)
