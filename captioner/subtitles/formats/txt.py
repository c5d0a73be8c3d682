"""Plain text for readers: one line a segment, one paragraph a turn.

The lines at the top that begin with ``#`` also name the speakers: so a program that reads the file
knows which beginnings of paragraphs are names.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from itertools import pairwise

from captioner.subtitles.breaking.phrases import label_phrases, split_phrases
from captioner.subtitles.characters import flatten, printable
from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.document import Document
from captioner.subtitles.formats.parsing import read_fields, split_lines
from captioner.subtitles.profiles import WEB, Profile

_SPEAKER = "speaker"
_MARK = "#"
_MAX_LABEL = 256  # characters, up to the colon
_NOTICE = "# Transcription produite automatiquement : elle peut contenir des erreurs."


def render(
    segments: Iterable[Segment],
    provenance: Provenance | None,
    *,
    profile: Profile = WEB,  # noqa: ARG001 - nothing is laid out
) -> str:
    """A whole file: provenance in lines that begin with ``#``, then the turns with their names."""
    ordered = [
        (segment, texts)
        for segment in sorted(segments, key=lambda segment: (segment.start, segment.end))
        if (texts := [phrase.text for phrase in split_phrases(segment)])
    ]
    lines = _header([segment for segment, _ in ordered], provenance)
    speaker: str | None = None
    for segment, texts in ordered:
        if segment.speaker != speaker:
            lines.append("")
            if segment.speaker:
                texts[:0] = [phrase.text for phrase in label_phrases(segment)]
        speaker = segment.speaker
        lines.append(printable(" ".join(texts)))
    return "\n".join(lines).lstrip("\n") + "\n"


def _header(segments: Iterable[Segment], provenance: Provenance | None) -> list[str]:
    told = [] if provenance is None else [_NOTICE]
    fields = {} if provenance is None else provenance.fields()
    names = dict.fromkeys(name for segment in segments if (name := printable(segment.speaker)))
    return [
        *told,
        *(f"# {key}: {printable(value)}" for key, value in fields.items()),
        *(f"# {_SPEAKER}: {name}" for name in names),
    ]


def parse(text: str, *, language: str) -> Document:
    """Read a file, whoever wrote it: each line that holds something is a segment, without times.

    Speakers are those that the header names; in a file without header nobody is.
    """
    lines = split_lines(text)
    body = next((at for at, line in enumerate(lines) if not line.startswith(_MARK)), len(lines))
    fields = read_fields(line.removeprefix(_MARK) for line in lines[:body])
    provenance = Provenance.from_fields(dict(fields))
    names = {value for key, value in fields if key == _SPEAKER}
    if not names and provenance is None:
        body = 0  # a heading, or whatever else: no header of ours
    segments: list[Segment] = []
    speaker = ""
    for above, line in pairwise(["", *lines[body:]]):
        said = flatten(line)
        if not said:
            continue
        if not above.strip():
            speaker, said = _split_label(said, names)
        segments.append(Segment(str(len(segments) + 1), 0, 0, (), speaker, said, language))
    return Document(tuple(segments), provenance, timed=False)


def _split_label(line: str, names: Container[str]) -> tuple[str, str]:
    """The name that a line begins with and the rest of it; no name where it begins otherwise."""
    for colon in re.finditer(":", line[:_MAX_LABEL]):
        name, said = line[: colon.start()].rstrip(), line[colon.end() :].strip()
        if name in names and said:
            return name, said
    return "", line
