"""Words that belong together and are parted by the ends of lines and cues that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from captioner.subtitles.breaking.phrases import (
    Phrase,
    break_costs,
    find_label,
    label_costs,
    split_words,
)
from captioner.subtitles.breaking.stops import HELD
from captioner.subtitles.characters import count_characters, measure
from captioner.subtitles.cues import Cue, Segment, Turn, split_name
from captioner.subtitles.document import Document
from captioner.subtitles.layout.script import FAR
from captioner.subtitles.profiles import Profile
from captioner.transcript import SAMPLE_RATE

_FASTEST = 25  # characters a second; hardly anybody speaks faster


@dataclass(frozen=True, slots=True)
class Parted:
    """Two words between which a line ends, and should not."""

    cue: Cue
    """Where the line ends."""
    before: str
    after: str


def find_parted(document: Document, profile: Profile) -> Iterator[Parted]:
    """The ends of lines that the layout would not have made.

    What one speaker says is read as a whole, as the layout does: ``ne`` may be in the cue before
    its ``pas``. What does not fit on a line of the profile has to be broken somewhere, and where
    a silence may lie between two cues anything may end.
    """
    for run in _runs(document):
        yield from _parted_in(run, profile)


@dataclass(slots=True)
class _Run:
    """What one speaker says in one language, as far as grammar goes."""

    language: str
    label: int
    """How many of the words, from the first on, are the name of the speaker."""
    words: list[Phrase] = field(default_factory=list)
    ends: list[tuple[int, Cue]] = field(default_factory=list)
    """After how many words a line ends, in which cue; not those where anything may end."""
    cue: Cue | None = None
    """The last one."""
    over: bool = False
    """Whether somebody else began to speak: only the same segment goes on."""


def _runs(document: Document) -> Iterator[_Run]:
    runs: dict[str, _Run] = {}  # by speaker
    for cue, segments in document.by_cue():
        for number, (turn, segment) in enumerate(zip(cue.turns, segments, strict=True)):
            label = 0 if turn.speaker else len(find_label(segment.text).split(" ")) - 1
            run = runs.get(turn.speaker)
            if run is None or label or not _goes_on(run, cue, segment):
                if run is not None:
                    yield run
                run = runs[turn.speaker] = _Run(segment.language, label)
            _take(run, cue, turn, segment)
            begins = number > 0 or split_name(cue.id)[1] < 2  # noqa: PLR2004 - its second cue
            for speaker, other in runs.items():
                unnamed = not speaker and len(cue.turns) > 1
                other.over |= unnamed or (begins and other is not run)
    yield from runs.values()


def _goes_on(run: _Run, cue: Cue, segment: Segment) -> bool:
    assert run.cue is not None
    if run.language != segment.language:
        return False
    if _is_of_same_segment(run.cue, cue):
        return True
    return not run.over and cue.start - run.cue.end <= FAR


def _take(run: _Run, cue: Cue, turn: Turn, segment: Segment) -> None:
    if run.cue is not None and _may_end(run.cue, cue):
        run.ends.pop()
    run.cue = cue
    words = split_words(segment)
    # A dash of its own is a word of the first line, and none of what is said.
    missing = len(words) - sum(len(line.split(" ")) for line in turn.lines)
    end = len(run.words) + missing
    for line in turn.lines:
        end += len(line.split(" "))
        run.ends.append((end, cue))
    run.words += words


def _may_end(before: Cue, after: Cue) -> bool:
    """Whether a cue may end with any word: there may be a silence that it stays over."""
    if _is_of_same_segment(before, after):
        return False
    spoken = count_characters(before.lines) * SAMPLE_RATE // _FASTEST
    silence = after.start - (before.start + spoken)
    return silence > FAR or after.start < before.end


def _is_of_same_segment(before: Cue, after: Cue) -> bool:
    name, number = split_name(before.id)
    return number > 0 and split_name(after.id) == (name, number + 1)


def _parted_in(run: _Run, profile: Profile) -> Iterator[Parted]:
    words = run.words
    costs = [*label_costs(run.label), *break_costs(words[run.label :], run.language)]
    for end, cue in run.ends:
        inside = run.label < end < len(words)
        if inside and costs[end - 1] >= HELD and _fits(words, costs, end, profile):
            yield Parted(cue, words[end - 1].text, words[end].text)


def _fits(words: Sequence[Phrase], costs: Sequence[float], end: int, profile: Profile) -> bool:
    """Whether all that belongs together around the end of a line could be on one."""
    begin = end - 1
    while begin > 0 and costs[begin - 1] >= HELD:
        begin -= 1
    until = end
    while until < len(costs) and costs[until] >= HELD:
        until += 1
    together = words[begin : until + 1]
    seconds = (together[-1].end - together[0].start) / SAMPLE_RATE
    width = measure(" ".join(word.text for word in together))
    return width <= profile.columns and seconds <= profile.longest
