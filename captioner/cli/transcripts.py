"""What was said, written in the formats that are asked for by the suffix of a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from captioner.cli.files import write_whole
from captioner.cli.meeting import Spoken
from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.formats import FORMATS, Format
from captioner.subtitles.profiles import WEB, Profile

KINDS = tuple(FORMATS)


def format_of(path: Path) -> Format | None:
    """The format that a file's name asks for."""
    return FORMATS.get(path.suffix.removeprefix(".").lower())


def segments_of(finals: Iterable[Spoken]) -> list[Segment]:
    """Finals as the formats take them; ids tell the speakers' captions apart."""
    return [
        Segment.from_caption(spoken.caption, speaker=spoken.speaker, track=spoken.track)
        for spoken in finals
    ]


def save(
    path: Path,
    segments: Iterable[Segment],
    provenance: Provenance | None,
    *,
    profile: Profile = WEB,
) -> None:
    """Write a file in the format of its name, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    kind = format_of(path)
    assert kind is not None, path
    write_whole(path, kind.render(segments, provenance, profile=profile))
