from __future__ import annotations

import json
from pathlib import Path

import pytest

from captioner.cli.readable import Track, name_speakers, read_tracks, read_utterances
from captioner.errors import InvalidRequest
from captioner.evaluation.truth import TimedWord
from captioner.evaluation.utterances import Utterance
from captioner.subtitles.reading import MAX_BYTES

WORD = {"word": "Oui.", "start": 1.0, "end": 1.5}
SAID = Utterance("Oui.", "", 1.0, (TimedWord("Oui.", 1.0, 1.5),))
SRT = "1\n00:00:01,000 --> 00:00:02,000\nClaire\u00a0: Bonjour !\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Claire>Bonjour !\n"


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.txt", "Bonjour !\nOui.\n", [Utterance("Bonjour !"), Utterance("Oui.")]),
        ("a.vtt", VTT, [Utterance("Bonjour !", "Claire", 1.0)]),
        ("a.srt", SRT, [Utterance("Claire\u00a0: Bonjour !", "", 1.0)]),
        (
            "a.json",
            {"segments": [{"start": 1.0, "end": 1.5, "text": "Oui.", "words": [WORD]}]},
            [SAID],
        ),
        ("truth.json", {"words": [WORD]}, [SAID]),
        ("truth.json", [WORD], [SAID]),
        ("truth.json", {"utterances": [{"words": [WORD]}]}, [SAID]),
        ("truth.json", [{"file": "a.flac", "words": [WORD]}], [SAID]),
        ("a.JSON", {"text": "Oui."}, [Utterance("Oui.")]),
    ],
)
def test_a_text_is_read_by_what_it_is(
    tmp_path: Path, name: str, content: object, wanted: list[Utterance]
) -> None:
    assert read_utterances(write(tmp_path / name, content)) == wanted


def test_a_meeting_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    later = {"word": "Merci.", "start": 3.0, "end": 4.0}
    tracks = {
        "luc": {"file": "x.flac", "utterances": [{"words": [later]}]},
        "anne": {"utterances": [{"words": [WORD]}]},
    }
    path = write(tmp_path / "truth.json", tracks)
    assert [(u.speaker, u.text) for u in read_utterances(path)] == [
        ("anne", "Oui."),
        ("luc", "Merci."),
    ]
    assert [track.name for track in read_tracks(path)] == ["x", "anne"]


@pytest.mark.parametrize("name", ["a.txt", "a.vtt", "a.json"])
@pytest.mark.parametrize("content", ["", " \n"])
def test_a_file_without_anything_is_a_text_without_words(
    tmp_path: Path, name: str, content: str
) -> None:
    assert read_utterances(write(tmp_path / name, content)) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"\x00\x01\xff", "a.txt: found the byte 0x0"),
        ("a.docx", b"PK", "a.docx: found the format 'docx', expected one of"),
        ("a", b"oui", "a: found the format '', expected one of"),
        ("a.vtt", b"oui", "a.vtt: line 1"),
        ("a.json", b"{", "a.json: expected JSON"),
        ("a.json", b"\x00\xff", "a.json: found the byte"),
        ("a.json", b"[" * 100_000, "a.json: expected JSON"),
        ("a.json", b"3", "a.json: found JSON that is neither"),
        ("a.json", b'{"a": 3}', "a.json: found JSON that is neither"),
        ("a.json", b'{"words": [{"word": "oui"}]}', "a.json: a true word lacks a part"),
        ("a.json", b'{"segments": 3}', "a.json: "),
        ("a.json", b'{"words": [{"word": "a", "start": NaN, "end": 1}]}', "a.json: found a time"),
        ("a.json", b'{"text": "a", "start": 1e999}', "a.json: found a time"),
        ("a.json", b'{"anne": {"words": [{}]}}', "a.json (anne): a true word lacks a part"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidRequest) as caught:
        read_utterances(path)
    assert f"{tmp_path}/{message}" in str(caught.value)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InvalidRequest, match=f"more than {MAX_BYTES} bytes"):
        read_utterances(path)


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_utterances(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "oui"),
        ("a.json", {"segments": []}),
        ("a.json", {"words": [WORD]}),
        ("a.json", [WORD]),
        ("a.json", [{"words": [WORD]}]),
        ("a.json", {"claire": {"voice": "x"}}),
    ],
)
def test_only_a_truth_of_named_tracks_has_tracks(
    tmp_path: Path, name: str, content: object
) -> None:
    assert read_tracks(write(tmp_path / name, content)) == []


def test_the_bundled_truth_is_read(recordings: Path) -> None:
    for truth in recordings.glob("*/truth.json"):
        tracks = read_tracks(truth)
        assert tracks
        assert all(utterance.text for track in tracks for utterance in track.read())


def test_a_track_takes_its_speaker_along() -> None:
    assert Track(Path("truth.json"), "a", "Anne", {"text": "oui"}).read() == [
        Utterance("oui", "Anne")
    ]


def test_names_in_the_text_become_speakers_until_the_next() -> None:
    texts = ["Bonjour", "CLAIRE\u00a0: oui", "et puis", "Anne Martin: non : jamais", "Note : fin"]
    named = name_speakers([Utterance(text) for text in texts], ["Claire", "Anne Martin", ""])
    assert [(utterance.speaker, utterance.text.strip()) for utterance in named] == [
        ("", "Bonjour"),
        ("Claire", "oui"),
        ("Claire", "et puis"),
        ("Anne Martin", "non : jamais"),
        ("Anne Martin", "Note : fin"),
    ]


def test_names_in_the_text_are_text_where_the_file_names_its_speakers() -> None:
    utterances = [Utterance("Claire : oui", "Luc"), Utterance("Luc : oui")]
    assert name_speakers(utterances, ["Claire", "Luc"]) == utterances
