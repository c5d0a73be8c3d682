"""Names of speakers in the text, for formats that have no place of their own for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from captioner.subtitles.breaking.stops import HELD
from captioner.subtitles.characters import measure
from captioner.subtitles.layout.lines import count_lines
from captioner.subtitles.layout.script import Group
from captioner.subtitles.profiles import Profile


def name_again(
    parts: Sequence[Sequence[Group]], names: Mapping[str, str], profile: Profile
) -> list[Sequence[Group]]:
    """The groups of each cue, with the name where another's cue comes before it on the screen.

    Turns begin with names already. But where people talk at once, a cue within a turn may follow
    a cue of somebody else, and would be read as theirs. There is no name where no room is left.

    Args:
        parts: the groups of each cue, turn by turn.
        names: for each speaker what a turn begins with.
        profile: how many lines there are.
    """
    named = list(parts)
    shown = ""
    for at in sorted(range(len(parts)), key=lambda at: parts[at][0].start):
        first, last = parts[at][0], parts[at][-1]
        within = at > 0 and parts[at - 1][-1].turn == first.turn == last.turn
        if within and first.speaker != shown and (name := names.get(first.speaker)):
            label = replace(first, text=name, width=measure(name), end=first.start, cost=HELD)
            longer = [label, *parts[at]]
            if count_lines(longer, profile) <= profile.lines:
                named[at] = longer
        shown = last.speaker
    return named
