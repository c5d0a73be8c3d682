from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from gpu_checkpoint import shape, spelling
from gpu_talk import (
    END_OF_TEXT,
    PAUSE,
    Monologue,
    Said,
    Script,
    ScriptedActivity,
    Scripts,
    bounded,
    heard,
)
from hypothesis import given
from hypothesis import strategies as st

from captioner.asr.tokenizer import WhisperTokenizer
from captioner.models.manifest import WindowRule
from captioner.streaming.actions import Action, Decode, Emit, Purpose
from captioner.streaming.session import Session
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE, Caption, Word
from captioner.vad import FRAME_SAMPLES

CHUNK = 1536
SETTINGS = StreamingSettings(window=WindowRule(padded=False, silence=4.0), n_mels=80)


def monologue(count: int, *, length: float = 0.4) -> Monologue:
    """Words of 0.3 s; a pause of a second after every tenth."""
    words, at = [], 0.5
    for number in range(count):
        words.append((f"mot{number}", at, at + 0.3))
        at += length + (1.0 if number % 10 == 9 else 0.0)
    return Monologue(tuple(words), at)


TALK = monologue(40)
TOKENIZER = WhisperTokenizer(spelling(shape("toy"), [TALK.text]))
SCRIPTS = Scripts([TALK, monologue(7)], TOKENIZER)


def samples_of(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)


def said(*times: float) -> Script:
    words = (
        Said(Word(str(n), samples_of(start), samples_of(start + 0.3), 0.9), (n,))
        for n, start in enumerate(times)
    )
    return Script(tuple(words))


def played(script: Script, seconds: float) -> Iterator[tuple[Session, Action]]:
    """What a session asks for and sends, every decode answered at once."""
    session = Session(SETTINGS, ScriptedActivity(script))
    for _ in range(round(seconds * SAMPLE_RATE / CHUNK)):
        actions = list(session.receive(np.zeros(CHUNK, np.float32)))
        while actions:
            action = actions.pop(0)
            yield session, action
            if isinstance(action, Decode):
                actions += session.decoded(action.id, heard(action, script))


def captions(script: Script, seconds: float) -> list[Caption]:
    return [a.caption for _, a in played(script, seconds) if isinstance(a, Emit)]


def test_speakers_say_the_monologues_round_and_round_from_places_of_their_own() -> None:
    first, later = SCRIPTS.script(0, 60), SCRIPTS.script(2, 60)
    assert [word.word.text for word in first.words[:2]] == ["mot0", "mot1"]
    assert later.words[0].word.text != "mot0"
    again = next(w for w in first.words[1:] if w.word.text == "mot0")
    assert again.word.start == samples_of(TALK.duration + PAUSE + 0.5)


@given(st.integers(0, 5000), st.floats(1, 90))
def test_a_script_is_in_order_and_within_its_length(number: int, seconds: float) -> None:
    words = [each.word for each in SCRIPTS.script(number, seconds).words]
    edges = [edge for word in words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(0 <= edge <= samples_of(seconds) for edge in edges)


def test_the_detector_hears_words_and_not_the_short_gaps_between_them() -> None:
    script = said(1.0, 1.4, 3.0)
    assert [script.speaks_at(samples_of(at)) for at in (0.9, 1.1, 1.35, 1.69)] == [0, 1, 1, 1]
    assert [script.speaks_at(samples_of(at)) for at in (1.75, 3.1, 3.31)] == [0, 1, 0]
    detector = ScriptedActivity(script)
    found = detector.process(np.zeros(FRAME_SAMPLES * 40 + 1, np.float32))
    assert [bool(p > 0.5) for p in found] == [
        script.speaks_at(FRAME_SAMPLES * n + FRAME_SAMPLES // 2) for n in range(40)
    ]
    assert len(detector.flush()) == 1


def test_a_session_shows_everything_that_is_said() -> None:
    script = SCRIPTS.script(0, 30)
    finals = [caption for caption in captions(script, 32) if caption.final]
    shown = [word.text for caption in finals for word in caption.words]
    assert shown == [each.word.text for each in script.words]
    positions = [script.at(word) for caption in finals for word in caption.words]
    assert positions == list(range(len(script.words)))


def test_rows_are_bounded_to_what_is_said_in_them() -> None:
    script = SCRIPTS.script(0, 30)
    decodes = [action for _, action in played(script, 30) if isinstance(action, Decode)]
    assert {decode.purpose for decode in decodes} == set(Purpose)
    assert any(decode.row.prefix for decode in decodes)
    for decode in decodes:
        row, answer = bounded(decode, script), heard(decode, script)
        tokens = [token for word in answer.word_tokens for token in word]
        assert tuple(tokens[: len(row.prefix)]) == row.prefix
        assert row.max_new_tokens == len(tokens) - len(row.prefix) + END_OF_TEXT
        assert not row.retry


def test_a_word_that_the_window_cuts_is_heard_up_to_its_edge() -> None:
    script = said(1.0)
    decodes = [action for _, action in played(script, 3) if isinstance(action, Decode)]
    edge = samples_of(1.2)
    cut = replace(decodes[0], edge=edge, row=replace(decodes[0].row, speech_frames=50))
    (word,) = heard(cut, script).words
    assert (word.start, word.end) == (samples_of(0.3), samples_of(0.5))


def test_tokens_a_second_count_the_pauses() -> None:
    tokens = sum(len(TOKENIZER.encode(f" {w}")) for w, _, _ in TALK.words)
    assert Scripts([TALK], TOKENIZER).tokens_per_second == pytest.approx(tokens / TALK.duration)
