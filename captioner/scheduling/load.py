"""How busy the workers were lately, and how long rows took: what admission is decided on."""

from __future__ import annotations

from collections import deque

WINDOW = 10.0  # seconds looked back on: a few utterances, yet soon over
SHORTEST = 1.0  # seconds that a young meter divides by, lest its first batch look like saturation
SMOOTHING = 0.1  # weight of the newest batch in the service time: about the last ten batches


class LoadMeter:
    """Worker time spent on batches over a sliding window. Times are seconds."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._running: dict[int, float] = {}
        self._ended: deque[tuple[float, float]] = deque()
        self._row_seconds: float | None = None
        self._begun = 0

    def begin(self, now: float) -> int:
        """A worker starts on a batch; returns the key for ``end``."""
        self._begun += 1
        self._running[self._begun] = now
        return self._begun

    def end(self, key: int, now: float, *, rows: int) -> float:
        """The worker is done with ``rows`` rows; returns how long it took."""
        started = self._running.pop(key)
        self._ended.append((started, now))
        self._forget(now - WINDOW)
        seconds = now - started
        each = seconds / rows
        previous = each if self._row_seconds is None else self._row_seconds
        self._row_seconds = previous + SMOOTHING * (each - previous)
        return seconds

    def load(self, now: float) -> float:
        """Busy worker-seconds a second: 0 when idle, the number of workers when saturated."""
        start = max(now - WINDOW, self._since)
        self._forget(start)
        busy = sum(end - max(begin, start) for begin, end in self._ended)
        busy += sum(now - max(begin, start) for begin in self._running.values())
        return busy / max(now - start, SHORTEST)

    @property
    def row_seconds(self) -> float | None:
        """Worker time a row has taken lately, smoothed; None before the first batch."""
        return self._row_seconds

    def _forget(self, start: float) -> None:
        while self._ended and self._ended[0][1] <= start:
            self._ended.popleft()


class TurnMeter:
    """How long rows took from being asked for to their answer, over the window of the load.

    Under full load that is what grows with each one who talks, while the load says no more than
    that it is full. Times are seconds.
    """

    def __init__(self) -> None:
        self._turns: deque[tuple[float, float]] = deque()

    def answered(self, now: float, *, asked: float) -> None:
        """A row that was asked for then has its answer."""
        self._turns.append((now, now - asked))
        self._forget(now)

    def mean(self, now: float) -> float:
        """Of those answered lately; 0 when none was."""
        self._forget(now)
        if not self._turns:
            return 0.0
        return sum(seconds for _, seconds in self._turns) / len(self._turns)

    def _forget(self, now: float) -> None:
        while self._turns and self._turns[0][0] <= now - WINDOW:
            self._turns.popleft()
