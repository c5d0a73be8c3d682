"""Who may come in: by the measured headroom of people talking, not by a constant. Pure.

Interims stretch first when the engine is busy. That the engine is always busy does not tell whether
it carries one more: with a few people talking it already computes interims as often as it can.
What grows with each of them from then on is how long an interim takes to come back. A new session
is refused when that would be too long with one more, before the finals of those already admitted
are late.
"""

from __future__ import annotations

from dataclasses import dataclass

from captioner.errors import ResourceExhausted

FULL = 0.9  # share of the engine's time beyond which nobody else may come in
SLOW = 0.85  # seconds from the request for an interim to its answer: shown after 1.5 s then
LATE = 1.5  # seconds that a live request may wait before the replica counts as full
UNHEARD = 5.0  # seconds for which a new session has no part in what was measured
RETRY_AFTER = 5.0  # seconds: utterances end about this often
UNMEASURED = 1.0  # talkers assumed possible for each idle worker before any is measured


@dataclass(frozen=True, slots=True)
class Capacity:
    """How loaded the replica is, as callers are told."""

    sessions: int
    talking: int
    max_sessions: int
    talking_headroom: float
    draining: bool


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the replica is."""

    sessions: int
    talking: int
    utilisation: float
    """Share of the engine's time spent on live decodes, 0 to 1."""
    backlog: float
    """Seconds that the oldest live request has waited."""
    turn: float = 0.0
    """Seconds from the request for an interim to its answer, lately."""
    unheard: int = 0
    """Of the sessions, those let in so recently that they have no part in the turn."""

    @property
    def next_turn(self) -> float:
        """The turn to be expected with one more, who talks as much as those who are here."""
        return self.turn * (self.sessions + 1) / max(1, self.sessions - self.unheard)


def headroom(load: Load, *, workers: int) -> float:
    """How many more people could talk at once, going by what those who talk now cost.

    An underestimate at low load: interims come as often as the engine allows, so that the first
    talkers cost more each than they will when there are many.
    """
    if load.talking == 0 or load.utilisation == 0:
        return workers * UNMEASURED
    return max(0.0, load.talking * (FULL / load.utilisation - 1.0))


def check_admission(load: Load, *, max_sessions: int, max_talking: int) -> None:
    """Let one more session in, or refuse it.

    Args:
        load: now.
        max_sessions: bound on sessions, talking or not.
        max_talking: bound on people talking; 0 goes by `load` alone.

    Raises:
        ResourceExhausted: the replica is full.
    """
    if load.sessions >= max_sessions:
        raise ResourceExhausted(
            f"the replica serves {load.sessions} sessions, its limit",
            retry_after=RETRY_AFTER,
            subject="sessions",
        )
    if max_talking and load.talking >= max_talking:
        raise ResourceExhausted(
            f"{load.talking} people are talking, the limit is {max_talking}",
            retry_after=RETRY_AFTER,
            subject="talking",
        )
    if load.utilisation >= FULL and load.backlog >= LATE:
        raise ResourceExhausted(
            f"the engine is {load.backlog:.1f} s behind with {load.talking} people talking",
            retry_after=RETRY_AFTER,
        )
    if load.utilisation >= FULL and load.next_turn >= SLOW:
        raise ResourceExhausted(
            f"the engine takes {load.turn:.1f} s for an interim with {load.talking} people talking",
            retry_after=RETRY_AFTER,
        )
