"""The largest number that holds, found in few measurements, each of which may be an old one."""

from __future__ import annotations

from collections.abc import Mapping

RESOLUTION = 0.08  # between the largest that holds and the smallest that does not


def capacity(held: Mapping[int, bool]) -> int:
    """The largest number that held and below which none failed; 0 when there is none."""
    failed = min((number for number, held_it in held.items() if not held_it), default=None)
    return max(
        (n for n, held_it in held.items() if held_it and (failed is None or n < failed)), default=0
    )


def next_number(held: Mapping[int, bool], *, start: int, most: int) -> int | None:
    """What to try next: doubled until one fails, then halved in between; None: it is found.

    Args:
        held: what was tried, and whether it held.
        start: the first to try.
        most: the last to try.
    """
    low = capacity(held)
    high = min((number for number, held_it in held.items() if not held_it), default=None)
    if high is None:
        if low >= most:
            return None
        return min(max(2 * low, start), most)
    if low == 0:
        return high // 2 or None
    if high - low <= max(1, RESOLUTION * low):
        return None
    return (low + high) // 2
