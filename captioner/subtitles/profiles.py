"""What a layout has to keep to: lines, durations and the time it takes to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

_FRAME = 1 / 25  # s; the frame of European television, and of the rules below


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits of a layout; times in seconds."""

    name: str
    lines: int
    columns: int
    """Characters of a line; only a word that is longer by itself may exceed it."""
    shortest: float
    """On screen, where the cue after it leaves room."""
    longest: float
    """On screen; only a word that lasts longer by itself may exceed it."""
    reading: tuple[tuple[int, float], ...]
    """Points of the reading curve: characters, and the time they take to read. Both ascend from
    an implied (0, 0); empty where no reading speed is enforced."""
    tolerance: float
    """Share of the reading time that may be missing; layouts aim at the whole of it."""
    gap: float
    """Between cues of one speaker."""
    roll_up: bool = False
    """Lines fill up as they are spoken, and what was shown stays where it is: lines are not of
    similar length, and no cue waits for its words."""

    def reading_time(self, characters: int) -> float:
        """Seconds to read that many characters; 0 where no reading speed is enforced.

        Interpolated between the points of the curve; its last stretch goes on beyond them.
        """
        seconds = 0.0
        for (low, since), (high, until) in pairwise(((0, 0.0), *self.reading)):
            seconds = since + (characters - low) * (until - since) / (high - low)
            if characters <= high:
                break
        return seconds

    def least_time(self, characters: int) -> float:
        """Seconds below which that many characters are shown for too short a time to be read."""
        return self.reading_time(characters) * (1 - self.tolerance)


WEB = Profile(
    name="web",
    lines=2,
    columns=42,
    shortest=1.0,
    longest=7.0,
    reading=((17, 1.0),),
    tolerance=0.0,
    gap=2 * _FRAME,
)
# Charte relative à la qualité du sous-titrage à destination des personnes sourdes ou
# malentendantes (2011), recorded programmes. It says nothing of the longest time on screen.
ARCOM = Profile(
    name="arcom",
    lines=2,
    columns=36,
    shortest=1.0,
    longest=7.0,
    reading=((12, 1.0), (20, 2.0), (36, 3.0), (60, 4.0)),
    tolerance=0.2,
    gap=2 * _FRAME,
)
LIVE = Profile(
    name="live",
    lines=3,
    columns=42,
    shortest=0.0,
    longest=float("inf"),
    reading=(),
    tolerance=0.0,
    gap=2 * _FRAME,
    roll_up=True,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (WEB, ARCOM, LIVE)}
)
