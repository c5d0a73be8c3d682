from __future__ import annotations

import os
from pathlib import Path

import pytest

from captioner.batch.sources import SUFFIXES, Listing, list_recordings
from captioner.errors import InvalidRequest

TREE = [
    "b.mp3",
    "a.WAV",
    "a.vtt",
    "notes.txt",
    ".hidden.wav",
    "2024/z.mp4",
    "2024/x.y.flac",
    "2024/.trash/old.mp3",
    "10/film.webm",
]


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in TREE:
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Path("archive")


def found(*arguments: object) -> list[tuple[str, str]]:
    listing = list_recordings([str(argument) for argument in arguments])
    return [(str(each.path), str(each.name)) for each in listing.found]


def test_a_folder_gives_its_recordings_in_order_at_their_places(archive: Path) -> None:
    assert found(archive) == [
        ("archive/a.WAV", "a"),
        ("archive/b.mp3", "b"),
        ("archive/10/film.webm", "10/film"),
        ("archive/2024/x.y.flac", "2024/x.y"),
        ("archive/2024/z.mp4", "2024/z"),
    ]


def test_a_file_is_taken_whatever_its_name_or_absence(archive: Path) -> None:
    assert found("archive/notes.txt", "missing.mp3", "archive/.hidden.wav") == [
        ("archive/notes.txt", "notes"),
        ("missing.mp3", "missing"),
        ("archive/.hidden.wav", ".hidden"),
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("archive/*.mp3", [("archive/b.mp3", "b")]),
        (
            "archive/**/*.[mf]*",
            [
                ("archive/2024/x.y.flac", "2024/x.y"),
                ("archive/2024/z.mp4", "2024/z"),
                ("archive/b.mp3", "b"),
            ],
        ),
        ("archive/2024/*", [("archive/2024/x.y.flac", "x.y"), ("archive/2024/z.mp4", "z")]),
        ("arch*/b.mp3", [("archive/b.mp3", "archive/b")]),
        ("archive/*.txt", [("archive/notes.txt", "notes")]),
    ],
)
def test_a_pattern_gives_what_it_matches_below_its_fixed_part(
    archive: Path, pattern: str, expected: list[tuple[str, str]]
) -> None:
    assert found(pattern) == expected


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(archive: Path) -> None:
    Path("talk [1].mp3").touch()
    assert found("talk [1].mp3") == [("talk [1].mp3", "talk [1]")]


def test_each_recording_comes_once(archive: Path) -> None:
    assert found("archive/b.mp3", "archive", "./archive/../archive/b.mp3")[0] == (
        "archive/b.mp3",
        "b",
    )
    assert len(found("archive/b.mp3", "archive", "./archive/../archive/b.mp3")) == 5


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("empty", "empty holds no recording .looked for 3gp aac .* wv"),
        ("archive/*.opus", r"archive/\*.opus matches no recording"),
        ("nowhere/**", r"nowhere/\*\* matches no recording"),
    ],
)
def test_where_there_is_nothing_it_is_told(archive: Path, argument: str, message: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(InvalidRequest, match=message):
        found(argument)


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders whose name says so cannot be read, even by those who may read anything."""
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_cannot_be_read_is_told_and_stops_nobody(
    archive: Path, unreadable: None
) -> None:
    (archive / "secret").mkdir()
    listing = list_recordings(["archive", "archive/../archive"])
    assert len(listing.found) == 5
    assert listing.problems[0] == "archive/secret cannot be read: Permission denied"


def test_a_folder_that_was_asked_for_and_cannot_be_read_is_an_error(
    archive: Path, unreadable: None
) -> None:
    Path("secret").mkdir()
    with pytest.raises(InvalidRequest, match="secret cannot be read: Permission denied"):
        found("secret")


def test_links_are_followed_to_files_and_not_to_folders(archive: Path) -> None:
    (archive / "link.mp3").symlink_to("b.mp3")
    (archive / "loop").symlink_to(".")
    assert ("archive/link.mp3", "link") in found("archive")
    assert len(found("archive")) == 6


def test_nothing_asked_is_nothing_found() -> None:
    assert list_recordings([]) == Listing(())


def test_suffixes_are_written_in_one_way() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
