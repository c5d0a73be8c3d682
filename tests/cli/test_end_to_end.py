"""The commands with the real model, as a user runs them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cli_program import ROOT, Program

from captioner.cli.exits import ExitCode

pytestmark = pytest.mark.slow

START_TIMEOUT = 60  # seconds


@asynccontextmanager
async def served(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """``captioner serve`` as a process, and where it listens."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "captioner", "serve", "--listen", "127.0.0.1:0",
        "--http-listen", "", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT):
            async for line in process.stdout:
                if found := re.match(rb"\s*gRPC\s+(\S+)", line):
                    yield process, found[1].decode()
                    break
            else:
                pytest.fail("the server ended before it listened")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_server_is_healthy_captions_a_sentence_and_drains(
    program: Program, recordings: Path, tmp_path: Path
) -> None:
    sentence = recordings / "sentences" / "000.flac"
    async with served() as (process, address):
        assert (await program("health", "--server", address)).code == ExitCode.OK
        ran = await program("stream", sentence, "--server", address, "--save", "out.json")
        assert ran.code == ExitCode.OK, ran.err
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == ExitCode.OK
    segments = json.loads((tmp_path / "out.json").read_text())["segments"]
    assert sum(len(segment["words"]) for segment in segments) > 3


async def test_a_server_without_its_model_says_how_to_get_it(
    program: Program, tmp_path: Path
) -> None:
    ran = await program(
        "serve", "--models-dir", tmp_path / "none", "--listen", "127.0.0.1:0", "--http-listen", ""
    )
    assert ran.code == ExitCode.FAILED
    assert ran.err.splitlines()[-1].startswith("Error: ")
    assert "captioner models pull base" in ran.err
    assert "Traceback" not in ran.err


async def test_a_server_on_a_port_in_use_is_one_line(program: Program) -> None:
    async with served() as (_, address):
        ran = await program("serve", "--listen", address, "--http-listen", "")
    assert ran.code != ExitCode.OK
    assert address in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


async def test_a_server_ends_with_whoever_started_it() -> None:
    async with served("--until-stdin-closes") as (process, _):
        # Its standard input is at its end from the start.
        assert await process.wait() == ExitCode.OK


async def test_recordings_are_transcribed_and_a_bad_one_is_told(
    program: Program, recordings: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no")
    ran = await program(
        "transcribe", recordings / "sentences" / "000.flac", bad,
        "--format", "json", "--format", "vtt", "--output-dir", "texts",
    )  # fmt: skip
    assert ran.code == ExitCode.FAILED
    assert "1 of 2 could not be transcribed" in ran.err
    assert "bad.wav" in ran.err.splitlines()[-1]
    names = sorted(os.listdir(tmp_path / "texts"))  # noqa: PTH208
    assert names == [".captioner-job.jsonl", "000.json", "000.vtt", "report.json"]
    assert json.loads((tmp_path / "texts" / "000.json").read_text())["segments"]


@pytest.mark.timeout(180)
async def test_the_demo_captions_and_measures_the_meeting(program: Program, tmp_path: Path) -> None:
    ran = await program("demo", "--duration", "12", "--output", "meeting.vtt")
    assert ran.code == ExitCode.OK, ran.err
    assert "Claire: Bonjour à tous" in ran.out
    assert re.search(r"in a browser too: http://127\.0\.0\.1:\d+/\?room=demo\n", ran.err)
    assert re.search(r"word errors +\d+\.\d %", ran.out)
    assert (tmp_path / "meeting.vtt").read_text().startswith("WEBVTT")
