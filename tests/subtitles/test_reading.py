from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import PROVENANCE, segment

from captioner.errors import InvalidRequest
from captioner.subtitles import reading
from captioner.subtitles.cues import Provenance
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.reading import (
    MAX_BYTES,
    PARSERS,
    decode,
    parse,
    parse_bytes,
    read_document,
)

SRT = "1\n00:00:01,000 --> 00:00:02,000\nL’été, c’est « bien »…\n"


def texts(content: bytes, format_name: str = "srt") -> list[str]:
    return [part.text for part in parse_bytes(content, format_name).segments]


@pytest.mark.parametrize(
    "content",
    [
        SRT.encode("utf-8"),
        SRT.encode("utf-8-sig"),
        SRT.encode("utf-16"),
        b"\xfe\xff" + SRT.encode("utf-16-be"),
        SRT.encode("cp1252"),
        SRT.replace("\n", "\r\n").encode("cp1252"),
        SRT.replace("\n", "\r").encode(),
        SRT.encode() + b"\x1a",
    ],
    ids=["utf-8", "with mark", "utf-16", "utf-16-be", "cp1252", "crlf", "cr", "end of DOS"],
)
def test_files_are_read_in_the_encodings_that_are_met(content: bytes) -> None:
    assert texts(content) == ["L’été, c’est « bien »…"]


@pytest.mark.parametrize(
    "content", [b"1\x00\x02", b"\xff\x00\x01", b"RIFF\xa4\x00\x00WAVE", b"\xe9\x01"]
)
def test_binary_files_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"found the byte 0x0\d, expected text"):
        decode(content)


EMPTY = (b"", b" \r\n\t", b"\xef\xbb\xbf")


@pytest.mark.parametrize("name", sorted(PARSERS.keys() - {"srt", "txt"}))
@pytest.mark.parametrize("content", EMPTY)
def test_empty_files_are_refused_where_a_format_has_more_than_cues(
    name: str, content: bytes
) -> None:
    with pytest.raises(InvalidRequest, match=f"found an empty file, expected {name}"):
        parse_bytes(content, name)


@pytest.mark.parametrize("name", ["srt", "txt"])
@pytest.mark.parametrize("content", EMPTY)
def test_where_nothing_was_said_nothing_is_read(name: str, content: bytes) -> None:
    assert parse_bytes(content, name).segments == ()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("provenance", [PROVENANCE, None])
def test_files_of_silence_are_read_back(name: str, provenance: Provenance | None) -> None:
    text = FORMATS[name].render([], provenance)
    read = parse(text, name)
    assert (read.segments, read.cues) == ((), ())
    assert read.provenance == (None if name == "srt" else provenance)


def test_files_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_BYTES == 32 * 1024 * 1024
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    path = tmp_path / "long.txt"
    path.write_text("a" * 100)
    assert read_document(path).segments[0].text == "a" * 100
    path.write_text("a" * 101)
    with pytest.raises(InvalidRequest, match=r"long\.txt: found more than 100 bytes"):
        read_document(path)


@pytest.mark.parametrize("name", FORMATS)
def test_the_suffix_says_what_a_file_is(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk.{name.upper()}"
    path.write_text(FORMATS[name].render([segment("Oui.")], PROVENANCE), encoding="utf-8")
    assert read_document(path).segments[0].text == "Oui."


@pytest.mark.parametrize("suffix", ["dfxp", "xml"])
def test_ttml_has_other_names(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk.{suffix}"
    path.write_text(FORMATS["ttml"].render([segment("Oui.")], PROVENANCE), encoding="utf-8")
    assert read_document(path).provenance == PROVENANCE


def test_the_format_may_be_given(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt.orig"
    path.write_text(SRT, encoding="utf-8")
    assert len(read_document(path, format_name="srt").segments) == 1
    with pytest.raises(InvalidRequest, match="found the suffix 'orig', expected one of vtt, srt"):
        read_document(path)
    with pytest.raises(InvalidRequest, match="found the format 'ssa', expected one of vtt, srt"):
        parse("oui", "ssa")


def test_errors_name_the_file_and_the_line(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    path.write_text("WEBVTT\n\noui\n")
    with pytest.raises(InvalidRequest) as raised:
        read_document(path)
    assert str(raised.value).startswith(f"{path}: line 3: found 'oui', expected times such as")


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_document(tmp_path / "talk.vtt")


def test_the_language_is_that_of_files_that_do_not_tell() -> None:
    assert parse(SRT, "srt", language="en").segments[0].language == "en"
    assert parse(SRT, "srt").segments[0].language == "fr"


def is_read(content: bytes, name: str) -> bool:
    """Whether it is; refusals are the only other way out."""
    try:
        parse_bytes(content, name)
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize("name", sorted(PARSERS))
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    is_read(content, name)


STARTS = {
    "vtt": "WEBVTT\n\n",
    "srt": "",
    "ttml": "<tt xmlns='http://www.w3.org/ns/ttml'>",
    "json": "",
}
PIECES = (
    *("\n", "\n\n", "00:01 --> 00:02", "-->", "1", "NOTE", "<v A>", "<", ">", "&", "- oui", "{"),
    *("<p end='1s'>", "</p>", "<body>", "</body>", "</tt>"),
    *('{"segments": [', '{"start": 1', ', "text": ""}', "]", "}"),
)


@pytest.mark.parametrize("name", STARTS)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=20))
def test_pieces_of_files_in_any_order_are_read_or_refused(name: str, pieces: list[str]) -> None:
    is_read((STARTS[name] + "".join(pieces)).encode(), name)
