from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath

import pytest
from batch_fakes import no_probe

from captioner.audio.media import MediaInfo, TrackInfo
from captioner.batch.documents import (
    MAX_OFFSET,
    Wishes,
    check_outputs,
    documents_of,
    match_files,
    offset_of,
)
from captioner.batch.job import Document, Track
from captioner.batch.sources import Found
from captioner.errors import InvalidRequest, UnsupportedAudio

WISHES = Wishes(Path("texts"), ("vtt", "json"))
CALL = Found(Path("in/01_call.wav"), PurePath("call"))
TALK = Found(Path("in/sub/talk.mp3"), PurePath("sub/talk"))


def media(*channels: int, titles: tuple[str, ...] = ()) -> MediaInfo:
    tracks = tuple(
        TrackInfo(index, "flac", count, 16_000, "", titles[index] if titles else "", None)
        for index, count in enumerate(channels)
    )
    return MediaInfo("matroska", None, tracks)


def parts(document: Document) -> list[tuple[int, int | None, str]]:
    return [(track.stream, track.channel, track.speaker) for track in document.tracks]


def test_each_recording_is_a_document_with_its_outputs() -> None:
    [call, talk] = documents_of([CALL, TALK], WISHES, probe=no_probe)
    assert call == Document(
        "call", (Track(CALL.path),), (Path("texts/call.vtt"), Path("texts/call.json"))
    )
    assert talk.outputs[0] == Path("texts/sub/talk.vtt")


def test_a_name_with_dots_keeps_them() -> None:
    [document] = documents_of([replace(CALL, name=PurePath("a.b"))], WISHES, probe=no_probe)
    assert document.outputs[0] == Path("texts/a.b.vtt")


def test_a_meeting_is_one_document_with_a_speaker_per_file() -> None:
    wishes = replace(
        WISHES,
        meeting="budget",
        speakers={TALK.path: ("Mme Lefèvre",)},
        offsets={TALK.path: 16_000},
    )
    [document] = documents_of([CALL, TALK], wishes, probe=no_probe)
    assert document.name == "budget"
    assert document.tracks == (
        Track(CALL.path, speaker="Call"),
        Track(TALK.path, speaker="Mme Lefèvre", offset=16_000),
    )
    assert document.outputs[0] == Path("texts/budget.vtt")


def test_the_speaker_of_one_recording_is_nobody_unless_named() -> None:
    wishes = replace(WISHES, speakers={CALL.path: ("Anne",)})
    named, other = documents_of([CALL, TALK], wishes, probe=no_probe)
    assert (parts(named), parts(other)) == ([(0, None, "Anne")], [(0, None, "")])


def test_each_channel_is_a_speaker_on_request() -> None:
    wishes = replace(WISHES, split_channels=True, speakers={CALL.path: ("Anne",)})
    [document] = documents_of([CALL], wishes, probe=lambda _: media(2))
    assert parts(document) == [(0, 0, "Anne"), (0, 1, "Call 2")]


def test_one_channel_is_no_channel_to_be_split() -> None:
    wishes = replace(WISHES, split_channels=True)
    [document] = documents_of([CALL], wishes, probe=lambda _: media(1))
    assert parts(document) == [(0, None, "")]


def test_each_audio_track_is_a_speaker_on_request_by_its_title_if_it_has_one() -> None:
    wishes = replace(WISHES, stream=None)
    [document] = documents_of([CALL], wishes, probe=lambda _: media(2, 1, titles=("Luc", "")))
    assert parts(document) == [(0, None, "Luc"), (1, None, "Call 2")]


def test_all_channels_of_all_tracks() -> None:
    wishes = replace(WISHES, stream=None, split_channels=True)
    [document] = documents_of([CALL], wishes, probe=lambda _: media(2, 1))
    assert [part[:2] for part in parts(document)] == [(0, 0), (0, 1), (1, None)]


