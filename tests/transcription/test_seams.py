"""Where one window ends and the next begins, no word is lost and none is heard twice.

The speech is made of words of two tones each, no two alike; its recogniser makes no mistake. So
whatever goes wrong between the recording and the transcript shows.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from synthesis import sine
from transcription_fakes import Blocks, Samples, Script, ToneDetector, cut, hypothesis

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import SCRIPTED_INFO
from captioner.audio.mel import log_mel
from captioner.metrics import Metrics
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription.events import RecordingEnded, RecordingSegment
from captioner.transcription.packing import PackingSettings
from captioner.transcription.pipeline import Transcriber, TranscriptionSettings
from captioner.transcription.plan import PlanSettings
from captioner.vad.endpointing import EndpointingSettings

SYLLABLES: tuple[str, ...] = ("ba", "cheu", "di", "fou", "gri", "jon", "ku", "lin")
SYLLABLES += ("mé", "nan", "pro", "quoi", "ro", "sui", "té", "vo")
HERTZ = [round(250 * 1.2**n) for n in range(len(SYLLABLES))]  # to 3.9 kHz, apart for any filter
HEARD = 0.75  # of normalised log-mel below the loudest: 30 dB
FRAME = SAMPLE_RATE // 100  # samples of a row's frame
SHORT = EndpointingSettings(max_utterance=5, cut_search=2)

plans = st.sampled_from(
    [
        PlanSettings(),
        PlanSettings(longest=0),
        PlanSettings(longest=5, endpointing=SHORT),
        PlanSettings(longest=12, longest_silence=0, endpointing=SHORT),
    ]
)


def speech(*, words: int, seed: int, longest_gap: float) -> tuple[Samples, list[tuple[str, int]]]:
    """That many words with silences of 0.1 s or more between them, and where each begins."""
    random = Random(seed)
    pairs = random.sample([(a, b) for a in range(16) for b in range(16) if a != b], words)
    parts: list[Samples] = []
    truth: list[tuple[str, int]] = []
    position = 0
    for first, second in pairs:
        truth.append((SYLLABLES[first] + SYLLABLES[second], position))
        half = random.uniform(0.08, 0.25)
        gap = np.zeros(round(random.uniform(0.1, longest_gap) * SAMPLE_RATE), np.float32)
        parts += [sine(half, hertz=HERTZ[first]), sine(half, hertz=HERTZ[second]), gap]
        position += sum(map(len, parts[-3:]))
    return np.concatenate(parts), truth


@cache
def bins() -> tuple[int, ...]:
    """Where each syllable is loudest."""
    return tuple(int(log_mel(sine(0.5, hertz=hertz))[:, 20].argmax()) for hertz in HERTZ)


def recognise(row: DecodeRow) -> Hypothesis:
    """Every word of a window, where it is; half a word is none of the words."""
    features = np.asarray(row.features)[:, : row.speech_frames]
    loudest = features.max(axis=0)
    pitch = np.where(loudest > features.max() - HEARD, features.argmax(axis=0), -1)
    heard: list[Word] = []
    frame = 0
    for sounds, run in groupby(pitch >= 0):
        length = len(list(run))
        if sounds:
            text = "".join(
                map(_syllable, (pitch[frame + length // 4], pitch[frame + 3 * length // 4]))
            )
            heard.append(Word(text, frame * FRAME, (frame + length) * FRAME, 0.9))
        frame += length
    words = hypothesis(" ".join(word.text for word in heard))
    return Hypothesis(
        words=tuple(heard),
        word_tokens=words.word_tokens,
        average_logprob=words.average_logprob,
        no_speech_probability=words.no_speech_probability,
        language=words.language,
    )


def _syllable(pitch: int) -> str:
    return SYLLABLES[min(range(len(HERTZ)), key=lambda n: abs(bins()[n] - pitch))]


async def transcribed(samples: Samples, plan: PlanSettings, block: int) -> tuple[list[Word], int]:
    """The words of a recording, and in how many windows they were read."""
    script = Script(otherwise=recognise)
    transcriber = Transcriber(
        script,
        SCRIPTED_INFO,
        new_detector=ToneDetector,
        metrics=Metrics(),
        settings=TranscriptionSettings(plan=plan, packing=PackingSettings(rows=3, waiting=5)),
    )
    openers = [lambda: Blocks(cut(samples, block))]
    events = [event async for _, event in transcriber.transcribe_all(openers)]
    assert isinstance(events[-1], RecordingEnded)
    segments = [event for event in events if isinstance(event, RecordingSegment)]
    return [word for segment in segments for word in segment.words], len(script.rows)


@settings(max_examples=settings().max_examples // 2)
@given(
    seed=st.integers(0, 10**6),
    words=st.integers(1, 70),
    longest_gap=st.sampled_from([0.1, 0.3, 1.2]),
    begin=st.integers(0, 5 * SAMPLE_RATE),
    plan=plans,
    block=st.integers(1_000, 10 * SAMPLE_RATE),
)
async def test_speech_cut_anywhere_gives_each_of_its_words_once(
    *, seed: int, words: int, longest_gap: float, begin: int, plan: PlanSettings, block: int
) -> None:
    samples, truth = speech(words=words, seed=seed, longest_gap=longest_gap)
    heard, _ = await transcribed(samples[begin:], plan, block)
    whole = [(text, start - begin) for text, start in truth if start >= begin]
    assert len(heard) - len(whole) in {0, 1}  # of the word in which it was cut, something is heard
    heard = heard[len(heard) - len(whole) :]
    assert [word.text for word in heard] == [text for text, _ in whole]
    assert all(
        abs(word.start - start) < 0.1 * SAMPLE_RATE
        for word, (_, start) in zip(heard, whole, strict=True)
    )


async def test_speech_without_a_pause_is_read_in_many_windows_and_none_of_its_words_twice() -> None:
    samples, truth = speech(words=120, seed=1, longest_gap=0.15)
    plan = PlanSettings(longest=5, endpointing=SHORT)
    for begin in range(0, SAMPLE_RATE, SAMPLE_RATE // 20):
        heard, windows = await transcribed(samples[begin:], plan, SAMPLE_RATE)
        whole = [text for text, start in truth if start >= begin]
        assert [word.text for word in heard][-len(whole) :] == whole
        assert len(heard) - len(whole) in {0, 1}
        assert windows > 10
