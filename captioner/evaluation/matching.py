"""Which words of the last text a display already showed.

The rule is ``difflib``'s: take the longest run of words that both have (the earliest where several
are equally long), then do the same on its left and on its right. Applied to each whole display it
takes time that grows with the square of the track, so what is already settled is not searched
again: see ``LastText.match``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from operator import eq

_CHUNK = 256  # words compared at a time: long enough for the comparison to run in C
_PROBE = 16  # words that hardly ever occur twice in a text


@dataclass(frozen=True, slots=True)
class Match:
    """The words that a display and the last text have in common."""

    prefix: int
    """So many leading words are the same."""
    rest: tuple[tuple[int, int], ...]
    """Further pairs: index in the display, index in the last text. Both are at least ``prefix``."""


class LastText:
    """The last text of a track, indexed once to be matched with many displays."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._matcher = SequenceMatcher(None, (), self._words, autojunk=False)
        self._joined = _join(self._words)

    def match(self, shown: tuple[str, ...]) -> Match:
        """Match one display.

        Where the common beginning is provably the longest common run, it is the first that the
        rule takes, and only what follows it remains to be searched. That is nearly every display
        of a track: it differs from the last text only in its last words.
        """
        prefix = common_prefix(shown, self._words)
        if not self._is_longest_run(shown, prefix):
            prefix = 0
        self._matcher.set_seq1(shown)
        return Match(prefix, tuple(self._pairs(prefix, len(shown), prefix, len(self._words))))

    def _is_longest_run(self, shown: tuple[str, ...], prefix: int) -> bool:
        """Whether no run longer than the common beginning exists; False also when not known."""
        tail = len(shown) - prefix
        if tail == 0 or prefix == len(self._words):
            return True
        # A longer run starts before shown[tail] and so contains shown[tail - 1 : prefix + 1].
        # If a part of that is nowhere in the last text, neither is the run.
        if tail - 1 > prefix:
            return False
        probe = shown[max(tail - 1, prefix + 1 - _PROBE) : prefix + 1]
        if _join(probe) not in self._joined:
            return True
        return _join(shown[tail - 1 : prefix + 1]) not in self._joined

    def _pairs(
        self, shown_start: int, shown_end: int, last_start: int, last_end: int
    ) -> list[tuple[int, int]]:
        pairs: list[tuple[int, int]] = []
        ranges = [(shown_start, shown_end, last_start, last_end)]
        while ranges:
            a_start, a_end, b_start, b_end = ranges.pop()
            if a_start == a_end or b_start == b_end:
                continue
            a, b, size = self._matcher.find_longest_match(a_start, a_end, b_start, b_end)
            if size:
                pairs += ((a + k, b + k) for k in range(size))
                ranges += ((a_start, a, b_start, b), (a + size, a_end, b + size, b_end))
        return pairs


def common_prefix(first: tuple[str, ...], second: tuple[str, ...]) -> int:
    """How many leading words are the same."""
    start, length = 0, min(len(first), len(second))
    while start < length and first[start : start + _CHUNK] == second[start : start + _CHUNK]:
        start += _CHUNK
    end = start + _CHUNK
    same = takewhile(bool, map(eq, first[start:end], second[start:end]))
    return min(length, start + len(list(same)))


def _join(words: Sequence[str]) -> str:
    """Words as one string in which a run of words is a substring."""
    return "\n" + "".join(f"{word}\n" for word in words)
