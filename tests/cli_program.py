"""The program as a process, and a real server for it to talk to."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rpc_fakes import EchoService

from captioner.lifecycle import Server

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 120  # seconds: the slow tests load a model on a machine that others use too

WriteWav = Callable[[str, Sequence[int]], Path]
"""Writes a recording of words, each of 100 ms; 0 is silence."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How the program ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Running:
    """A server that hears words in sample values, and where it listens."""

    service: EchoService
    server: Server
    address: str


class Program:
    """Runs ``captioner`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(
        self, *arguments: object, interrupt: Callable[[str], bool] | None = None
    ) -> Ran:
        """Run to the end; press Ctrl-C once ``interrupt`` likes the output so far."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "captioner",
            *(str(argument) for argument in arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            async with asyncio.timeout(TIMEOUT):
                read = await _interrupt_when(process, interrupt) if interrupt else ""
                out, err = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return Ran(process.returncode, read + out.decode(), err.decode())


async def _interrupt_when(
    process: asyncio.subprocess.Process, wanted: Callable[[str], bool]
) -> str:
    assert process.stdout is not None
    read = ""
    while not wanted(read):
        line = await process.stdout.readline()
        assert line, f"ended without what was wanted: {read}"
        read += line.decode()
    process.send_signal(2)
    return read
