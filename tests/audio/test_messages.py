from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from captioner.audio.media import MediaInfo, TrackInfo
from captioner.audio.messages import (
    MAX_PAYLOAD,
    Kind,
    Link,
    Nonsense,
    error_fields,
    error_from,
    info_from,
    seconds_from,
)
from captioner.errors import InvalidRequest, UnsupportedAudio

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(5)
        yield here, there


def test_a_message_arrives_as_it_was_sent(ends: Ends) -> None:
    Link(ends[0]).send(Kind.BLOCK, b"samples", damaged=3)
    message = Link(ends[1]).receive()
    assert (message.kind, bytes(message.payload), message.damaged) == (Kind.BLOCK, b"samples", 3)


def test_a_message_arrives_in_any_pieces(ends: Ends) -> None:
    Link(ends[0]).send(Kind.OPENED, {"duration": 1.5})
    data = ends[1].recv(1_000)
    for byte in data[:-1]:
        ends[0].send(bytes([byte]))
    ends[1].settimeout(0.01)
    with pytest.raises(TimeoutError):
        Link(ends[1]).receive()
    ends[0].sendall(data)
    assert Link(ends[1]).receive().fields() == {"duration": 1.5}


def test_an_open_file_comes_along(ends: Ends, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF")
    with path.open("rb") as file:
        Link(ends[0]).send(Kind.OPEN, {"name": "x" * 5_000}, descriptor=file.fileno())
    message, descriptor = Link(ends[1]).receive_with_file()
    assert message.fields() == {"name": "x" * 5_000}
    assert descriptor is not None
    with os.fdopen(descriptor, "rb") as file:
        assert file.read() == b"RIFF"


def test_the_end_of_the_other_side_is_an_end(ends: Ends) -> None:
    ends[0].close()
    with pytest.raises(EOFError):
        Link(ends[1]).receive()
    with pytest.raises(EOFError):
        Link(ends[1]).receive_with_file()


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (bytes([99]) + bytes(11), "a message of kind 99"),
        (
            bytes([Kind.BLOCK]) + bytes(7) + (MAX_PAYLOAD + 1).to_bytes(4, "little"),
            f"BLOCK of {MAX_PAYLOAD + 1} bytes, expected {MAX_PAYLOAD} at most",
        ),
    ],
)
def test_what_is_no_message_is_refused_before_it_is_read(
    ends: Ends, header: bytes, complaint: str
) -> None:
    ends[0].sendall(header)
    with pytest.raises(Nonsense, match=complaint):
        Link(ends[1]).receive()


@pytest.mark.parametrize("payload", [b"{", b"[]", b"\xff"])
def test_what_is_no_object_is_refused(ends: Ends, payload: bytes) -> None:
    Link(ends[0]).send(Kind.OPENED, payload)
    with pytest.raises(Nonsense, match="OPENED without"):
        Link(ends[1]).receive().fields()


@pytest.mark.parametrize(
    "error",
    [
        UnsupportedAudio("a.wav is truncated"),
        InvalidRequest("a.wav has 1 audio tracks", field="track"),
    ],
)
def test_an_error_arrives_as_it_was_raised(error: InvalidRequest) -> None:
    again = error_from(error_fields(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.violations == error.violations


def test_an_error_is_shown_without_what_a_terminal_would_obey() -> None:
    assert str(error_from({"message": "\x1b[31mrouge\n"})) == "[31mrouge"


@pytest.mark.parametrize("value", [None, "3", -1, float("nan"), float("inf"), [1]])
def test_what_is_no_duration_is_none(value: object) -> None:
    assert seconds_from(value) is None


def test_what_a_recording_holds_is_checked_field_by_field() -> None:
    track = {"index": 0, "codec": "aac", "channels": 2, "sample_rate": 48_000, "language": "fra",
             "title": "", "duration": 1}  # fmt: skip
    fields = {"format": "mp4", "duration": None, "tracks": [track]}
    expected = TrackInfo(0, "aac", 2, 48_000, "fra", "", 1.0)
    assert info_from(fields) == MediaInfo("mp4", None, (expected,))
    for name in track:
        less = {key: value for key, value in track.items() if key != name}
        with pytest.raises(Nonsense):
            info_from(fields | {"tracks": [less]})
