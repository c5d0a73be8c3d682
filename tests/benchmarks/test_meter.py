from __future__ import annotations

import asyncio
import os
import threading
import time

from meter import metered, read_process

CLOCK_TICK = 1 / os.sysconf("SC_CLK_TCK")


def burn(seconds: float) -> None:
    """Use that much CPU."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_each_thread_has_its_own_count() -> None:
    before = read_process(os.getpid())
    threading.Thread(target=burn, args=(0.05,), name="gone before it is read").start()
    burn(0.05)
    after = read_process(os.getpid())
    assert after.threads[os.getpid()] - before.threads[os.getpid()] >= 0.04
    assert after.time > before.time


async def test_what_a_process_uses_meanwhile_is_metered() -> None:
    async with metered(os.getpid()) as usage:
        await asyncio.to_thread(burn, 0.1)
    assert usage.cpu >= 0.1 - 2 * CLOCK_TICK
    assert usage.wall >= 0.1 - CLOCK_TICK
    assert usage.peak_memory > 10


async def test_a_process_that_is_not_ours_is_left_alone() -> None:
    async with metered(None) as usage:
        pass
    assert (usage.wall, usage.cpu, usage.peak_memory) == (0, 0, 0)
