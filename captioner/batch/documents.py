"""Recordings to documents: who speaks on which track, and which files each document becomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from captioner.audio.media import MediaInfo
from captioner.batch.job import Document, Track
from captioner.batch.sources import Found
from captioner.batch.speakers import speaker_name
from captioner.errors import CaptionerError, InvalidRequest
from captioner.transcript import SAMPLE_RATE

MAX_OFFSET: Final = 604_800.0  # seconds: a week; more is a mistake
_MAX_TOLD = 5  # conflicts that one message lists

Probe = Callable[[Path], MediaInfo]
"""What a file says of itself; raises what opening it does."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to become of the recordings."""

    folder: Path
    """Where outputs go."""
    kinds: tuple[str, ...]
    """The suffixes of the outputs of each document."""
    meeting: str = ""
    """All recordings are tracks of one document of that name; empty: each is its own."""
    stream: int | None = 0
    """Which audio track of each file; None: all, each a speaker."""
    split_channels: bool = False
    """Each channel is a speaker."""
    speakers: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    """Names for the tracks of a file, in order."""
    offsets: Mapping[Path, int] = field(default_factory=dict)
    """Samples after the start of the document at which a file begins."""


def documents_of(found: Sequence[Found], wishes: Wishes, *, probe: Probe) -> list[Document]:
    """The documents that recordings become, in order.

    Raises:
        InvalidRequest: a file has fewer tracks than names.
    """
    if wishes.meeting:
        tracks = [track for each in found for track in _tracks(each, wishes, probe)]
        return [_document(PurePath(wishes.meeting), tracks, wishes)]
    return [_document(each.name, list(_tracks(each, wishes, probe)), wishes) for each in found]


def check_outputs(documents: Iterable[Document], *, others: Iterable[Path] = ()) -> None:
    """Refuse documents that would replace one another, a recording, or another file of the job.

    Raises:
        InvalidRequest: naming both, for the first few.
    """
    owners: dict[str, str] = dict.fromkeys(map(_absolute, others), "the report")
    documents = list(documents)
    recordings = {_absolute(track.path) for document in documents for track in document.tracks}
    conflicts: list[str] = []
    for document in documents:
        source = _sources(document)
        for output in document.outputs:
            if _absolute(output) in recordings:
                conflicts.append(f"the transcript of {source} would replace {output}")
            other = owners.setdefault(_absolute(output), source)
            if other is not source:
                conflicts.append(f"{other} and {source} would both be written to {output}")
    if conflicts:
        more = len(conflicts) - _MAX_TOLD
        lines = [*conflicts[:_MAX_TOLD], *([f"and {more} more"] if more > 0 else [])]
        raise InvalidRequest("; ".join(lines))


def match_files(
    given: Iterable[str], found: Sequence[Found], *, option: str
) -> Iterator[tuple[Path, str]]:
    """Divide ``FILE=VALUE`` where FILE is one of the recordings: its path, or its name.

    Raises:
        InvalidRequest: there is no ``=``, no such recording, or several of that name.
    """
    paths = {str(each.path): each.path for each in found}
    names: dict[str, list[Path]] = {}
    for each in found:
        names.setdefault(each.path.name, []).append(each.path)
    for text in given:
        yield _match(text, paths, names, option)


def offset_of(text: str, *, option: str) -> int:
    """Seconds as samples.

    Raises:
        InvalidRequest: no number, or out of range.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_OFFSET:
        raise InvalidRequest(
            f"{option}: {text!r} is not a number of seconds from 0 to {MAX_OFFSET:.0f}"
        )
    return round(seconds * SAMPLE_RATE)


def _match(
    text: str, paths: Mapping[str, Path], names: Mapping[str, list[Path]], option: str
) -> tuple[Path, str]:
    places = [place for place, letter in enumerate(text) if letter == "="]
    if not places:
        example = "".join(f", such as {file}={text}" for file in list(names)[:1])
        raise InvalidRequest(f"{option} {text}: expected FILE=VALUE{example}")
    for place in places:  # either side may hold a = of its own
        file, value = text[:place], text[place + 1 :].strip()
        if str(PurePath(file)) in paths:
            return paths[str(PurePath(file))], value
        if len(same := names.get(file, [])) > 1:
            raise InvalidRequest(f"{option} {text}: there are {len(same)} files of that name")
        if same:
            return same[0], value
    raise InvalidRequest(f"{option} {text}: {text[: places[0]]} is not one of the recordings")


def _document(name: PurePath, tracks: Sequence[Track], wishes: Wishes) -> Document:
    place = wishes.folder / name
    outputs = tuple(place.with_name(f"{place.name}.{kind}") for kind in wishes.kinds)
    return Document(str(name), tuple(tracks), outputs)


def _tracks(found: Found, wishes: Wishes, probe: Probe) -> Iterator[Track]:
    parts = list(_parts(found.path, wishes, probe))
    given = wishes.speakers.get(found.path, ())
    if len(given) > len(parts):
        raise InvalidRequest(
            f"{found.path}: {len(given)} speakers are named for {len(parts)} "
            f"{'track' if len(parts) == 1 else 'tracks'}"
        )
    name = speaker_name(found.path)
    for number, part in enumerate(parts, start=1):
        if len(parts) > 1:
            speaker = part.title or f"{name} {number}"
        else:
            speaker = name if wishes.meeting else ""
        yield Track(
            path=found.path,
            stream=part.stream,
            channel=part.channel,
            speaker=given[number - 1] if number <= len(given) else speaker,
            offset=wishes.offsets.get(found.path, 0),
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """What is a track of its own in a file."""

    stream: int
    channel: int | None = None
    title: str = ""


def _parts(path: Path, wishes: Wishes, probe: Probe) -> Iterator[_Part]:
    if wishes.stream is not None and not wishes.split_channels:
        yield _Part(wishes.stream)
        return
    try:
        tracks = probe(path).tracks
    except CaptionerError:  # told when it is its turn
        tracks = ()
    chosen = [track for track in tracks if wishes.stream in (None, track.index)]
    if not chosen:
        yield _Part(wishes.stream or 0)
    for track in chosen:
        if wishes.split_channels and track.channels > 1:
            yield from (_Part(track.index, channel) for channel in range(track.channels))
        else:
            yield _Part(track.index, title=track.title)


def _sources(document: Document) -> str:
    paths = dict.fromkeys(str(track.path) for track in document.tracks)
    return next(iter(paths)) if len(paths) == 1 else f"the meeting {document.name}"


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links stay
