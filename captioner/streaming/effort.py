"""What finals may cost, by how busy the engine is: the order in which captions get worse."""

from __future__ import annotations

from dataclasses import dataclass

from captioner.streaming.settings import Effort, samples

RELAXED = 0.25  # share of the engine's time under which a final may cost what it likes
BUSY = 0.9  # share from which it costs no more than it must
LONG_WINDOW = samples(14.0)  # as accurate as longer ones on meetings, for less of the engine's time
FAIR_WINDOW = samples(10.0)  # two points of errors better than the shortest, on monologues
WAITING = 2.0  # seconds that a live request waits where there is more than can be done
SURE = 0.6  # probability of words that busy engines hear only once


@dataclass(frozen=True, slots=True)
class EffortRule:
    """The most that finals may cost."""

    beam_size: int = 5
    window: int = 0
    """Length that a window has at least, whatever the load."""
    long_window: int = LONG_WINDOW
    """The same while the engine has time."""
    fair_window: int = FAIR_WINDOW
    """The same until it is busy."""

    def at(self, load: float, *, waiting: float = 0.0) -> Effort:
        """What a final may cost now.

        Args:
            load: the share of the engine's time that live captions take.
            waiting: seconds that the oldest live request has waited.
        """
        if waiting >= WAITING:
            return Effort(beam_size=1, window=self.window, retry=False, speculate=False, sure=SURE)
        if load < RELAXED:
            return Effort(beam_size=self.beam_size, window=max(self.window, self.long_window))
        if load < BUSY:
            return Effort(beam_size=self.beam_size, window=max(self.window, self.fair_window))
        # Where the words are sure already, a search is better spent than a second reading of all.
        return Effort(self.beam_size, self.window, retry=False, speculate=False, sure=SURE)
