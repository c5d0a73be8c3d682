"""The formats by name, for the command line and HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from captioner.subtitles import json_, srt, txt, webvtt
from captioner.subtitles.cues import Provenance, Segment


class Renderer(Protocol):
    """Writes a whole file as one string, to be encoded in UTF-8."""

    def __call__(self, segments: Iterable[Segment], provenance: Provenance) -> str:
        """Render the segments, which may come in any order."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One way to write segments; its name is the suffix of its files."""

    name: str
    media_type: str
    render: Renderer


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        format_.name: format_
        for format_ in (
            Format("vtt", "text/vtt", webvtt.render),
            Format("srt", "application/x-subrip", srt.render),
            Format("txt", "text/plain", txt.render),
            Format("json", "application/json", json_.render),
        )
    }
)
