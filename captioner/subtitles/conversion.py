"""A file that was read, written in another format and laid out anew."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from captioner.errors import InvalidRequest
from captioner.subtitles.breaking.phrases import find_label, split_phrases
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Segment, split_name
from captioner.subtitles.document import Document
from captioner.subtitles.formats import Format
from captioner.subtitles.profiles import WEB, Profile
from captioner.subtitles.typography import NARROW, WIDE, untypeset
from captioner.transcript import SAMPLE_RATE, Word

MAX_PAUSE = SAMPLE_RATE  # between cues that may be parts of one sentence
_COLON = f": {NARROW}{WIDE}"
_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]\s]*$")


def convert(
    document: Document, format_: Format, *, profile: Profile = WEB, names: bool = False
) -> str:
    """The content of a file in another format, with the provenance that it tells, if any.

    Formats with cues are laid out anew: from the words of segments that have them, else from the
    words of each cue, which share its time. Cues that split a sentence are joined for that. With
    ``names``, those that turns begin with, as in ``Claire : bonjour``, become speakers.

    Raises:
        InvalidRequest: the format wants times and the file has none.
    """
    if not document.timed and format_.name != "txt":
        raise InvalidRequest(f"text without times cannot become {format_.name}, only txt")
    if names:
        document = name_speakers(document)
    if not document.cues:
        segments: Iterable[Segment] = document.segments
    elif format_.name == "json":
        segments = (_recognised(segment) for segment in document.segments)
    else:
        segments = join_sentences(document)
    return format_.render(segments, document.provenance, profile=profile)


def name_speakers(document: Document) -> Document:
    """The document with the speakers whom the text alone names; each goes on until the next."""
    segments = []
    speaker = ""
    for segment in document.segments:
        label = "" if segment.speaker else find_label(segment.text)
        speaker = segment.speaker or flatten(label.rstrip(_COLON)) or speaker
        text = segment.text.removeprefix(label)
        segments.append(replace(segment, speaker=speaker, text=text))
    return replace(document, segments=tuple(segments))


def join_sentences(document: Document) -> list[Segment]:
    """The segments of cues, those of one caption or one sentence joined.

    Cues are of one caption when their ids say so, as those of our own files do, and of one sentence
    where one speaker goes on within ``MAX_PAUSE`` and the first of them does not end it. Words have
    the times of their own cue, and no probability.
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
    if (before.speaker, before.language) != (after.speaker, after.language):
        return False
    if after.start < before.end or find_label(after.text):
        return False
    if _are_parts(before, after):
        return True
    return after.start - before.end <= MAX_PAUSE and not _SENTENCE_END.search(before.text)


def _are_parts(before: Segment, after: Segment) -> bool:
    caption, number = split_name(before.id)
    return number > 0 and split_name(after.id) == (caption, number + 1)


def _id_of(group: Sequence[Segment]) -> str:
    """That of the caption, where all are its parts; else that of the first."""
    captions = {split_name(segment.id)[0] for segment in group}
    return captions.pop() if len(group) > 1 and len(captions) == 1 else group[0].id


def _join(group: Sequence[Segment]) -> Segment:
    first, last = group[0], group[-1]
    return Segment(
        id=_id_of(group),
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
    return replace(segment, text=untypeset(segment.text))
