"""Where cues end: the cuts that cost least over the whole of what was said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from captioner.subtitles.breaking.stops import Stop
from captioner.subtitles.layout.lines import DASH, balance_cost
from captioner.subtitles.layout.script import Group, next_starts
from captioner.subtitles.profiles import Profile
from captioner.transcript import SAMPLE_RATE

# All costs are in cues: one more cue costs 1.
_CUT = 2.0  # of a cut, times what a line would cost that ends there
_TURN = 1.3  # of a second speaker in a cue: only where each alone is too short to be read
_PAUSE = 2.0  # of each second of silence within a cue, beyond what a speaker takes to breathe
_BREATH = 0.5  # s
_RELIEF = 0.6  # share of the cost of a cut that a pause there takes away
_SHORT = 6.0  # of a cue without any duration
_GLANCE = 1.0  # s; nobody reads a cue that is shorter, where the profile has no limit of its own
_HURRIED = 0.8  # of a cue without any time to be read
_UNREAD = 4.0  # of the same, beyond what the profile tolerates
_HASTY = 0.3  # of each cue that cannot be read in the time that it tolerates
_FRAGMENT = 3.0  # of a cue that holds a word of another sentence than the rest
_MIXED = 1.8  # of a cue that holds more than that of it
_MID_LINE = 1.0  # where the one sentence ends within a line of the other
_FRAGMENT_WIDTH = 36  # columns of a beginning or end of a sentence that is none
_ORPHAN = 1.0  # of a cue that is no more than a word or two of a longer sentence
_ORPHAN_WIDTH = 16  # columns


def cut(groups: Sequence[Group], profile: Profile) -> list[Sequence[Group]]:
    """The groups of each cue: dynamic programming over the ends of cues.

    Takes time in proportion to the groups, times how many of them fit into a cue.
    """
    if not groups:
        return []
    costs = _Costs(groups, profile)
    best, origin = [0.0], [0]
    for end in range(1, len(groups) + 1):
        least, begin = math.inf, end - 1
        for candidate, own in costs.cues_until(end):
            if best[candidate] + own < least:
                least, begin = best[candidate] + own, candidate
        best.append(least)
        origin.append(begin)
    cues: list[Sequence[Group]] = []
    end = len(groups)
    while end:
        cues.append(groups[origin[end] : end])
        end = origin[end]
    return cues[::-1]


class _Costs:
    """What each cue would cost; made once for all groups."""

    def __init__(self, groups: Sequence[Group], profile: Profile) -> None:
        self._groups = groups
        self._profile = profile
        self._edges = [0, *accumulate(group.width + 1 for group in groups)]
        self._fits = self._find_line_ends()
        self._next_starts = next_starts(groups)
        pauses = [_pause(before, after) for before, after in pairwise(groups)]
        waits = [_PAUSE * max(0.0, pause - _BREATH) for pause in pauses]
        self._waits = [0.0, 0.0, *accumulate(waits)]  # of all pauses before each group
        self._cuts = [
            _CUT * group.cost * (1 - _RELIEF * min(1.0, pause))
            for group, pause in zip(groups, [*pauses, 0.0], strict=True)
        ]
        stops = [0, *(at for at, group in enumerate(groups, start=1) if not group.cost)]
        self._stop_before, self._stop_after = _nearest(stops, len(groups))
        capacity = profile.lines * (profile.columns + 1)
        self._shortest = profile.shortest or _GLANCE
        self._reading = [profile.reading_time(count) for count in range(capacity + 1)]

    def cues_until(self, end: int) -> list[tuple[int, float]]:
        """The groups that a cue may begin with which ends before the group ``end``: its costs."""
        costs, begun = self._of_one_turn(end)
        last = self._groups[end - 1]
        if begun and self._groups[begun - 1].turn != last.turn:
            costs += self._of_several_turns(begun, end)
        return costs

    def _of_one_turn(self, end: int) -> tuple[list[tuple[int, float]], int]:
        """The cues within the turn, and the first of them if the whole of the turn goes in."""
        groups, edges, profile = self._groups, self._edges, self._profile
        until = groups[end - 1].end
        # For each begin: the lines that the rest of the cue takes, and what their ends cost.
        lines, ends = {end - 1: 1}, {end - 1: 0.0}
        firsts = {1: end - 1}  # number of lines -> the first begin that takes no more
        costs = [(end - 1, self._cost(end - 1, end, until, lines=1))]
        for begin in range(end - 2, -1, -1):
            group = groups[begin]
            if group.turn != groups[end - 1].turn or group.apart:
                return costs, begin + 1
            until = max(until, group.end)
            if until - group.start > profile.longest * SAMPLE_RATE:
                return costs, 0
            fit = self._fits[begin]
            if fit >= end:
                lines[begin], ends[begin] = 1, 0.0
            else:
                lines[begin] = rest = lines[fit] + 1
                if rest > profile.lines:
                    return costs, 0
                ends[begin] = min(
                    groups[at - 1].cost
                    + ends[at]
                    + balance_cost(edges[at] - edges[begin], edges[end] - edges[at], profile)
                    for at in range(firsts[rest - 1], fit + 1)
                )
            firsts[lines[begin]] = begin
            own = self._cost(begin, end, until, lines=lines[begin]) + ends[begin]
            costs.append((begin, own + self._mixed_lines(begin, end, lines)))
        return costs, 0

    def _of_several_turns(self, begun: int, end: int) -> list[tuple[int, float]]:
        """The cues that begin in an earlier turn: one line for each turn, after a dash."""
        groups, edges, profile = self._groups, self._edges, self._profile
        room, last = profile.columns - len(DASH), groups[end - 1]
        costs: list[tuple[int, float]] = []
        turns, line_end, until = 1, end, max(group.end for group in groups[begun:end])
        for begin in range(begun, -1, -1):
            group = groups[begin]
            if begin < begun:
                if group.apart or group.start > groups[begin + 1].start:
                    break
                if group.turn != groups[begin + 1].turn:
                    turns, line_end = turns + 1, begin + 1
            until = max(until, group.end)
            fits = edges[line_end] - edges[begin] - 1 <= room and turns <= profile.lines
            if not fits or until - group.start > profile.longest * SAMPLE_RATE:
                break
            if turns > 1 and self._begins_well(begin) and not last.cost:
                own = self._cost(begin, end, until, lines=turns, dashes=turns * len(DASH))
                costs.append((begin, own + _TURN * (turns - 1)))
        return costs

    def _mixed_lines(self, begin: int, end: int, lines: Mapping[int, int]) -> float:
        """Of a sentence that goes on beyond the cue and shares a line with another."""
        after, before = self._stop_after[begin], self._stop_before[end]
        edges = ([after] if self._stop_before[begin] != begin and after < end else []) + (
            [before] if before != end and before > begin else []
        )
        return _MID_LINE * sum(
            lines[at] + (1 if self._fits[begin] >= at else 2) > lines[begin] for at in edges
        )

    def _begins_well(self, begin: int) -> bool:
        """Whether punctuation precedes the group: a dash does not go before half a clause."""
        return begin == 0 or self._groups[begin - 1].cost <= Stop.COMMA.cost

    def _cost(self, begin: int, end: int, until: int, *, lines: int, dashes: int = 0) -> float:
        """Of a cue whose last word ends at ``until``, without that of the ends of its lines."""
        profile, edges = self._profile, self._edges
        width = edges[end] - edges[begin] - 1
        start, after = self._groups[begin].start, self._next_starts[end - 1]
        cost = 1.0 + self._waits[end] - self._waits[begin + 1] + self._fragment(begin, end)
        if end < len(self._groups):
            cost += self._cuts[end - 1]
        if after is not None:
            seconds = max(0.0, (max(until, after) - start) / SAMPLE_RATE - profile.gap)
            cost += _SHORT * max(0.0, 1 - seconds / self._shortest)
            reading = self._reading_time(width - (lines - 1) + dashes)
            if seconds < reading:
                cost += _HURRIED * (1 - seconds / reading)
            if seconds < reading * (1 - profile.tolerance):
                cost += _UNREAD * (1 - seconds / reading - profile.tolerance) + _HASTY
        return cost

    def _fragment(self, begin: int, end: int) -> float:
        """Of a sentence's beginning or end in a cue with another sentence, or of a lone word."""
        edges = self._edges
        after, before = self._stop_after[begin], self._stop_before[end]
        cost = 0.0
        if self._stop_before[begin] != begin and after < end:
            cost += _fragment_cost(edges[after] - edges[begin] - 1)
        if before != end and before > begin:
            cost += _fragment_cost(edges[end] - edges[before] - 1)
        whole = self._stop_before[begin] == begin and before == end
        lone = not whole and edges[end] - edges[begin] - 1 < _ORPHAN_WIDTH
        return cost + _ORPHAN if lone else cost

    def _find_line_ends(self) -> list[int]:
        """For each group, the end of the longest line that begins with it."""
        edges, found, end = self._edges, [], 0
        for begin in range(len(self._groups)):
            end = max(end, begin + 1)
            while (
                end < len(self._groups)
                and edges[end + 1] - edges[begin] - 1 <= self._profile.columns
            ):
                end += 1
            found.append(end)
        return found

    def _reading_time(self, characters: int) -> float:
        if characters < len(self._reading):
            return self._reading[characters]
        return self._profile.reading_time(characters)  # a word that is wider than a line


def _pause(before: Group, after: Group) -> float:
    return max(0, after.start - before.end) / SAMPLE_RATE


def _fragment_cost(width: int) -> float:
    return max(_MIXED, _FRAGMENT * (1 - width / _FRAGMENT_WIDTH))


def _nearest(stops: Sequence[int], count: int) -> tuple[list[int], list[int]]:
    """For each edge between groups, the last stop up to there and the first one after it."""
    before, after = [0] * (count + 1), [count] * (count + 1)
    marks = set(stops)
    for at in range(1, count + 1):
        before[at] = at if at in marks else before[at - 1]
    for at in range(count - 1, -1, -1):
        after[at] = at + 1 if at + 1 in marks else after[at + 1]
    return before, after
