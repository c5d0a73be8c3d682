"""The lines of a cue."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise

from captioner.subtitles.layout.script import Group
from captioner.subtitles.profiles import Profile

DASH = "–\u00a0"
"""Before each turn of a cue that has several."""


def break_lines(groups: Sequence[Group], profile: Profile) -> tuple[str, ...]:
    """The fewest lines that hold the groups, ended at good places and of similar length."""
    count = count_lines(groups, profile)
    best: tuple[int, ...] = ()
    best_cost = math.inf
    for breaks in combinations(range(1, len(groups)), count - 1):
        cost = _cost(groups, breaks, profile)
        if cost < best_cost:
            best, best_cost = breaks, cost
    return tuple(
        " ".join(group.text for group in groups[begin:end])
        for begin, end in pairwise((0, *best, len(groups)))
    )


def count_lines(groups: Sequence[Group], profile: Profile) -> int:
    """How many lines the groups take at least."""
    lines, width = 1, -1
    for group in groups:
        if width >= 0 and width + 1 + group.width > profile.columns:
            lines, width = lines + 1, -1
        width += 1 + group.width
    return lines


def balance_cost(top: int, bottom: int, profile: Profile) -> float:
    """Of two lines that wide: small differences are free, and a short line is better on top.

    The eye goes back a shorter way from a short line, and less of the picture is covered.
    """
    if profile.roll_up:  # lines fill up as they come
        return max(0.0, 1 - top / profile.columns)
    difference = (bottom - top) / profile.columns
    return 1.5 * difference * difference + (0.15 if top > bottom else 0.0)


def _cost(groups: Sequence[Group], breaks: Sequence[int], profile: Profile) -> float:
    widths = []
    for begin, end in pairwise((0, *breaks, len(groups))):
        widths.append(sum(group.width + 1 for group in groups[begin:end]) - 1)
        if widths[-1] > profile.columns and end - begin > 1:
            return math.inf
    balance = sum(balance_cost(top, bottom, profile) for top, bottom in pairwise(widths))
    return balance + sum(groups[at - 1].cost for at in breaks)
