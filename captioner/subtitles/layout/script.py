"""Everything that was said as one row of groups of words that stay together on a line."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from captioner.subtitles.breaking.phrases import (
    Phrase,
    break_costs,
    find_label,
    label_costs,
    label_phrases,
    set_words,
    split_words,
)
from captioner.subtitles.breaking.stops import HELD, Stop
from captioner.subtitles.characters import measure
from captioner.subtitles.cues import Segment
from captioner.subtitles.profiles import Profile
from captioner.transcript import SAMPLE_RATE

FAR = round(1.5 * SAMPLE_RATE)  # a silence that no cue stays over for what another segment says
_STUB = 0.6  # of a line that ends or begins with next to nothing of a clause
_STUB_WIDTH = 16  # columns
_ABREAST = round(0.5 * SAMPLE_RATE)  # segments that overlap for longer are said at once


@dataclass(frozen=True, slots=True)
class Group:
    """Words that stay on one line, as they are shown, with their times in samples."""

    text: str
    width: int
    """In columns."""
    start: int
    end: int
    cost: float
    """Of a line that ends with the group; 0 at the end of a sentence or turn."""
    turn: int
    """Counts up with each change of speaker."""
    speaker: str
    segment: str
    """The id of the segment that its first word is from."""
    apart: bool
    """Whether a cue ends with the group in any case."""


@dataclass(slots=True)
class _Said:
    """The words of one segment, and what is known of its neighbours in the row."""

    segment: Segment
    words: list[Phrase]
    turn: int = 0
    label: list[Phrase] = field(default_factory=list)
    """The name of the speaker, where it is shown."""
    apart: bool = True
    """Whether what follows is in another cue in any case."""


def write_script(segments: Iterable[Segment], profile: Profile, *, labels: bool) -> list[Group]:
    """The groups of all segments, in the order of their start.

    A group is wider than a line, or longer than a cue may last, only where a single word is.
    """
    row = _take_turns(segments, labels=labels)
    return [group for run in _runs(row) for group in _group(run, profile)]


def next_starts(groups: Sequence[Group]) -> list[int | None]:
    """For each group, when something else is said after it: a cue is not prolonged beyond."""
    starts = sorted({group.start for group in groups})
    found: list[int | None] = []
    for group in groups:
        later = bisect_right(starts, group.start)
        found.append(starts[later] if later < len(starts) else None)
    return found


def _take_turns(segments: Iterable[Segment], *, labels: bool) -> list[_Said]:
    row: list[_Said] = []
    for segment in sorted(segments, key=lambda segment: (segment.start, segment.end)):
        words = list(_in_order(split_words(segment)))
        if not words:
            continue
        said = _label_said(segment, words)
        if row:
            before = row[-1]
            same = before.segment.speaker == segment.speaker and not said.label
            said.turn = before.turn if same else before.turn + 1
            before.apart = _is_apart(before.words, words)
        if labels and segment.speaker and (not row or said.turn != row[-1].turn):
            start = words[0].start
            said.label = [replace(p, start=start, end=start) for p in label_phrases(segment)]
        row.append(said)
    return row


def _label_said(segment: Segment, words: list[Phrase]) -> _Said:
    """The words with the name that they begin with, where files have it in the text alone."""
    text = "" if segment.speaker else " ".join(word.text for word in words)
    count = len(find_label(text).split(" ")) - 1
    label = [phrase for _, phrase in set_words(words[:count], segment.language)]
    return _Said(segment, words[count:], label=label)


def _is_apart(before: Sequence[Phrase], after: Sequence[Phrase]) -> bool:
    pause = after[0].start - before[-1].end
    return pause > FAR or pause < -_ABREAST


def _in_order(phrases: Iterable[Phrase]) -> Iterator[Phrase]:
    """Times that do not go backwards, whatever a file said."""
    start = end = 0
    for phrase in phrases:
        start = max(start, phrase.start)
        end = max(start, end, phrase.end)
        yield replace(phrase, start=start, end=end)


def _runs(row: Sequence[_Said]) -> Iterator[list[_Said]]:
    """What one speaker says in one language without a long silence: grammar goes across."""
    run: list[_Said] = []
    for said in row:
        if run and (
            run[-1].apart
            or run[-1].turn != said.turn
            or run[-1].segment.language != said.segment.language
        ):
            yield run
            run = []
        run.append(said)
    if run:
        yield run


def _group(run: Sequence[_Said], profile: Profile) -> Iterator[Group]:
    language, label = run[0].segment.language, run[0].label
    places, spoken = zip(*set_words([w for said in run for w in said.words], language), strict=True)
    phrases = [*label, *spoken]
    costs = [*label_costs(len(label)), *break_costs(spoken, language), 0.0]
    costs = [cost + extra for cost, extra in zip(costs, _stub_costs(phrases, costs), strict=True)]
    ids = [said.segment.id for said in run for _ in said.words]
    owners = [ids[0] for _ in label] + [ids[place] for place in places]
    begin = 0
    for end in _ends(phrases, costs, profile):
        part = phrases[begin:end]
        text = " ".join(phrase.text for phrase in part)
        yield Group(
            text=text,
            width=measure(text),
            start=part[0].start,
            end=part[-1].end,
            cost=costs[end - 1],
            turn=run[0].turn,
            speaker=run[0].segment.speaker,
            segment=owners[begin],
            apart=end == len(phrases) and run[-1].apart,
        )
        begin = end


def _stub_costs(phrases: Sequence[Phrase], costs: Sequence[float]) -> list[float]:
    """What breaks cost more where they leave no more than a word or two of a clause on a line."""
    widths = [measure(phrase.text) + 1 for phrase in phrases]
    since = _widths_of_clauses(widths, [Stop.COMMA.cost, *costs])
    until = _widths_of_clauses(widths[::-1], costs[::-1])[::-1]
    return [
        _STUB * max(0.0, 1 - min(before, after) / _STUB_WIDTH)
        if Stop.COMMA.cost < cost < HELD
        else 0.0
        for cost, before, after in zip(costs, since, [*until[1:], 0], strict=True)
    ]


def _widths_of_clauses(widths: Sequence[int], costs: Sequence[float]) -> list[int]:
    """For each phrase, the width from the last break at punctuation up to its end."""
    found, width = [], 0
    for own, cost in zip(widths, costs, strict=False):
        width = own if cost <= Stop.COMMA.cost else width + own
        found.append(width)
    return found


def _ends(phrases: Sequence[Phrase], costs: Sequence[float], profile: Profile) -> Iterator[int]:
    """Where groups end: where a break is allowed, or does the least harm where it must be."""
    begin, width = 0, -1
    for at, phrase in enumerate(phrases):
        width += 1 + measure(phrase.text)
        while begin < at and not _fits(phrases, begin, at, width, profile):
            end = min(range(begin + 1, at + 1), key=lambda end: (costs[end - 1], -end))
            yield end
            begin, width = end, sum(1 + measure(part.text) for part in phrases[end : at + 1]) - 1
        if costs[at] < HELD or at == len(phrases) - 1:
            yield at + 1
            begin, width = at + 1, -1


def _fits(phrases: Sequence[Phrase], begin: int, at: int, width: int, profile: Profile) -> bool:
    seconds = (phrases[at].end - phrases[begin].start) / SAMPLE_RATE
    return width <= profile.columns and seconds <= profile.longest
