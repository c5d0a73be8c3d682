"""A caption server as a child process, on free ports, gone when its parent is."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

from captioner.cli.exits import Failed
from captioner.cli.options import group_of
from captioner.config import ENV_PREFIX, Settings, flag_of

START_TIMEOUT = 120.0  # seconds: a large model from a cold disk
STOP_TIMEOUT = 30.0  # seconds, then it is killed
PASSED_ON = ("Model", "Captions")  # groups of settings that the child shares with its parent
LAST_WORDS = 5  # lines of its log that tell why it failed

_TOLD = re.compile(r"\s*(gRPC|watch)\s+(\S+)")


@dataclass(frozen=True, slots=True)
class ChildServer:
    """Where a server listens."""

    address: str
    """For gRPC, HOST:PORT."""
    page: str
    """URL of the caption page, for people."""


@asynccontextmanager
async def child_server(settings: Settings) -> AsyncIterator[ChildServer]:
    """Run a server with the model of the settings; yields where it listens.

    Raises:
        Failed: it did not start; with its last words.
    """
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *arguments(settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment(os.environ),
            process_group=0,  # Ctrl-C is for the parent, which ends the child in good order
        )
        try:
            yield await _listening(process, log)
        finally:
            await _stop(process)


def arguments(settings: Settings) -> list[str]:
    """The command line of the child."""
    command = [sys.executable, "-m", "captioner", "serve", "--until-stdin-closes"]
    command += ["--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--log-level", "warning"]
    for name, info in Settings.model_fields.items():
        value = getattr(settings, name)
        if group_of(name) in PASSED_ON and value != info.get_default(call_default_factory=False):
            command += [flag_of(name), str(value)]
    return command


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the child: its settings are all on its command line."""
    return {name: text for name, text in environ.items() if not name.startswith(ENV_PREFIX)}


async def _listening(process: asyncio.subprocess.Process, log: IO[bytes]) -> ChildServer:
    assert process.stdout is not None
    told: dict[str, str] = {}
    try:
        async with asyncio.timeout(START_TIMEOUT):
            async for line in process.stdout:
                if found := _TOLD.match(line.decode()):
                    told[found[1]] = found[2]
                if len(told) == 2:  # noqa: PLR2004 - gRPC and page
                    return ChildServer(told["gRPC"], told["watch"])
            await process.wait()
    except TimeoutError:
        raise Failed(f"the server did not start within {START_TIMEOUT:g} s") from None
    raise Failed(f"the server did not start: {_last_words(log)}")


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    told = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    return "\n".join(told or lines[-LAST_WORDS:]) or "it said nothing"


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask for a drain, wait, and kill what does not go."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
