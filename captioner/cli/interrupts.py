"""Ctrl-C as a request to finish, and a second one as an order to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def finishing_on_interrupt() -> Iterator[asyncio.Event]:
    """An event that the first SIGINT or SIGTERM sets; after that they work as ever."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def finish() -> None:
        stop.set()
        restore()

    def restore() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    for number in numbers:
        loop.add_signal_handler(number, finish)
    try:
        yield stop
    finally:
        restore()
