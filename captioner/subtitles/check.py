"""What in a file of subtitles does not keep to a profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from captioner.errors import InvalidRequest
from captioner.subtitles.breaking.phrases import is_french
from captioner.subtitles.characters import count_characters, measure
from captioner.subtitles.cues import Cue
from captioner.subtitles.document import Document
from captioner.subtitles.formats.parsing import find_label
from captioner.subtitles.formats.timestamps import to_milliseconds
from captioner.subtitles.parted import find_parted
from captioner.subtitles.profiles import Profile
from captioner.subtitles.typography import typeset
from captioner.transcript import SAMPLE_RATE

_ROUNDING = 2  # ms: files round both ends of a cue to one, and some to 10


class Rule(StrEnum):
    """What a profile asks for."""

    LINES = "lines"
    COLUMNS = "columns"
    SHORTEST = "shortest"
    LONGEST = "longest"
    READING_SPEED = "reading-speed"
    GAP = "gap"
    OVERLAP = "overlap"
    BREAK = "break"
    TYPOGRAPHY = "typography"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as the profile asks."""

    rule: Rule
    cue: str
    """Its id; empty when it is about the whole file."""
    start: int
    """Of the cue, in samples."""
    measured: float | str
    limit: float | str
    unit: str = ""
    """Of both, where they are numbers."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a file."""

    cues: int
    readable: int
    """How many cues stay as long as it takes to read them."""
    violations: tuple[Violation, ...]

    def counts(self) -> Counter[Rule]:
        """How often each rule is broken."""
        return Counter(violation.rule for violation in self.violations)


Measured = Iterator[tuple[Rule, float | str, float | str, str]]


def check(
    document: Document, profile: Profile, *, notice: bool = True, ignored: Iterable[Rule] = ()
) -> Report:
    """Compare the cues of a file with a profile.

    Without ``notice``, which is for formats that have no place for one, the file need not tell
    that a machine made it.

    Raises:
        InvalidRequest: the format has no cues.
    """
    if document.segments and not document.cues:
        raise InvalidRequest("found no cues: convert it to vtt, srt or ttml first")
    found = [*_about_file(document)] if notice else []
    for cue, parts in document.by_cue():
        for look in _LOOKS:
            for rule, measured, limit, unit in look(cue, profile, parts[0].language):
                found.append(Violation(rule, cue.id, cue.start, measured, limit, unit))
    found += _breaks(document, profile)
    found += _between_cues(document, profile)
    left_out = set(ignored)
    kept = [violation for violation in found if violation.rule not in left_out]
    kept.sort(key=lambda violation: violation.start)
    return Report(
        cues=len(document.cues),
        readable=sum(_is_readable(cue, profile) for cue in document.cues),
        violations=tuple(kept),
    )


def _about_file(document: Document) -> Iterator[Violation]:
    if document.provenance is None:
        yield Violation(Rule.NOTICE, "", 0, "none", "a note that a machine made the file")


def _lines(cue: Cue, profile: Profile, _: str) -> Measured:
    if len(cue.lines) > profile.lines:
        yield Rule.LINES, len(cue.lines), profile.lines, "lines"
    for line in cue.lines:
        width = measure(line)
        if width > profile.columns and " " in line:  # no layout can break a word
            yield Rule.COLUMNS, width, profile.columns, "characters"


def _durations(cue: Cue, profile: Profile, _: str) -> Measured:
    milliseconds = _milliseconds(cue)
    if milliseconds + _ROUNDING < profile.shortest * 1000:
        yield Rule.SHORTEST, milliseconds / 1000, profile.shortest, "s"
    if milliseconds - _ROUNDING > profile.longest * 1000:
        yield Rule.LONGEST, milliseconds / 1000, profile.longest, "s"
    if not _is_readable(cue, profile):
        least = profile.least_time(count_characters(cue.lines))
        yield Rule.READING_SPEED, milliseconds / 1000, round(least, 3), "s"


def _is_readable(cue: Cue, profile: Profile) -> bool:
    least = profile.least_time(count_characters(cue.lines))
    return _milliseconds(cue) + _ROUNDING >= least * 1000


def _milliseconds(cue: Cue) -> int:
    return to_milliseconds(cue.end) - to_milliseconds(cue.start)


def _typography(cue: Cue, _: Profile, language: str) -> Measured:
    for line in cue.lines:
        proper = typeset(line)
        if is_french(language) and proper != line:
            yield Rule.TYPOGRAPHY, line, proper, ""


_LOOKS: tuple[Callable[[Cue, Profile, str], Measured], ...] = (
    _lines,
    _durations,
    _typography,
)


def _breaks(document: Document, profile: Profile) -> Iterator[Violation]:
    if profile.roll_up:
        return  # lines are full when they are full
    for place in find_parted(document, profile):
        words = f"{place.before} / {place.after}"
        yield Violation(
            Rule.BREAK, place.cue.id, place.cue.start, words, "words that belong together"
        )


def _between_cues(document: Document, profile: Profile) -> Iterator[Violation]:
    """Speakers may overlap, but nobody overlaps themselves."""
    last: dict[str, Cue] = {}
    label = ""
    for cue, segments in document.by_cue():
        speakers = []
        for segment in segments:
            label = find_label(segment.text) or label
            speakers.append(segment.speaker or label)
        for speaker in dict.fromkeys(speakers):
            before = last.get(speaker)
            if before is not None:
                yield from _between(before, cue, profile)
            if before is None or cue.end > before.end:
                last[speaker] = cue


def _between(before: Cue, cue: Cue, profile: Profile) -> Iterator[Violation]:
    gap = to_milliseconds(cue.start) - to_milliseconds(before.end)
    if gap < 0:
        yield Violation(Rule.OVERLAP, cue.id, cue.start, -gap / 1000, 0.0, "s")
    elif gap + _ROUNDING < profile.gap * 1000:
        yield Violation(Rule.GAP, cue.id, cue.start, gap / 1000, profile.gap, "s")


def seconds_of(violation: Violation) -> float:
    """When its cue appears."""
    return violation.start / SAMPLE_RATE
