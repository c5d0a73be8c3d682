from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from endurance import course_table, main
from endurance_figures import GROWTH_LIMIT, Course, Sample, growth, measure_course
from endurance_talk import PAUSE, SETTLED, Heard, Part, Speaker, _chunks, shuffled
from plots import plot_course
from recordings import Take
from rich.console import Console
from timeline import Moment, Timeline
from tracks import CHUNK_BYTES

from captioner.evaluation.edits import EditCounts
from captioner.evaluation.truth import TimedWord
from captioner.live import Captioned, Ended, Progress
from captioner.transcript import Caption, Word

SECOND = 2 * 16_000  # bytes
HOUR = 3600.0


def take(name: str, seconds: int = 2) -> Take:
    return Take(name, bytes([1]) * (seconds * SECOND), (TimedWord(name, 0.5, 1.0),))


def heard(name: str, start: float, latency: float) -> Heard:
    moments = (Moment(start + 1.0, latency),)
    line = Timeline(moments, moments, moments, (), (), 0, EditCounts(1, 0, 0, 0))
    return Heard(name, start, start + 60.0, line, 0)


def session(growing: float) -> list[Heard]:
    """An hour of two recordings in turn, one slower than the other, later by so much an hour."""
    return [
        heard("ab"[index % 2], 61.0 * index, index % 2 + growing * 61.0 * index / HOUR)
        for index in range(59)
    ]


def course(growing: float = 0.0) -> Course:
    samples = [Sample(at, cpu=0.25 * at, memory=100.0 + at / 360) for at in range(0, 3600, 10)]
    return measure_course(session(growing), samples, bucket=300.0, tracks=1)


def spoken(text: str, start: float, end: float, *, number: int, final: bool = True) -> Captioned:
    words = (Word(text, round(start * 16_000), round(end * 16_000), 0.9),)
    return Captioned(
        Caption(number, 1, words[0].start, words[0].end, words, len(words), final, "fr")
    )


# --- the talk


def test_each_round_has_every_recording_once_in_an_order_of_the_seed() -> None:
    sources = [take(name) for name in "abcd"]
    parts = shuffled(sources, seconds=12 * (2 + PAUSE), seed=3)
    names = [part.take.name for part in parts]
    assert [sorted(names[index : index + 4]) for index in (0, 4, 8)] == [list("abcd")] * 3
    assert names == [part.take.name for part in shuffled(sources, seconds=36, seed=3)]
    assert names != [part.take.name for part in shuffled(sources, seconds=36, seed=4)]
    assert all(after.start == before.end + PAUSE for before, after in pairwise(parts))


def test_a_session_ends_when_its_time_is_over() -> None:
    parts = shuffled([take("a")], seconds=4.0, seed=1)
    assert [part.take.seconds for part in parts] == [2.0, 1.0]


def test_recordings_are_sent_where_their_parts_begin() -> None:
    parts = [Part(take("a"), 0.0), Part(take("b"), 3.0)]
    chunks = list(_chunks(parts))
    sent = b"".join(chunks)
    assert {len(chunk) for chunk in chunks} == {CHUNK_BYTES}
    assert len(sent) == 5 * SECOND
    assert sent[2 * SECOND : 3 * SECOND] == bytes(SECOND)
    assert sent[3 * SECOND] == 1


def test_captions_are_judged_with_the_recording_that_they_are_of() -> None:
    speaker = Speaker("piste", [Part(take("un"), 0.0), Part(take("deux"), 3.0)])
    speaker.note(spoken("un", 0.5, 1.0, number=1), at=1.25)
    speaker.note(spoken("deux", 2.75, 4.0, number=2, final=False), at=4.125)
    speaker.note(spoken("deux", 3.5, 4.0, number=2), at=4.5)
    speaker.note(Progress(0, 0, 1.5, 0), at=5.0)
    assert not list(speaker.settled(2.0))
    [first] = speaker.settled(2.0 + SETTLED)
    assert first.line.finalised == (Moment(1.0, 0.25),)
    assert not list(speaker.settled(1000.0))  # the last one is over when the session is
    speaker.note(Ended(0, 0, 2, 2), at=6.0)
    [second] = speaker.settled(6.0)
    assert second.line.displayed == (Moment(4.0, 0.125),)
    assert second.line.finalised == (Moment(4.0, 0.5),)
    assert (speaker.take_lag(), speaker.take_lag()) == (1.5, 0.0)


# --- the figures


def test_recordings_that_differ_are_no_growth() -> None:
    assert growth(session(0.0), "displayed") == 0
    assert course().steady


def test_growth_is_seen_through_recordings_that_differ() -> None:
    found = course(growing=0.2)
    assert found.slopes["finalised"] == pytest.approx(200, rel=0.05)
    assert not found.steady


def test_growth_under_the_limit_is_steady() -> None:
    assert course(growing=GROWTH_LIMIT / 1000 / 2).steady


def test_a_session_too_short_to_tell_is_not_called_steady() -> None:
    short = measure_course([heard("a", 0.0, 0.5)], [], bucket=300.0, tracks=1)
    assert math.isnan(short.slopes["displayed"])
    assert not short.steady
    assert json.dumps(short.to_json(), allow_nan=False)


def test_memory_and_cpu_are_those_of_the_server() -> None:
    found = course()
    assert found.memory_slope == pytest.approx(10.0)
    assert found.cpu_per_audio_second == pytest.approx(0.25)
    assert found.buckets[1].memory == pytest.approx(100 + 600 / 360)
    assert len(found.buckets) == 12


def test_the_table_and_the_plot_of_a_session_that_slows_down(tmp_path: Path) -> None:
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(course_table(course(growing=0.2)))
    assert "+200 !" in capture.get()
    plot_course(tmp_path / "plot.png", course())
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_session_with_a_server_that_computes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "endurance.json"
    options = ["--scripted", "--models-dir", str(tmp_path), "--output", str(target)]
    result = CliRunner().invoke(main, [*options, "--minutes", "0.1", "--bucket-minutes", "0.03"])
    assert result.exit_code == 0, result.output
    content = json.loads(target.read_text(encoding="utf-8"))
    assert content["complete"] is True
    assert content["never_final"] == 0
    assert content["buckets"][0]["memory"] > 0
    assert "min: displayed" in result.output
    assert target.with_suffix(".png").exists()
