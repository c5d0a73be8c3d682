"""The processes of peers: started on a free port, waited for, gone when the measurement is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from offline_systems import offline_environment

from captioner.cli.exits import Failed
from compare.systems import Launch

START_TIMEOUT = 120.0  # seconds: models are loaded
STOP_TIMEOUT = 5.0
POLL = 0.25
HTTP_TIMEOUT = 5.0
LAST_LINES = 3
LAST_WORDS = 600  # characters of them


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that serves."""

    pid: int
    port: int
    log: IO[bytes]

    def written(self) -> str:
        """All that it wrote so far."""
        # Not by seeking: the process writes where this file stands.
        number = self.log.fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode(errors="replace")

    def count(self, pattern: re.Pattern[str] | None) -> int:
        """How often it wrote that."""
        return len(pattern.findall(self.written())) if pattern else 0


@asynccontextmanager
async def peer_server(python: Path, launch: Launch, port: int) -> AsyncIterator[Running]:
    """Start a peer, and wait until it serves; it is ended with all its children.

    Raises:
        Failed: it did not start; with its last words.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            str(python),
            *launch.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=offline_environment() | launch.environment,
            process_group=0,
        )
        running = Running(process.pid, port, log)
        try:
            await _ready(process, running, launch.health)
            yield running
        finally:
            await _stop(process)


async def _ready(process: asyncio.subprocess.Process, running: Running, health: str) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT):
            while not await asyncio.to_thread(_serves, running.port, health):
                if process.returncode is not None:
                    break
                await asyncio.sleep(POLL)
            else:
                return
    except TimeoutError:
        said = last_words(running.written())
        raise Failed(f"not ready within {START_TIMEOUT:g} s: {said}") from None
    raise Failed(f"ended with {process.returncode}: {last_words(running.written())}")


def last_words(written: str) -> str:
    """The last lines of what a process wrote, without the stack of an error."""
    lines = [line for line in written.splitlines() if line and not line[0].isspace()]
    return " / ".join(lines[-LAST_LINES:])[-LAST_WORDS:].replace(str(Path.home()), "~")


def _serves(port: int, health: str) -> bool:
    if not health:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}{health}", timeout=HTTP_TIMEOUT) as response:
            return bool(json.loads(response.read()).get("ready"))
    except (urllib.error.URLError, OSError, ValueError):
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End a process and its children, which are a group of their own."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT):
                await process.wait()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
