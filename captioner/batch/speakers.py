"""Who says what: the segments of several tracks as one transcript, and names from file names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from captioner.batch.job import Track
from captioner.subtitles.cues import Segment
from captioner.transcription.events import RecordingSegment

_NUMBER_BEFORE = re.compile(r"^\d+[\s._-]+(?=\S)")
_SEPARATORS = re.compile(r"[\s._-]+")
_NO_LABEL = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard on one track."""

    track: Track
    segments: Sequence[RecordingSegment]


def speaker_name(path: PurePath) -> str:
    """The name that a file name stands for: ``01_claire-martin.flac`` is ``Claire Martin``.

    A number in front is dropped, dots, dashes and underscores become spaces, and each word begins
    with a capital; the rest is left as it is. What would leave nothing stays whole.
    """
    plain = _SEPARATORS.sub(" ", _NUMBER_BEFORE.sub("", path.stem)).strip()
    words = [word[0].upper() + word[1:] for word in plain.split(" ") if word]
    return " ".join(words) or path.stem


def one_transcript(tracks: Sequence[Heard]) -> tuple[Segment, ...]:
    """The segments of all tracks in order of start; those that begin together in order of track.

    Overlaps stay. Each segment has an id of its own: its number, after the track's label where
    there are several tracks (``claire-4``).
    """
    labels = _labels([heard.track for heard in tracks])
    placed = [
        (segment.start, number, index, segment)
        for number, (heard, label) in enumerate(zip(tracks, labels, strict=True))
        for index, segment in enumerate(_segments(heard, label))
    ]
    placed.sort(key=lambda each: each[:3])
    return tuple(segment for *_, segment in placed)


def _segments(heard: Heard, label: str) -> Iterable[Segment]:
    offset = heard.track.offset
    for segment in heard.segments:
        words = tuple(
            replace(word, start=word.start + offset, end=word.end + offset)
            for word in segment.words
        )
        yield Segment(
            id=f"{label}-{segment.id}" if label else str(segment.id),
            start=segment.start + offset,
            end=segment.end + offset,
            words=words,
            speaker=heard.track.speaker,
            text=segment.text,
            language=segment.language,
        )


def _labels(tracks: Sequence[Track]) -> list[str]:
    """A label for each track, all different; one track alone needs none."""
    if len(tracks) == 1:
        return [""]
    labels: list[str] = []
    for track in tracks:
        wanted = _NO_LABEL.sub("-", (track.speaker or track.path.stem).lower()).strip("-")
        base = label = wanted or "track"
        count = 1
        while label in labels:
            count += 1
            label = f"{base}-{count}"
        labels.append(label)
    return labels
