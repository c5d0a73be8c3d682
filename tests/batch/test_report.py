from __future__ import annotations

import json
from pathlib import Path

import pytest

from captioner import __version__
from captioner.asr.scripted import SCRIPTED_INFO
from captioner.batch.job import Document, Track
from captioner.batch.report import Fate, Outcome, Report, peak_memory, speakers_of

ONE = Document("one", (Track(Path("in/one.wav")),), (Path("one.vtt"),))
TWO = Document("two", (Track(Path("a.wav")), Track(Path("b.wav"))), (Path("two.vtt"),))


def report(*outcomes: Outcome, **changes: object) -> Report:
    return Report(outcomes, SCRIPTED_INFO, started=0.0, wall_seconds=2.0, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("document", "reason", "told"),
    [
        (ONE, "in/one.wav is empty", "in/one.wav is empty"),
        (ONE, "the disk is slow", "in/one.wav: the disk is slow"),
        (TWO, "the disk is slow", "two: the disk is slow"),
        (TWO, "b.wav is empty", "b.wav is empty"),
    ],
)
def test_a_failure_names_its_recording_once(document: Document, reason: str, told: str) -> None:
    assert Outcome(document, Fate.FAILED, reason=reason).told() == told


def test_figures_are_those_of_this_job() -> None:
    made = report(
        Outcome(ONE, Fate.DONE, seconds=9.0, heard=10.0),
        Outcome(TWO, Fate.KEPT, seconds=99.0),
        problems=("p",),
    )
    assert (made.audio_seconds, made.rate) == (10.0, 5.0)
    assert (made.count(Fate.DONE), made.count(Fate.KEPT), made.count(Fate.FAILED)) == (1, 1, 0)
    assert made.failures == ["p"]


def test_programs_can_read_it() -> None:
    outcome = Outcome(ONE, Fate.DONE, ONE.outputs, 1.23456, 1.23456, 7, ("Éloïse",))
    values = json.loads(report(outcome, stopped="interrupted").render())
    assert values["version"] == __version__
    assert values["started"] == "1970-01-01T00:00:00+00:00"
    assert values["stopped"] == "interrupted"
    assert values["times_real_time"] == 0.62
    assert values["documents"] == [
        {
            "name": "one",
            "state": "done",
            "sources": ["in/one.wav"],
            "outputs": ["one.vtt"],
            "seconds": 1.235,
            "words": 7,
            "speakers": ["Éloïse"],
        }
    ]


def test_without_model_or_time_it_is_told_as_well() -> None:
    values = json.loads(Report((), None, 0.0, 0.0).render())
    assert values["model"] is None
    assert values["times_real_time"] == 0


def test_names_that_no_encoding_can_write_are_written_otherwise() -> None:
    document = Document("\udcff", (Track(Path("\udcff.wav")),), ())
    text = report(Outcome(document, Fate.WAITING)).render()
    assert json.loads(text.encode())["documents"][0]["name"] == "?"


def test_memory_is_in_bytes() -> None:
    assert 10_000_000 < peak_memory() < 10**12


def test_speakers_are_named_by_how_much_they_say() -> None:
    assert speakers_of(["Luc", "", "Anne", "Anne"]) == ("Anne", "Luc")
