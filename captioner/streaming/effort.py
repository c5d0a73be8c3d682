"""What finals may cost, by how busy the engine is: the order in which captions get worse."""

from __future__ import annotations

from dataclasses import dataclass

from captioner.streaming.settings import Effort, samples

RELAXED = 0.25  # share of the engine's time under which a final may cost what it likes
BUSY = 0.95  # share from which it costs as little as it can
LONG_WINDOW = samples(14.0)  # as accurate as longer ones on meetings, for less of the engine's time
WAITING = 1.0  # seconds that live requests wait when the load, a mean, has not risen yet
SURE = 0.6  # probability of words that busy engines hear only once


@dataclass(frozen=True, slots=True)
class EffortRule:
    """The most that finals may cost."""

    beam_size: int = 5
    window: int = 0
    """Length that a window has at least, whatever the load."""
    long_window: int = LONG_WINDOW
    """The same while the engine has time."""

    def at(self, load: float, *, waiting: float = 0.0) -> Effort:
        """What a final may cost now.

        Args:
            load: the share of the engine's time that live captions take.
            waiting: seconds that the oldest live request has waited.
        """
        if waiting >= WAITING:
            load = max(load, BUSY)
        if load < RELAXED:
            return Effort(beam_size=self.beam_size, window=max(self.window, self.long_window))
        if load < BUSY:
            return Effort(beam_size=self.beam_size, window=self.window)
        return Effort(beam_size=1, window=self.window, retry=False, speculate=False, sure=SURE)
