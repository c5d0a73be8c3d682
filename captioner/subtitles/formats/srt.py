"""SubRip: cues by number, no metadata, no markup that every player would know.

The format has neither comments nor escapes. What produced the file is told by its neighbours in
other formats. What players take for markup, of HTML or of SubStation Alpha, which most of them
convert the file to, is replaced by look-alikes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import repeat

from captioner.subtitles.characters import printable
from captioner.subtitles.cues import Cue, Provenance, Segment, Turn
from captioner.subtitles.document import Document
from captioner.subtitles.formats.parsing import document_of, gather_turns, malformed, split_lines
from captioner.subtitles.formats.timestamps import format_time, parse_times
from captioner.subtitles.layout import lay_out
from captioner.subtitles.profiles import WEB, Profile

_LOOK_ALIKES = str.maketrans("<>{}\\", "‹›❴❵⧵")

# What writers of SubRip put around text: HTML of old, positions of SubStation Alpha.
_MARKUP = re.compile(r"</?(?:[bius]|font|span|ruby|rt)(?: [^<>]*)?>|\{\\[^{}\n]*\}", re.IGNORECASE)
_LIKE_TIMES = re.compile(r"\s*\d+:")
_EXPECTED_TIMES = "times such as 00:00:01,000 --> 00:00:02,000"


def render(
    segments: Iterable[Segment],
    provenance: Provenance | None,  # noqa: ARG001 - the format has no place for it
    *,
    profile: Profile = WEB,
) -> str:
    """A whole file; the name of the speaker stands at the beginning of each turn."""
    cues = lay_out(segments, profile, labels=True)
    return "\n".join(_block(number, cue) for number, cue in enumerate(cues, start=1))


def _block(number: int, cue: Cue) -> str:
    times = " --> ".join(format_time(time, decimal=",") for time in (cue.start, cue.end))
    lines = (printable(line).translate(_LOOK_ALIKES) for line in cue.lines)
    return "\n".join((str(number), times, *lines)) + "\n"


def parse(text: str, *, language: str) -> Document:
    """Read a file, whoever wrote it; markup is dropped, numbers are not needed.

    Raises:
        InvalidRequest: a cue has no times, or wrong ones.
    """
    lines = split_lines(text)
    timed = [
        (number, times)
        for number, line in enumerate(lines)
        if (times := _times_at(number, line)) is not None
    ]
    begins = [_beginning(lines, number) for number, _ in timed]
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if first < (begins[0] if begins else len(lines)):
        raise malformed(first + 1, lines[first], f"a number, or {_EXPECTED_TIMES}")
    ends = [*begins[1:], len(lines)][: len(timed)]
    cues = [
        Cue("", *times, _parse_turns(lines[number + 1 : end]))
        for (number, times), end in zip(timed, ends, strict=True)
    ]
    return document_of(cues, None, languages=repeat(language))


def _times_at(number: int, line: str) -> tuple[int, int] | None:
    if "-->" not in line or not _LIKE_TIMES.match(line):
        return None
    times = parse_times(line)
    if times is None:
        raise malformed(number + 1, line, _EXPECTED_TIMES)
    if times[1] < times[0]:
        raise malformed(number + 1, line, "an end that is not before the start")
    return times


def _beginning(lines: Sequence[str], at: int) -> int:
    """Where the cue whose times stand at a line begins: at its number, where it has one."""
    before = at - 1
    while before > 0 and not lines[before].strip():
        before -= 1
    if before < 0 or not lines[before].strip().isdecimal():
        return at
    alone = before == 0 or not lines[before - 1].strip()
    return before if alone or before == at - 1 else at


def _parse_turns(lines: Sequence[str]) -> tuple[Turn, ...]:
    return gather_turns([("", _MARKUP.sub("", "\n".join(lines)))])
