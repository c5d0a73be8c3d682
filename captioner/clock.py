"""Time as a dependency, so that nothing else asks the operating system what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where a part gets the time from."""

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary origin."""
        ...

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC, as the machine believes."""
        return time.time()


class ManualClock:
    """A clock that moves only when told to: for tests and simulations."""

    def __init__(self, start: float = 0.0) -> None:
        self.now = start

    def monotonic(self) -> float:
        """The time set by hand, in seconds."""
        return self.now

    def wall(self) -> float:
        """The same time: a manual clock has one origin."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move forward.

        Raises:
            ValueError: when ``seconds`` is negative.
        """
        if seconds < 0:
            raise ValueError(f"a clock does not go back, was asked for {seconds} s")
        self.now += seconds