def test_one_audio_track_can_be_chosen() -> None:
    [document] = documents_of([CALL], replace(WISHES, stream=3), probe=no_probe)
    assert parts(document) == [(3, None, "")]
    wishes = replace(WISHES, stream=1, split_channels=True)
    [document] = documents_of([CALL], wishes, probe=lambda _: media(1, 2))
    assert [part[:2] for part in parts(document)] == [(1, 0), (1, 1)]


@pytest.mark.parametrize("stream", [0, None])
def test_a_bad_file_is_left_to_fail_when_it_is_its_turn(stream: int | None) -> None:
    def bad(_: Path) -> MediaInfo:
        raise UnsupportedAudio("no recording")

    wishes = replace(WISHES, stream=stream, split_channels=True)
    [document] = documents_of([CALL], wishes, probe=bad)
    assert parts(document) == [(0, None, "")]


def test_more_names_than_tracks_are_refused() -> None:
    wishes = replace(WISHES, speakers={CALL.path: ("Anne", "Luc")})
    with pytest.raises(InvalidRequest, match=r"01_call.wav: 2 speakers are named for 1 track"):
        documents_of([CALL], wishes, probe=no_probe)


# --- outputs that are in the way


def document(source: str, *outputs: str) -> Document:
    return Document(source, (Track(Path(source)),), tuple(map(Path, outputs)))


def test_outputs_that_differ_are_fine() -> None:
    check_outputs(
        [document("a.wav", "a.vtt", "a.json"), document("b.wav", "b.vtt")],
        others=[Path("report.json")],
    )


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        (
            [document("x/a.wav", "a.vtt"), document("y/a.mp3", "a.vtt")],
            "^x/a.wav and y/a.mp3 would both be written to a.vtt$",
        ),
        (
            [document("report.wav", "./report.json")],
            "^the report and report.wav would both be written to report.json$",
        ),
        (
            [document("a.txt", "a.txt")],
            "^the transcript of a.txt would replace a.txt$",
        ),
    ],
)
def test_outputs_in_the_way_of_one_another_are_refused(
    documents: list[Document], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check_outputs(documents, others=[Path("report.json")])


def test_only_the_first_of_many_conflicts_are_listed() -> None:
    documents = [document(f"{folder}/{n}.wav", f"{n}.vtt") for folder in "ab" for n in range(8)]
    with pytest.raises(InvalidRequest, match=r"4\.vtt; and 3 more$"):
        check_outputs(documents)


# --- FILE=VALUE


def test_files_are_named_by_path_or_by_name() -> None:
    given = ["in/01_call.wav=Anne", "talk.mp3=Luc = le maire", "./in/sub/talk.mp3= x "]
    assert list(match_files(given, [CALL, TALK], option="--speaker")) == [
        (CALL.path, "Anne"),
        (TALK.path, "Luc = le maire"),
        (TALK.path, "x"),
    ]


def test_a_file_name_may_hold_the_sign() -> None:
    odd = Found(Path("a=b.wav"), PurePath("a=b"))
    assert list(match_files(["a=b.wav=c=d"], [odd], option="--speaker")) == [(odd.path, "c=d")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Anne", "--speaker Anne: expected FILE=VALUE, such as 01_call.wav=Anne"),
        ("other.wav=Anne", "other.wav is not one of the recordings"),
        ("talk.mp3=Anne", "there are 2 files of that name"),
    ],
)
def test_a_file_that_is_not_there_or_not_alone_is_refused(text: str, message: str) -> None:
    twice = Found(Path("other/talk.mp3"), PurePath("other/talk"))
    with pytest.raises(InvalidRequest, match=message):
        list(match_files([text], [CALL, TALK, twice], option="--speaker"))


@pytest.mark.parametrize(
    ("text", "samples"), [("0", 0), ("12.5", 200_000), (str(MAX_OFFSET), 9_676_800_000)]
)
def test_offsets_are_seconds(text: str, samples: int) -> None:
    assert offset_of(text, option="--offset") == samples


@pytest.mark.parametrize("text", ["-0.1", "604800.1", "nan", "inf", "1:30", ""])
def test_offsets_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"--offset: .* from 0 to 604800"):
        offset_of(text, option="--offset")
