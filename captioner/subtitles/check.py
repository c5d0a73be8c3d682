"""What in a file of subtitles does not keep to a profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from captioner.errors import InvalidRequest
from captioner.subtitles.breaking.phrases import find_label, is_french
from captioner.subtitles.characters import count_characters, measure
from captioner.subtitles.cues import Cue
from captioner.subtitles.document import Document
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
    subject: str = ""
    """What was measured, where the rule and the cue do not tell."""


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
            found += look(cue, profile, parts[0].language)
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


def _lines(cue: Cue, profile: Profile, _: str) -> Iterator[Violation]:
    where = (cue.id, cue.start)
    if len(cue.lines) > profile.lines:
        yield Violation(Rule.LINES, *where, len(cue.lines), profile.lines, "lines")
    for line in cue.lines:
        width = measure(line)
        if width > profile.columns and " " in line:  # no layout can break a word
            yield Violation(Rule.COLUMNS, *where, width, profile.columns, "characters", f"“{line}”")


def _durations(cue: Cue, profile: Profile, _: str) -> Iterator[Violation]:
    where = (cue.id, cue.start)
    milliseconds = _milliseconds(cue)
    seconds = milliseconds / 1000
    if milliseconds + _ROUNDING < profile.shortest * 1000:
        yield Violation(Rule.SHORTEST, *where, seconds, profile.shortest, "s")
    if milliseconds - _ROUNDING > profile.longest * 1000:
        yield Violation(Rule.LONGEST, *where, seconds, profile.longest, "s")
    if not _is_readable(cue, profile):
        count = count_characters(cue.lines)
        least = round(profile.least_time(count), 3)
        yield Violation(Rule.READING_SPEED, *where, seconds, least, "s", f"{count} characters")


def _is_readable(cue: Cue, profile: Profile) -> bool:
    least = profile.least_time(count_characters(cue.lines))
    return _milliseconds(cue) + _ROUNDING >= least * 1000


def _milliseconds(cue: Cue) -> int:
    return to_milliseconds(cue.end) - to_milliseconds(cue.start)


def _typography(cue: Cue, _: Profile, language: str) -> Iterator[Violation]:
    for line in cue.lines:
        proper = typeset(line)
        if is_french(language) and proper != line:
            yield Violation(Rule.TYPOGRAPHY, cue.id, cue.start, line, proper)


_LOOKS = (_lines, _durations, _typography)  # at each cue by itself, with its language


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
