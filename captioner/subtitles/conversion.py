"""A file that was read, written in another format and laid out anew."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from captioner.errors import InvalidRequest
from captioner.subtitles.cues import Segment
from captioner.subtitles.document import Document
from captioner.subtitles.formats import Format
from captioner.subtitles.phrases import split_phrases
from captioner.subtitles.profiles import WEB, Profile
from captioner.subtitles.typography import NARROW, WIDE
from captioner.transcript import SAMPLE_RATE, Word

MAX_PAUSE = SAMPLE_RATE  # between cues that may be parts of one sentence
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]\s]*$")
_SET_SPACE = re.compile(f"{NARROW}(?=[;!?»])|(?<=«){NARROW}|{WIDE}(?=:)")


def convert(document: Document, format_: Format, *, profile: Profile = WEB) -> str:
    """The content of a file in another format, with the provenance that it tells, if any.

    Formats with cues are laid out anew: from the words of segments that have them, else from the
    words of each cue, which share its time. Cues that split a sentence are joined for that.

    Raises:
        InvalidRequest: the format wants times and the file has none.
    """
    if not document.timed and format_.name != "txt":
        raise InvalidRequest(f"text without times cannot become {format_.name}, only txt")
    if not document.cues:
        segments: Iterable[Segment] = document.segments
    elif format_.name == "json":
        segments = (_recognised(segment) for segment in document.segments)
    else:
        segments = join_sentences(document)
    return format_.render(segments, document.provenance, profile=profile)


def join_sentences(document: Document) -> list[Segment]:
    """The segments of cues, those of one sentence joined.

    Cues are joined where one speaker goes on within ``MAX_PAUSE`` and the first of them does not
    end a sentence; words have the times of their own cue, and no probability.
    """
    groups: list[list[Segment]] = []
    open_ = False  # whether what follows may go on with the last group
    for _, parts in document.by_cue():
        alone = len(parts) == 1
        if open_ and alone and _goes_on(groups[-1][-1], parts[0]):
            groups[-1].append(parts[0])
        else:
            groups += [[part] for part in parts]
        open_ = alone
    return [_join(group) for group in groups]


def _goes_on(before: Segment, after: Segment) -> bool:
    return (
        (before.speaker, before.language) == (after.speaker, after.language)
        and 0 <= after.start - before.end <= MAX_PAUSE
        and not _SENTENCE_END.search(before.text)
    )


def _join(group: Sequence[Segment]) -> Segment:
    first, last = group[0], group[-1]
    return Segment(
        id=first.id,
        start=first.start,
        end=last.end,
        words=tuple(word for segment in group for word in _words(segment)),
        speaker=first.speaker,
        text=" ".join(segment.text for segment in group),
        language=first.language,
    )


def _words(segment: Segment) -> Iterator[Word]:
    for phrase in split_phrases(segment):
        yield Word(phrase.text, phrase.start, phrase.end, math.nan)


def _recognised(segment: Segment) -> Segment:
    """The segment with the plain spaces that speech is recognised with."""
    text = _SET_SPACE.sub(" ", segment.text)
    return Segment(
        segment.id, segment.start, segment.end, (), segment.speaker, text, segment.language
    )
