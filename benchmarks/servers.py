"""Servers to be measured: child processes on free ports, gone when the benchmark is."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prometheus_client.parser import text_string_to_metric_families

from captioner.cli.child_server import START_TIMEOUT, STOP_TIMEOUT, arguments, environment
from captioner.cli.exits import Failed
from captioner.cli.options import group_of
from captioner.config import Settings, flag_of

SCRIPTED = Path(__file__).with_name("scripted_server.py")
METRICS_TIMEOUT = 5.0  # seconds

_GRPC = re.compile(r"\s*gRPC\s+(\S+)")
_HTTP = re.compile(r"\s*HTTP\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Target:
    """A server to be measured."""

    address: str
    pid: int | None = None
    """None: its process is not ours to look at."""
    http: str = ""
    """Address of its metrics; empty: none."""


@asynccontextmanager
async def caption_server(settings: Settings) -> AsyncIterator[Target]:
    """`captioner serve` with the model, captions and limits of the settings.

    Raises:
        Failed: it did not start; with its last words.
    """
    limits: list[str] = []
    for name, info in Settings.model_fields.items():
        if group_of(name) == "Limits" and getattr(settings, name) != info.default:
            limits += [flag_of(name), str(getattr(settings, name))]
    command = [*arguments(settings), *limits, "--http-listen", "127.0.0.1:0"]
    async with _child(command) as target:
        yield target


@asynccontextmanager
async def scripted_server(
    settings: Settings,
    *,
    report: Path | None = None,
    profile: bool = False,
    delay: float = 0.0,
    publish: float = 0.0,
) -> AsyncIterator[Target]:
    """The same server around an engine that computes nothing.

    Args:
        settings: All of them apply but the model's.
        report: Where the server writes, as it ends, what it saw of its own event loop.
        profile: Whether it also samples where its time goes; costs some.
        delay: Seconds that each batch takes.
        publish: Captions a second that appear in the room "fanout".

    Raises:
        Failed: it did not start; with its last words.
    """
    command = [sys.executable, str(SCRIPTED), settings.model_dump_json(), "--delay", str(delay)]
    command += ["--report", str(report)] if report else []
    command += ["--profile"] if profile else []
    command += ["--publish", str(publish)] if publish else []
    async with _child(command) as target:
        yield target


@asynccontextmanager
async def _child(command: Sequence[str]) -> AsyncIterator[Target]:
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment(os.environ),
            process_group=0,  # Ctrl-C is for the parent, which ends the child in good order
        )
        try:
            yield await _welcome(process, log)
        finally:
            await _stop(process)


async def _welcome(process: asyncio.subprocess.Process, log: IO[bytes]) -> Target:
    """Read what a server says when it is ready: the line of the model comes last but one."""
    assert process.stdout is not None
    address = http = ""
    try:
        async with asyncio.timeout(START_TIMEOUT):
            async for raw in process.stdout:
                line = raw.decode()
                if found := _GRPC.match(line):
                    address = found[1]
                if found := _HTTP.match(line):
                    http = found[1]
                if address and "  model " in line:
                    return Target(address, process.pid, http)
            await process.wait()
    except TimeoutError:
        raise Failed(f"the server did not start within {START_TIMEOUT:g} s") from None
    log.seek(0)
    raise Failed(f"the server did not start: {log.read().decode(errors='replace').strip()}")


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


async def read_counters(target: Target) -> dict[str, float]:
    """What a server has counted so far, by metric and labels; empty when it shows nothing."""
    if not target.http:
        return {}
    text = await asyncio.to_thread(_get, f"{target.http}/metrics")
    return {
        sample.name + "".join(f" {label}" for label in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name.startswith("captioner_")
        and sample.name.endswith(("_total", "_sum", "_count"))
    }


async def read_gauges(target: Target) -> dict[str, float]:
    """How a server says that it is now, by metric; empty when it shows nothing."""
    if not target.http:
        return {}
    text = await asyncio.to_thread(_get, f"{target.http}/metrics")
    return {
        sample.name.removeprefix("captioner_"): sample.value
        for family in text_string_to_metric_families(text)
        if family.type == "gauge" and family.name.startswith("captioner_")
        for sample in family.samples
        if not sample.labels
    }


def _get(url: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=METRICS_TIMEOUT) as response:
        return bytes(response.read()).decode()


def counted(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was counted in between; what did not move is left out."""
    moved = {name: round(value - before.get(name, 0.0), 4) for name, value in after.items()}
    return {name: value for name, value in moved.items() if value}
