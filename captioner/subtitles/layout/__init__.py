"""Segments cut into cues that fit on a screen and stay long enough to be read.

``script`` makes one row of everything that was said, in groups of words that stay together;
``cutting`` chooses where cues end, ``lines`` where lines end, ``timing`` when cues are shown;
``names`` are those of speakers, for formats that have no place of their own for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from captioner.subtitles.breaking.phrases import label_phrases
from captioner.subtitles.cues import Cue, Segment, Turn, name_cue
from captioner.subtitles.layout.cutting import cut
from captioner.subtitles.layout.lines import DASH, break_lines
from captioner.subtitles.layout.names import name_again
from captioner.subtitles.layout.script import Group, write_script
from captioner.subtitles.layout.timing import fit_times
from captioner.subtitles.profiles import WEB, Profile


def lay_out(
    segments: Iterable[Segment], profile: Profile = WEB, *, labels: bool = False
) -> list[Cue]:
    """The cues of a file, in the order of their start.

    Each cue is timed from its own words. A long segment becomes several cues; short ones that
    follow one another share a cue, with a dash before each turn where speakers change. A cue is
    named after the segment that it begins in. Segments without text give none. With ``labels``, a
    turn begins with the name of its speaker: for formats that have no place of their own for it.
    """
    segments = list(segments)
    parts = cut(write_script(segments, profile, labels=labels), profile)
    ids = _name_cues(parts)
    if labels:
        parts = name_again(parts, _names_of(segments), profile)
    cues = (_make_cue(id_, part, profile) for id_, part in zip(ids, parts, strict=True))
    return fit_times(cues, profile)


def _names_of(segments: Iterable[Segment]) -> dict[str, str]:
    return {
        segment.speaker: " ".join(phrase.text for phrase in label_phrases(segment))
        for segment in segments
        if segment.speaker
    }


def _name_cues(parts: Sequence[Sequence[Group]]) -> list[str]:
    begun = Counter(part[0].segment for part in parts)
    numbers: Counter[str] = Counter()
    ids = []
    for part in parts:
        name = part[0].segment
        numbers[name] += 1
        ids.append(name if begun[name] == 1 else name_cue(name, numbers[name]))
    return ids


def _make_cue(id_: str, groups: Sequence[Group], profile: Profile) -> Cue:
    turns = [list(turn) for _, turn in groupby(groups, key=lambda group: group.turn)]
    return Cue(
        id=id_,
        start=groups[0].start,
        end=max(group.end for group in groups),
        turns=tuple(
            Turn(
                turn[0].speaker,
                break_lines(turn, profile)
                if len(turns) == 1
                else (DASH + " ".join(group.text for group in turn),),
            )
            for turn in turns
        ),
    )
