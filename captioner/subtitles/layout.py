"""Segments cut into cues that fit on a screen and stay long enough to be read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise

from captioner.subtitles.cues import Cue, Segment, Turn
from captioner.subtitles.phrases import Phrase, break_cost, label_phrases, split_phrases
from captioner.subtitles.profiles import WEB, Profile, count_characters
from captioner.transcript import SAMPLE_RATE

__all__ = ["WEB", "Profile", "break_lines", "lay_out"]

_HURRY = 3.0  # cost of a cue without any duration, where a cue costs 1: better a worse break
_SHORTEST_SHOWN = SAMPLE_RATE // 1000  # a cue must end after it starts, in milliseconds


def lay_out(
    segments: Iterable[Segment], profile: Profile = WEB, *, labels: bool = False
) -> list[Cue]:
    """The cues of a file, in the order of their start.

    A long segment becomes several cues, each timed from its own words. Segments without text give
    none. With ``labels``, a cue that begins another speaker's turn begins with the name: for
    formats that have no place of their own for it.
    """
    cues: list[Cue] = []
    speaker = ""
    for segment in sorted(segments, key=lambda segment: (segment.start, segment.end)):
        phrases = split_phrases(segment)
        if not phrases:
            continue
        if labels and segment.speaker and segment.speaker != speaker:
            phrases = [*label_phrases(segment), *phrases]
        speaker = segment.speaker
        cues += _cut(segment, phrases, profile)
    cues.sort(key=lambda cue: cue.start)
    return _fit_times(cues, profile)


def _cut(segment: Segment, phrases: Sequence[Phrase], profile: Profile) -> list[Cue]:
    groups = _group(phrases, profile)
    return [
        Cue(
            id=segment.id if len(groups) == 1 else f"{segment.id}.{number}",
            start=group[0].start,
            end=max(phrase.end for phrase in group),
            turns=(Turn(segment.speaker, break_lines([phrase.text for phrase in group], profile)),),
        )
        for number, group in enumerate(groups, start=1)
    ]


def _group(phrases: Sequence[Phrase], profile: Profile) -> list[Sequence[Phrase]]:
    """Cut where it costs least: dynamic programming over the ends of cues."""
    best, origin = [0.0], [0]
    for end in range(1, len(phrases) + 1):
        cost, begin = min(
            (best[begin] + _cue_cost(phrases, begin, end, profile), -begin)
            for begin in _begins(phrases, end, profile)
        )
        best.append(cost)
        origin.append(-begin)
    groups: list[Sequence[Phrase]] = []
    end = len(phrases)
    while end:
        groups.append(phrases[origin[end] : end])
        end = origin[end]
    return groups[::-1]


def _begins(phrases: Sequence[Phrase], end: int, profile: Profile) -> list[int]:
    """Where a cue that ends there may begin."""
    begins = [end - 1]
    for begin in range(end - 2, -1, -1):
        group = phrases[begin:end]
        too_long = group[-1].end - group[0].start > profile.longest * SAMPLE_RATE
        if too_long or _count_lines([phrase.text for phrase in group], profile) > profile.lines:
            break
        begins.append(begin)
    return begins


def _cue_cost(phrases: Sequence[Phrase], begin: int, end: int, profile: Profile) -> float:
    seconds = (phrases[end - 1].end - phrases[begin].start) / SAMPLE_RATE
    hurry = max(0.0, 1 - seconds / profile.shortest) if profile.shortest else 0.0
    return 1 + _HURRY * hurry + (break_cost(phrases[end - 1].text) if end < len(phrases) else 0.0)


def _count_lines(texts: Sequence[str], profile: Profile) -> int:
    lines, width = 1, -1
    for text in texts:
        if width + 1 + len(text) > profile.columns and width >= 0:
            lines, width = lines + 1, -1
        width += 1 + len(text)
    return lines


def break_lines(texts: Sequence[str], profile: Profile) -> tuple[str, ...]:
    """The fewest lines that hold the texts, broken at good places and of similar length."""
    count = _count_lines(texts, profile)
    best: tuple[str, ...] = (" ".join(texts),)
    best_cost = math.inf
    for breaks in combinations(range(1, len(texts)), count - 1):
        lines = tuple(
            " ".join(texts[begin:end]) for begin, end in pairwise((0, *breaks, len(texts)))
        )
        cost = _lines_cost(lines, profile) + sum(break_cost(texts[at - 1]) for at in breaks)
        if cost < best_cost:
            best, best_cost = lines, cost
    return best


def _lines_cost(lines: Sequence[str], profile: Profile) -> float:
    widths = [len(line) for line in lines]
    overflow = sum(max(0, width - profile.columns) for width in widths)
    return 100.0 * overflow + 2 * (max(widths) - min(widths)) / profile.columns


def _fit_times(cues: Sequence[Cue], profile: Profile) -> list[Cue]:
    """Leave the gap between cues of a speaker, and stay for the time it takes to read.

    A cue is prolonged only into silence: not over the start of the next one, whoever speaks.
    """
    gap = round(profile.gap * SAMPLE_RATE)
    next_of: dict[str, int] = {}  # speaker -> start of their next cue
    next_start: int | None = None
    fitted: list[Cue] = []
    for cue in reversed(cues):
        speaker = cue.turns[-1].speaker
        end = _leave_gap(cue, next_of.get(speaker), gap)
        reading = profile.reading_time(count_characters(cue.lines))
        seconds = min(max(profile.shortest, reading), profile.longest)
        wanted = cue.start + math.ceil(seconds * SAMPLE_RATE)
        free = wanted if next_start is None else min(wanted, next_start - gap)
        fitted.append(replace(cue, end=max(end, free)))
        next_of[speaker] = next_start = cue.start
    return fitted[::-1]


def _leave_gap(cue: Cue, next_start: int | None, gap: int) -> int:
    end = cue.end
    if next_start is not None:
        room = next_start - gap if next_start - gap > cue.start else next_start
        end = min(end, room)
    return max(end, cue.start + _SHORTEST_SHOWN)
