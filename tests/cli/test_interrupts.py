from __future__ import annotations

import asyncio
import os
import signal

import pytest

from captioner.cli.interrupts import finishing_on_interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_asks_to_finish(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with finishing_on_interrupt() as stop:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()
        assert signal.getsignal(number) in (before, signal.SIG_DFL, signal.default_int_handler)


async def test_without_signal_nobody_is_asked() -> None:
    with finishing_on_interrupt() as stop:
        await asyncio.sleep(0)
    assert not stop.is_set()
