from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.batch.job import Track
from captioner.batch.speakers import Heard, one_transcript, speaker_name
from captioner.transcript import Word
from captioner.transcription.events import RecordingSegment


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("01_claire-martin.flac", "Claire Martin"),
        ("claire.flac", "Claire"),
        ("Julien DUPONT.wav", "Julien DUPONT"),
        ("3. éloïse.mp3", "Éloïse"),
        ("room 12.wav", "Room 12"),
        ("2024.wav", "2024"),
        ("01_02.wav", "02"),
        ("--.wav", "--"),
        ("12-.wav", "12"),
    ],
)
def test_names_come_from_file_names(file: str, name: str) -> None:
    assert speaker_name(PurePath("folder", file)) == name


def segment(number: int, start: int, end: int) -> RecordingSegment:
    return RecordingSegment(number, start, end, (Word("mot", start, end, 0.5),), "fr")


def heard(name: str, *starts: int, offset: int = 0, speaker: str | None = None) -> Heard:
    segments = [segment(n, start, start + 10) for n, start in enumerate(starts, start=1)]
    track = Track(Path(f"{name}.wav"), speaker=name if speaker is None else speaker, offset=offset)
    return Heard(track, segments)


def shown(tracks: Sequence[Heard]) -> list[tuple[str, int, str]]:
    return [(each.id, each.start, each.speaker) for each in one_transcript(tracks)]


def test_segments_come_in_order_of_start_and_overlaps_stay() -> None:
    tracks = [heard("Claire", 0, 20), heard("Luc", 5, 20)]
    assert shown(tracks) == [
        ("claire-1", 0, "Claire"),
        ("luc-1", 5, "Luc"),
        ("claire-2", 20, "Claire"),
        ("luc-2", 20, "Luc"),
    ]


def test_a_later_track_is_moved_with_its_words() -> None:
    [first, second] = one_transcript([heard("Claire", 0), heard("Luc", 0, offset=100)])
    assert (first.start, first.words[0].start) == (0, 0)
    assert (second.start, second.end) == (100, 110)
    assert (second.words[0].start, second.words[0].end) == (100, 110)


def test_one_track_needs_no_label() -> None:
    assert shown([heard("talk", 3, speaker="")]) == [("1", 3, "")]


def test_two_files_of_one_speaker_keep_their_ids_apart() -> None:
    tracks = [heard("a", 0, speaker="Luc"), heard("b", 0, speaker="Luc"), heard("c", 0, speaker="")]
    assert [id_ for id_, *_ in shown(tracks)] == ["luc-1", "luc-2-1", "c-1"]


NAMES = st.sampled_from(["", "Luc", "luc", "luc-1", "Luc 1", "é", "!", "track"])
TRACKS = st.lists(
    st.tuples(NAMES, st.lists(st.integers(0, 50), max_size=5), st.integers(0, 50)),
    min_size=1,
    max_size=5,
)


@given(tracks=TRACKS)
def test_whatever_is_said_ids_are_unique_and_nothing_is_lost_or_moved_before_the_start(
    tracks: list[tuple[str, list[int], int]],
) -> None:
    given_ = [
        heard(f"f{number}", *sorted(starts), offset=offset, speaker=name)
        for number, (name, starts, offset) in enumerate(tracks)
    ]
    result = one_transcript(given_)
    assert len({each.id for each in result}) == len(result)
    expected = sorted(
        (segment_.start + track.track.offset, number)
        for number, track in enumerate(given_)
        for segment_ in track.segments
    )
    assert [each.start for each in result] == [start for start, _ in expected]
    speakers = [given_[number].track.speaker for _, number in expected]
    assert [each.speaker for each in result] == speakers
    assert all(0 <= each.start <= each.end for each in result)
    assert all(
        each.start <= word.start <= word.end <= each.end for each in result for word in each.words
    )
