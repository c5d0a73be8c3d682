"""When cues are on screen: with their words, and for the time that it takes to read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from captioner.subtitles.characters import count_characters
from captioner.subtitles.cues import Cue
from captioner.subtitles.profiles import Profile
from captioner.transcript import SAMPLE_RATE

_MILLISECOND = SAMPLE_RATE // 1000  # a cue must end after it starts, in the files' own unit
# Viewers do not notice text that comes a fifth of a second before the voice; any earlier and it
# gives away what is going to be said, and who follows the lips sees another word.
_LEAD = round(0.2 * SAMPLE_RATE)
# Shorter breaks between cues are seen as a flicker: the first cue stays until the second comes.
_FLICKER = round(0.5 * SAMPLE_RATE)
# Speakers who overlap for less are not shown at once: players would move lines about.
_CLASH = round(0.5 * SAMPLE_RATE)
# What was said last does not roll away before something follows, or nobody reads it.
_ROLLED_UP = round(2.0 * SAMPLE_RATE)


def fit_times(cues: Iterable[Cue], profile: Profile) -> list[Cue]:
    """Cues in the order of their start, none over another of its speaker, each readable if it can.

    A cue stays longer than its words, and comes earlier, only where nobody else says anything.
    """
    row = _one_after_another(sorted(cues, key=lambda cue: (cue.start, cue.end)))
    row = list(_end(row, profile))[::-1]
    row = list(_lead(row, profile))
    return list(_without_flicker(row, profile))


def _one_after_another(cues: Iterable[Cue]) -> list[Cue]:
    """No two cues of a speaker start at once, whatever the times of the words are."""
    latest: dict[str, int] = {}
    row = []
    for cue in cues:
        speakers = {turn.speaker for turn in cue.turns}
        free = max((latest[name] + _MILLISECOND for name in speakers if name in latest), default=0)
        start = max(cue.start, free)
        latest |= dict.fromkeys(speakers, start)
        row.append(replace(cue, start=start, end=max(cue.end, start + _MILLISECOND)))
    return sorted(row, key=lambda cue: cue.start)


def _end(cues: Sequence[Cue], profile: Profile) -> Iterator[Cue]:
    """The cues with their ends, last one first."""
    gap = round(profile.gap * SAMPLE_RATE)
    next_of: dict[str, int] = {}  # speaker -> start of their next cue
    next_start: int | None = None
    for cue in reversed(cues):
        own = min((next_of[t.speaker] for t in cue.turns if t.speaker in next_of), default=None)
        end = cue.end if own is None else min(cue.end, _leave_gap(cue.start, own, gap))
        wanted = cue.start + _wanted(cue, profile)
        if profile.roll_up:
            wanted = max(wanted, end + _ROLLED_UP)
        if next_start is None:
            end = max(end, wanted)
        elif end <= next_start - gap:
            end = max(end, min(wanted, next_start - gap))
        elif end <= next_start or (wanted <= next_start - gap and end - next_start < _CLASH):
            end = _leave_gap(cue.start, next_start, gap)
        yield replace(cue, end=end)
        next_of |= {turn.speaker: cue.start for turn in cue.turns}
        next_start = cue.start


def _leave_gap(start: int, next_start: int, gap: int) -> int:
    """The latest end before the next cue: without the gap where nothing would be left."""
    return next_start - gap if next_start - gap >= start + _MILLISECOND else next_start


def _lead(cues: Iterable[Cue], profile: Profile) -> Iterator[Cue]:
    """Cues that are too short to be read start a little early, into silence."""
    gap = round(profile.gap * SAMPLE_RATE)
    free = 0
    for cue in cues:
        missing = _wanted(cue, profile) - (cue.end - cue.start)
        start = max(cue.start - min(missing, _LEAD), free) if missing > 0 else cue.start
        yield replace(cue, start=min(start, cue.start))
        free = max(free, cue.end + gap)


def _without_flicker(cues: Sequence[Cue], profile: Profile) -> Iterator[Cue]:
    """Cues that stay until the next one comes, where the break between them would be short."""
    gap = round(profile.gap * SAMPLE_RATE)
    for cue, after in zip_longest(cues, cues[1:]):
        end = cue.end
        if after is not None and 0 < after.start - gap - end < _FLICKER:
            longest = cue.start + profile.longest * SAMPLE_RATE
            end = after.start - gap if after.start - gap <= longest else end
        yield replace(cue, end=end)


def _wanted(cue: Cue, profile: Profile) -> int:
    """Samples on screen that the cue should have."""
    reading = profile.reading_time(count_characters(cue.lines))
    return math.ceil(min(max(profile.shortest, reading), profile.longest) * SAMPLE_RATE)
