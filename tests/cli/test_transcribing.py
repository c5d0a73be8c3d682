from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import pytest
from cli_program import WriteWav
from rich.console import Console
from rpc_fakes import EchoService

from captioner.cli.transcribe import described, watching
from captioner.cli.transcribing import Failure, Job, plan, transcribe_all
from captioner.clock import ManualClock
from captioner.errors import InvalidRequest
from captioner.subtitles.cues import Provenance

MADE_BY = Provenance("1.2.3", "echo", "sha256:0")


class Watcher:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def begin(self, source: Path, seconds: float | None) -> None:
        self.told.append(("begin", source.name, seconds))

    def advance(self, done: float, total: float | None) -> None:
        self.told.append(("advance", done, total))

    def finish(self, job: Job, seconds: float, *, took: float) -> None:
        self.told.append(("finish", job.source.name, seconds, took))

    def fail(self, failure: Failure) -> None:
        self.told.append(("fail", failure.source.name))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def transcribe(*jobs: Job, watcher: Watcher | None = None) -> list[Failure]:
    return await transcribe_all(
        EchoService(),
        jobs,
        watcher or Watcher(),
        provenance=MADE_BY,
        key_terms=(),
        clock=ManualClock(),
    )


def test_each_recording_becomes_a_file_of_each_format(tmp_path: Path) -> None:
    jobs = plan([Path("x/a.b.wav"), Path("c.mp3")], ["vtt", "json"], tmp_path)
    assert jobs == [
        Job(Path("x/a.b.wav"), (tmp_path / "a.b.vtt", tmp_path / "a.b.json")),
        Job(Path("c.mp3"), (tmp_path / "c.vtt", tmp_path / "c.json")),
    ]


def test_two_recordings_for_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"x/a\.wav and y/a\.mp3 would both be written to"):
        plan([Path("x/a.wav"), Path("y/a.mp3")], ["vtt"], tmp_path)


async def test_a_recording_is_written_in_every_format(tmp_path: Path, write_wav: WriteWav) -> None:
    source = write_wav("talk.wav", [1, 2])
    outputs = tuple(tmp_path / "texts" / f"talk.{kind}" for kind in ("json", "vtt", "srt", "txt"))
    assert await transcribe(Job(source, outputs)) == []
    segments = json.loads(outputs[0].read_text())["segments"]
    assert {"m1", "m2"} <= {segment["text"] for segment in segments}
    assert all("m2" in output.read_text() for output in outputs)
    assert outputs[1].read_text().startswith("WEBVTT")


async def test_a_bad_recording_does_not_stop_the_others(
    tmp_path: Path, write_wav: WriteWav
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no")
    missing = tmp_path / "missing.wav"
    good = write_wav("good.wav", [1])
    failures = await transcribe(
        Job(bad, (tmp_path / "bad.txt",)),
        Job(missing, (tmp_path / "missing.txt",)),
        Job(good, (tmp_path / "good.txt",)),
    )
    assert [failure.source for failure in failures] == [bad, missing]
    assert "No such file" in failures[1].reason
    assert (tmp_path / "good.txt").exists()
    assert not (tmp_path / "bad.txt").exists()


async def test_a_full_disk_is_told_and_leaves_no_file(
    tmp_path: Path, write_wav: WriteWav, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = write_wav("talk.wav", [1])
    monkeypatch.setattr(os, "fsync", full)
    (failure,) = await transcribe(Job(source, (tmp_path / "talk.txt",)))
    assert failure.reason == "No space left on device"
    assert names_in(tmp_path) == ["talk.wav"]


async def test_a_watcher_is_told_how_far_it_is(tmp_path: Path, write_wav: WriteWav) -> None:
    watcher = Watcher()
    await transcribe(Job(write_wav("talk.wav", [1] * 10), ()), watcher=watcher)
    assert watcher.told[0] == ("begin", "talk.wav", 1.0)
    assert watcher.told[1][0] == "advance"
    assert watcher.told[-1][:2] == ("finish", "talk.wav")


def test_a_failure_names_its_file_once() -> None:
    source = Path("a.wav")
    assert described(Failure(source, "a.wav is empty")) == "a.wav is empty"
    assert described(Failure(source, "the disk is full")) == "a.wav: the disk is full"


def test_a_pipe_gets_a_line_for_each_recording() -> None:
    console = Console(file=io.StringIO(), width=200)
    with watching(console) as watcher:
        watcher.begin(Path("a.wav"), 60.0)
        watcher.advance(30.0, 60.0)
        watcher.finish(Job(Path("a.wav"), (Path("a.vtt"),)), 60.0, took=5.0)
        watcher.fail(Failure(Path("b.wav"), "b.wav is empty"))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == (
        "a.wav: 01:00 in 5.0 s, 12.0 times as fast as listening; wrote a.vtt\nb.wav is empty\n"
    )


def test_a_terminal_gets_a_bar_while_a_recording_is_at_work() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    with watching(console) as watcher:
        watcher.begin(Path("a.wav"), 60.0)
        watcher.advance(30.0, 60.0)
        assert isinstance(console.file, io.StringIO)
        assert "00:30 / 01:00" in console.file.getvalue()
        watcher.finish(Job(Path("a.wav"), (Path("a.vtt"),)), 60.0, took=5.0)
        before = len(console.file.getvalue())
        watcher.begin(Path("b.wav"), None)
        assert "a.wav" not in console.file.getvalue()[before:]
        assert "00:00 / ?" in console.file.getvalue()[before:]
