"""``captioner transcribe`` with the real model: as a process, interrupted and resumed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_program import ROOT, Program

from captioner.batch.manifest import FILE_NAME, JOURNAL_NAME
from captioner.cli.exits import ExitCode

pytestmark = pytest.mark.slow

POLL = 0.02  # seconds between two looks at a file that another process writes
PATIENCE = 60  # seconds until it must have


@asynccontextmanager
async def started(folder: Path, *arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command as a process, which is killed if it is still there at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "captioner", "transcribe", *(str(each) for each in arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_it_holds(path: Path, size: int) -> None:
    """Wait until a file has that many bytes."""
    async with asyncio.timeout(PATIENCE):
        while size_of(path) < size:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(POLL)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_killed_within_a_long_recording_it_goes_on_and_writes_the_same(
    program: Program, recordings: Path, tmp_path: Path
) -> None:
    tracks = [recordings / "monologues" / f"{n:02}.flac" for n in range(2)]
    wishes = ["--meeting", "both", "--format", "json,vtt"]
    whole = await program("transcribe", *tracks, *wishes, "--output-dir", "whole")
    assert whole.code == ExitCode.OK, whole.err
    journal = tmp_path / "cut" / JOURNAL_NAME
    async with started(tmp_path, *tracks, *wishes, "--output-dir", "cut") as process:
        await until_it_holds(journal, 1000)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert names_in(tmp_path / "cut")[:2] == [JOURNAL_NAME, FILE_NAME]
    cut = await program("transcribe", *tracks, *wishes, "--output-dir", "cut")
    assert cut.code == ExitCode.OK, cut.err
    assert names_in(tmp_path / "cut") == [FILE_NAME, "both.json", "both.vtt", "report.json"]
    for name in ("both.json", "both.vtt"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    again = await program("transcribe", *tracks, *wishes, "--output-dir", "cut")
    assert "1 of 1 were done before and are kept" in again.err


async def test_interrupted_it_says_how_to_go_on_and_the_same_command_does(
    program: Program, recordings: Path, tmp_path: Path
) -> None:
    files = [recordings / "monologues" / "02.flac", recordings / "sentences" / "000.flac"]
    async with started(tmp_path, *files) as process:
        await until_it_holds(tmp_path / JOURNAL_NAME, 1000)
        process.send_signal(signal.SIGINT)
        _, told = await process.communicate()
        assert process.returncode == ExitCode.INTERRUPTED
    assert told.decode().splitlines()[-1] == "interrupted: the same command goes on from there"
    assert JOURNAL_NAME in names_in(tmp_path)
    ran = await program("transcribe", *files)
    assert ran.code == ExitCode.OK, ran.err
    assert names_in(tmp_path) == ["000.vtt", "02.vtt"]


async def test_a_folder_with_a_bad_file_is_transcribed_but_for_that(
    program: Program, recordings: Path, tmp_path: Path
) -> None:
    talks = tmp_path / "talks"
    for n in range(4):
        target = talks / f"day{n % 2}" / f"{n}.flac"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((recordings / "sentences" / f"{n:03}.flac").read_bytes())
    (talks / "bad.mp3").write_bytes(b"no")
    ran = await program("transcribe", "talks", "--format", "txt,srt,ttml", "--output-dir", "texts")
    assert ran.code == ExitCode.FAILED
    assert ran.err.count("bad.mp3") == 1
    assert ran.err.splitlines()[-2] == "Error: 1 of 5 could not be transcribed:"
    report = json.loads((tmp_path / "texts" / "report.json").read_text())
    assert report["counts"] == {"done": 4, "kept": 0, "failed": 1, "waiting": 0}
    assert report["model"]["name"] == "base"
    assert report["model"]["digest"].startswith("sha256:")
    written = (tmp_path / "texts" / "day1" / "3.txt").read_text()
    assert f"# model-digest: {report['model']['digest']}\n" in written
    assert all((tmp_path / "texts" / "day1" / f"3.{kind}").exists() for kind in ("txt", "srt"))


async def test_each_channel_of_a_call_is_a_speaker(
    program: Program, recordings: Path, tmp_path: Path
) -> None:
    left, right = (
        soundfile.read(recordings / "sentences" / f"{n:03}.flac")[0][:64_000] for n in range(2)
    )
    soundfile.write(tmp_path / "call.wav", np.stack([left, right], axis=1), 16_000)
    ran = await program(
        "transcribe", "call.wav", "--split-channels", "--speaker", "call.wav=Anne",
        "--format", "json",
    )  # fmt: skip
    assert ran.code == ExitCode.OK, ran.err
    segments = json.loads((tmp_path / "call.json").read_text())["segments"]
    assert {segment["speaker"] for segment in segments} == {"Anne", "Call 2"}
    assert len({segment["id"] for segment in segments}) == len(segments)
