from __future__ import annotations

import io
from pathlib import Path

import pytest
from batch_fakes import ASKED
from rich.console import Console

from captioner.batch.job import Document, Track
from captioner.batch.manifest import History
from captioner.batch.progress import Position, Progress
from captioner.batch.report import Fate, Outcome, Report
from captioner.batch.resume import Candidate, Plan
from captioner.batch.shards import Extent
from captioner.cli.job_display import EVERY, status, summary, told, watching
from captioner.clock import ManualClock
from captioner.transcript import SAMPLE_RATE

A, B = (Document(name, (Track(Path(f"{name}.wav")),), (Path(f"{name}.vtt"),)) for name in "ab")


def plan_of(*work: Document, **changes: object) -> Plan:
    values: dict[str, object] = {
        "work": tuple(Candidate(document, ()) for document in work),
        "kept": (),
        "shards": (),
        "history": History(asked={ASKED.key: ASKED}),
        "resumed": False,
        "changed": (),
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


def progress() -> Progress:
    return Progress([(each, [Extent(each.tracks[0], 60)]) for each in (A, B)])


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_pipe_gets_a_line_for_each_document_and_now_and_then_one_for_all() -> None:
    console, clock, job = Console(file=io.StringIO(), width=200), ManualClock(), progress()
    with watching(console, clock) as watcher:
        watcher.planned(plan_of(A, B, kept=(A,) * 1200), job)
        clock.advance(EVERY - 1)
        job.move(A.tracks[0], 30 * SAMPLE_RATE, 60 * SAMPLE_RATE)
        watcher.moved(job)
        clock.advance(1)
        watcher.moved(job)
        watcher.moved(job)
        watcher.settled(Outcome(A, Fate.DONE, A.outputs, 60.0, words=1), job)
        watcher.settled(Outcome(B, Fate.FAILED, reason="b.wav is empty"), job)
    assert shown(console).splitlines() == [
        "1,200 of 1,202 were done before and are kept",
        "1,200 of 1,202 · 00:30 of 02:00 · 1.0 x · 01:30 left",
        "a: 01:00, 1 word; a.vtt",
    ]


def test_a_terminal_gets_a_bar_for_the_job_and_one_for_each_file_in_work() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    clock, job = ManualClock(), progress()
    with watching(console, clock) as watcher:
        watcher.planned(plan_of(A, B), job)
        assert "0 of 2" in shown(console)
        clock.advance(10)
        job.move(A.tracks[0], 30 * SAMPLE_RATE, 60 * SAMPLE_RATE)
        watcher.moved(job)
        assert "00:30 / 01:00" in shown(console)
        assert "3.0 x · 00:30 left" in shown(console)
        before = len(shown(console))
        watcher.moved(job)
        assert len(shown(console)) == before
        job.end(A.tracks[0], 60 * SAMPLE_RATE)
        watcher.settled(Outcome(A, Fate.DONE, A.outputs, 60.0, words=9), job)
        assert "a: 01:00, 9 words; a.vtt" in shown(console)[before:]
        before = len(shown(console))
        clock.advance(1)
        watcher.moved(job)
        after = shown(console)[before:]
        assert "/ 01:00" not in after
        assert "1 of 2" in after


def test_quietly_nothing_is_told() -> None:
    console, job = Console(file=io.StringIO()), progress()
    with watching(console, ManualClock(), quiet=True) as watcher:
        watcher.planned(plan_of(A, changed=("model",)), job)
        watcher.moved(job)
        watcher.settled(Outcome(A, Fate.DONE), job)
    assert shown(console) == ""


@pytest.mark.parametrize(
    ("position", "elapsed", "text"),
    [
        (Position(0.0, None), 0.0, "12 of 10,000 · 00:00"),
        (Position(0.0, None), 9.0, "12 of 10,000 · 00:00"),
        (Position(60.0, None), 30.0, "12 of 10,000 · 01:00 · 2.0 x"),
        (
            Position(11_565.0, 432_000.0),
            303.0,
            "12 of 10,000 · 3:12:45 of 120:00:00 · 38.2 x · 3:03:35 left",
        ),
    ],
)
def test_the_line_of_the_job_says_how_far_how_fast_and_how_long(
    position: Position, elapsed: float, text: str
) -> None:
    assert status(12, 10_000, position, elapsed) == text


def test_what_is_done_again_or_goes_on_is_told_before() -> None:
    assert told(plan_of(A)) == []
    assert told(plan_of(A, kept=(B,), resumed=True, changed=("model", "language"))) == [
        "1 of 2 were done before and are kept",
        "done again, because of other options: model, language",
        "the interrupted job goes on",
    ]


def test_the_last_line_counts_and_tells_the_rate() -> None:
    outcomes = (Outcome(A, Fate.DONE, seconds=30.0, heard=60.0), Outcome(B, Fate.KEPT, seconds=9.0))
    report = Report(outcomes, None, started=0.0, wall_seconds=30.0)
    assert summary(report) == (
        "1 done, 1 kept; 01:00 of audio in 00:30, 2.0 times as fast as listening"
    )
    assert summary(Report(outcomes[1:], None, 0.0, 1.0)) == "1 kept"
