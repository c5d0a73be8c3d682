"""The formats by name, for the command line and HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.document import Document
from captioner.subtitles.formats import (
    json_reading,
    json_writing,
    srt,
    ttml_reading,
    ttml_writing,
    txt,
    webvtt,
)
from captioner.subtitles.profiles import WEB, Profile


class Renderer(Protocol):
    """Writes a whole file as one string, to be encoded in UTF-8."""

    def __call__(
        self, segments: Iterable[Segment], provenance: Provenance | None, *, profile: Profile = WEB
    ) -> str:
        """Render the segments, which may come in any order.

        Without provenance, which is for files that others made, the file tells of none. The
        profile is for the formats with cues.
        """
        ...


class Parser(Protocol):
    """Reads the text of a whole file."""

    def __call__(self, text: str, *, language: str) -> Document:
        """Read it; ``language`` is that of a file that does not tell."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write segments; its name is the suffix of its files."""

    name: str
    media_type: str
    render: Renderer
    parse: Parser


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        format_.name: format_
        for format_ in (
            Format("vtt", "text/vtt", webvtt.render, webvtt.parse),
            Format("srt", "application/x-subrip", srt.render, srt.parse),
            Format("ttml", "application/ttml+xml", ttml_writing.render, ttml_reading.parse),
            Format("txt", "text/plain", txt.render, txt.parse),
            Format("json", "application/json", json_writing.render, json_reading.parse),
        )
    }
)
