from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from key_terms import DATA, Row, TermEngine, cases, ordinary, plans

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import ScriptedEngine
from captioner.transcript import Hypothesis, Word


class Letters:
    """A tokenizer whose tokens are bytes."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())


def vinc(row: DecodeRow) -> Hypothesis:
    words = (Word("monsieur", 0, 1600, 0.9), Word("Vinc", 1600, 3200, 0.5))
    return Hypothesis(words, ((1,), (2,)), -0.3, 0.0, "fr")


ROW = DecodeRow(
    features=np.zeros((80, 100), np.float32),
    speech_frames=50,
    language="fr",
    key_terms=("Vyncke", "Tchap"),
)


@pytest.mark.parametrize(
    ("spelling", "text"), [(False, "monsieur Vinc"), (True, "monsieur Vyncke")]
)
def test_terms_are_spelt_only_when_asked_and_never_decoded(*, spelling: bool, text: str) -> None:
    asked: list[DecodeRow] = []
    engine = TermEngine(ScriptedEngine(vinc, before=asked.extend), Letters())
    engine.spelling = spelling
    (hypothesis,) = engine.decode([ROW])
    assert isinstance(hypothesis, Hypothesis)
    assert hypothesis.text == text
    assert [row.key_terms for row in asked] == [()]


def test_a_window_is_decoded_once_for_all_ways_that_ask_the_same() -> None:
    asked: list[DecodeRow] = []
    engine = TermEngine(ScriptedEngine(vinc, before=asked.extend), Letters())
    for spelling in (False, True, False):
        engine.spelling = spelling
        engine.decode([ROW])
    assert len(asked) == 1


def test_each_sentence_has_a_recording_and_a_term_that_is_among_those_given_or_is_not() -> None:
    given, withheld = cases(20, said=True), cases(20, said=False)
    assert len(given) >= 60
    assert all(case.file.is_file() and case.said.term in case.said.text for case in given)
    assert all(case.said.term in case.key_terms and len(case.key_terms) == 20 for case in given)
    assert not any(case.said.term in case.key_terms for case in withheld)


def test_the_recordings_are_small() -> None:
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 6_000_000


def test_no_term_is_said_in_the_ordinary_recordings() -> None:
    for case in ordinary(50):
        assert not any(term.lower() in case.said.text.lower().split() for term in case.key_terms)


def test_no_row_of_the_table_is_measured_in_vain() -> None:
    assert [(row.key_terms, row.said) for row in plans("live", "without", (20, 50))] == [(0, True)]
    both = [(row.key_terms, row.said) for row in plans("live", "both", (20, 50))]
    assert both == [(20, True), (50, True), (50, False)]
    (row,) = plans("ordinary", "spelling", (20, 50))
    assert (row.key_terms, row.said) == (50, False)
    assert Row.of(asdict(row)) == row


def test_without_key_terms_none_are_given() -> None:
    (row,) = plans("live", "without", (20,))
    assert not any(case.key_terms for case in row.cases())
