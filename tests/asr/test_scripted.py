from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from captioner.asr.engine import DecodeRow, Engine
from captioner.asr.scripted import SCRIPTED_INFO, ScriptedEngine, steady_words
from captioner.errors import InvalidRequest

ROW = DecodeRow(features=np.zeros((80, 600), np.float32), speech_frames=200, language="fr")


def test_a_steady_speaker_says_a_word_every_four_tenths_of_a_second() -> None:
    hypothesis = steady_words(ROW)

    assert hypothesis.text == "mot0 mot1 mot2 mot3 mot4"
    assert [word.start for word in hypothesis.words] == [0, 6400, 12_800, 19_200, 25_600]
    assert hypothesis.words[-1].end == 32_000


def test_a_forced_prefix_begins_the_steady_words() -> None:
    hypothesis = steady_words(replace(ROW, prefix=(1007, 1008)))

    assert hypothesis.text == "mot7 mot8 mot2 mot3 mot4"
    assert hypothesis.word_tokens[:2] == ((1007,), (1008,))


def test_each_row_is_answered_by_the_function_in_order() -> None:
    def answer(row: DecodeRow) -> InvalidRequest:
        return InvalidRequest(row.key_terms[0])

    engine: Engine = ScriptedEngine(answer, workers=3)

    answers = engine.decode([replace(ROW, key_terms=("a",)), replace(ROW, key_terms=("b",))])

    assert [str(answer) for answer in answers] == ["a", "b"]
    assert engine.workers == 3
    assert engine.info is SCRIPTED_INFO


def test_the_hook_sees_the_rows_before_they_are_answered() -> None:
    seen: list[int] = []

    def before(rows: Sequence[DecodeRow]) -> None:
        seen.append(len(rows))

    ScriptedEngine(before=before).decode([ROW, ROW])

    assert seen == [2]


def test_rows_of_several_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="2 rows are not of one group"):
        ScriptedEngine().decode([ROW, replace(ROW, beam_size=5)])


def test_a_closed_engine_takes_no_calls() -> None:
    engine = ScriptedEngine()
    engine.close()

    assert engine.closed
    with pytest.raises(ValueError, match="after close"):
        engine.decode([ROW])
