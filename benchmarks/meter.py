"""What a process uses: CPU in all and by thread, memory."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

MEMORY_PERIOD = 0.25  # seconds between two looks at the memory
MEBIBYTE = 2**20
NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process had used by a moment."""

    time: float
    """Seconds of the monotonic clock."""
    cpu: float
    """CPU seconds, user and system, of all its threads, ended ones too."""
    threads: dict[int, float]
    """CPU seconds of each living thread, by its number; that of the main thread is the pid."""


@dataclass(slots=True)
class Usage:
    """What a process used between two moments."""

    wall: float = 0.0
    cpu: float = 0.0
    """CPU seconds."""
    peak_memory: float = 0.0
    """Largest resident set seen, in MiB."""


def read_process(pid: int) -> Reading:
    """Read the counters of a process.

    Raises:
        psutil.NoSuchProcess: it is gone.
    """
    now = time.monotonic()
    used = psutil.Process(pid).cpu_times()
    threads: dict[int, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that ended meanwhile
            nanoseconds = (task / "schedstat").read_text(encoding="ascii").split()[0]
            threads[int(task.name)] = int(nanoseconds) / NANOSECONDS
    return Reading(now, used.user + used.system, threads)


@asynccontextmanager
async def metered(pid: int | None) -> AsyncIterator[Usage]:
    """Fill in what a process uses while the body runs; nothing when there is none to look at."""
    usage = Usage()
    if pid is None:
        yield usage
        return
    before = read_process(pid)
    watching = asyncio.create_task(_watch_memory(pid, usage))
    try:
        yield usage
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        after = read_process(pid)
        usage.wall, usage.cpu = after.time - before.time, after.cpu - before.cpu


async def _watch_memory(pid: int, usage: Usage) -> None:
    process = psutil.Process(pid)
    while True:
        usage.peak_memory = max(usage.peak_memory, process.memory_info().rss / MEBIBYTE)
        await asyncio.sleep(MEMORY_PERIOD)
