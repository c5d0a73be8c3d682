"""Texts that ``captioner evaluate`` can read: subtitles, plain text, recognisers' JSON, and truth.

A ``truth.json`` has the words that were really spoken: of one track (an object with ``words`` or
``utterances``, or the list of words itself), or of several (a list of tracks with their ``file``,
or an object of tracks by speaker).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from captioner.errors import InvalidRequest
from captioner.evaluation.truth import TimedWord
from captioner.evaluation.utterances import Utterance, read_truth_utterances
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Segment
from captioner.subtitles.reading import MAX_BYTES, decode, parse_bytes
from captioner.subtitles.typography import untypeset
from captioner.transcript import SAMPLE_RATE

_CONTENT = ("utterances", "words", "text")  # a track has one of these


@dataclass(frozen=True, slots=True)
class Track:
    """One track of a ``truth.json``."""

    path: Path
    name: str
    """Of its recording, without folder and suffix; else that of its speaker."""
    speaker: str
    """Empty where the file does not name one."""
    content: Mapping[str, Any]

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.path} ({self.name})"

    def read(self) -> list[Utterance]:
        """What was said.

        Raises:
            InvalidRequest: a word lacks a part, or has a time that is none.
        """
        return _read_track(self.content, speaker=self.speaker, label=self.label)


def read_utterances(path: Path) -> list[Utterance]:
    """The text of a file, in the order of time where that is known.

    A file without any text is read as such. Of a ``truth.json`` of several tracks: all of them.

    Raises:
        InvalidRequest: the file is not what its suffix says, or this is none that can be read.
        OSError: it cannot be read.
    """
    content = _read(path)
    kind = path.suffix.removeprefix(".").lower()
    if not content.strip():
        return []
    if kind == "json" and not _is_document(value := _load(content, path)):
        return _read_truth(path, value)
    document = parse_bytes(content, kind, source=str(path))
    return [_utterance(segment, timed=document.timed) for segment in document.segments]


def read_tracks(path: Path) -> list[Track]:
    """The tracks of a ``truth.json``; none when the file is something else.

    Raises:
        InvalidRequest: it is no JSON, although its suffix says so.
        OSError: it cannot be read.
    """
    if path.suffix.lower() != ".json":
        return []
    return _tracks_of(path, _load(_read(path), path))


def name_speakers(utterances: Iterable[Utterance], names: Iterable[str]) -> list[Utterance]:
    """Take names that stand in the text, as in SubRip (``Claire : bonjour``), for speakers.

    Only known names count, and only where the file names nobody otherwise. Whoever was named last
    goes on until the next name.
    """
    found = list(utterances)
    known = {untypeset(name).casefold(): name for name in names if name}
    if any(utterance.speaker for utterance in found):
        return found
    speaker = ""
    for index, utterance in enumerate(found):
        label, colon, rest = utterance.text.partition(":")
        if colon and (name := known.get(untypeset(label).strip().casefold())):
            # The words of such formats are never timed, so they need no change.
            speaker, utterance = name, replace(utterance, text=rest)  # noqa: PLW2901
        found[index] = replace(utterance, speaker=speaker)
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InvalidRequest(f"{path}: more than {MAX_BYTES} bytes, the largest that is read")
    return content


def _load(content: bytes, path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return json.loads(decode(content))
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path}: expected JSON, but {error}") from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from None


def _is_document(value: object) -> bool:
    return isinstance(value, dict) and "segments" in value


def _read_truth(path: Path, value: object) -> list[Utterance]:
    if tracks := _tracks_of(path, value):
        utterances = [utterance for track in tracks for utterance in track.read()]
        return sorted(utterances, key=lambda utterance: utterance.start or 0.0)
    if isinstance(value, dict) and any(key in value for key in _CONTENT):
        return _read_track(value, label=str(path))
    if isinstance(value, list) and all(isinstance(word, dict) and "word" in word for word in value):
        return _read_track({"words": value}, label=str(path))
    raise InvalidRequest(
        f"{path}: found JSON that is neither a transcript (segments) nor true words "
        "(words, utterances)"
    )


def _read_track(
    content: Mapping[str, Any], *, speaker: str = "", label: str = ""
) -> list[Utterance]:
    try:
        utterances = read_truth_utterances(content, speaker=speaker)
    except InvalidRequest as error:
        raise InvalidRequest(f"{label}: {error}") from None
    words = (word for utterance in utterances for word in utterance.words)
    times = (time for word in words for time in (word.start, word.end))
    begins = (utterance.start or 0.0 for utterance in utterances)
    if not all(map(math.isfinite, (*times, *begins))):
        raise InvalidRequest(f"{label}: found a time that is not a number of seconds")
    return utterances


def _tracks_of(path: Path, value: object) -> list[Track]:
    if isinstance(value, list):
        pairs = [("", track) for track in value]
    elif isinstance(value, dict) and not _is_document(value):
        pairs = list(value.items())
    else:
        return []
    if not all(isinstance(track, dict) and _is_track(name, track) for name, track in pairs):
        return []
    return [
        Track(path, Path(str(track.get("file", name))).stem, flatten(name), track)
        for name, track in pairs
    ]


def _is_track(name: str, track: Mapping[str, Any]) -> bool:
    return bool(name or "file" in track) and any(key in track for key in _CONTENT)


def _utterance(segment: Segment, *, timed: bool) -> Utterance:
    words = (
        TimedWord(word.text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE)
        for word in segment.words
    )
    start = segment.start / SAMPLE_RATE if timed else None
    return Utterance(segment.text, segment.speaker, start, tuple(words))
