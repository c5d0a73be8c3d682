from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from batch_fakes import ASKED
from hypothesis import given
from hypothesis import strategies as st

from captioner.batch.job import Track
from captioner.batch.manifest import (
    FILE_NAME,
    Asked,
    Entry,
    History,
    Manifest,
    Source,
    State,
    Written,
    parse,
    render,
    same_sources,
)
from captioner.errors import InvalidRequest

TEXT = st.text(st.characters(exclude_categories=[]), max_size=8)
SOURCES = st.builds(
    Source,
    path=TEXT,
    size=st.integers(-1, 2**40),
    mtime_ns=st.integers(0, 2**62),
    digest=TEXT,
    stream=st.integers(0, 3),
    channel=st.none() | st.integers(0, 3),
    speaker=TEXT,
    offset=st.integers(0, 2**40),
)
ENTRIES = st.builds(
    Entry,
    name=TEXT,
    asked=st.just(ASKED.key),
    tracks=st.lists(SOURCES, max_size=3).map(tuple),
    shards=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    state=st.sampled_from(State),
    outputs=st.lists(st.builds(Written, TEXT, st.integers(0, 9), TEXT), max_size=2).map(tuple),
    seconds=st.floats(0, 1e6),
    words=st.integers(0, 9),
    speakers=st.lists(TEXT, max_size=2).map(tuple),
    reason=TEXT,
)


def no_digest(path: Path) -> str:
    raise AssertionError(f"{path} need not be read")


@given(entries=st.lists(ENTRIES, max_size=4), ended=st.booleans())
def test_a_manifest_is_read_as_it_was_written(entries: list[Entry], ended: bool) -> None:
    by_name = {entry.name: entry for entry in entries}
    history = History(by_name, {ASKED.key: ASKED} if entries else {}, ended)
    assert parse(render(history), name="m") == history


@given(entries=st.lists(ENTRIES, min_size=1, max_size=4), cut=st.integers(0, 10_000))
def test_a_manifest_that_was_cut_off_is_what_it_was_before(entries: list[Entry], cut: int) -> None:
    by_name = {entry.name: entry for entry in entries}
    text = render(History(by_name, {ASKED.key: ASKED}, ended=False))
    lines = text.splitlines(keepends=True)
    kept = text[: max(len(lines[0]), len(text) - cut)]
    history = parse(kept, name="m")
    whole = [line for line in kept.split("\n") if '"document"' in line and line + "\n" in lines]
    assert list(history.entries.values()) == list(by_name.values())[: len(whole)]


def test_the_last_word_about_a_document_counts(tmp_path: Path) -> None:
    entry = Entry("a", ASKED.key, ())
    with Manifest(tmp_path) as manifest:
        manifest.begin(History({"a": entry}, {ASKED.key: ASKED}, ended=False))
        assert manifest.read().ended is False
        manifest.note(replace(entry, state=State.DONE))
        assert manifest.read().entries["a"].state is State.DONE
        manifest.end()
        assert manifest.read().ended
    manifest.remove()
    assert manifest.read() == History()


def test_options_that_nothing_refers_to_are_forgotten() -> None:
    other = replace(ASKED, model="small")
    history = History({"a": Entry("a", ASKED.key, ())}, {ASKED.key: ASKED, other.key: other})
    assert parse(render(history), name="m").asked == {ASKED.key: ASKED}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "m/.captioner-job.jsonl was not written by this program"),
        (b"hello\n", "was not written by this program"),
        (b"[]\n", "was not written by this program"),
        (b'{"other": 1}\n', "was not written by this program"),
        (b"\xff\xfe\x00", "was not written by this program"),
        (b'{"captioner_job":2}\n', "is of format 2, this version reads format 1"),
        (
            b'{"captioner_job":1}\n{"document":{"name":1}}\n{"ended":true}\n',
            "is damaged at line 2: move it away",
        ),
        (b'{"captioner_job":1}\n\x00\x00\n{"ended":true}\n', "is damaged at line 2"),
    ],
)
def test_what_cannot_be_used_is_told_and_stays(tmp_path: Path, data: bytes, message: str) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(data)
    with pytest.raises(InvalidRequest, match=message):
        Manifest(folder).read()
    assert (folder / FILE_NAME).read_bytes() == data


@pytest.mark.parametrize("tail", ['{"docu', '{"document":{}}', "\x00\x00", '{"ended":false}', "3"])
def test_lines_at_the_end_that_are_not_whole_are_left_out(tail: str) -> None:
    assert parse(f'{{"captioner_job":1}}\n{tail}', name="m") == History({}, {}, ended=False)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "small"},
        {"digest": "1"},
        {"compute_type": "float32"},
        {"language": "en"},
        {"beam_size": 1},
        {"window": "padded"},
        {"key_terms": ("x",)},
        {"profile": "arcom"},
    ],
)
def test_every_option_that_changes_the_output_counts(change: dict[str, object]) -> None:
    other: Asked = replace(ASKED, **change)  # type: ignore[arg-type]
    assert other.key != ASKED.key
    assert ASKED.differences(other) == [next(iter(change)).replace("_", " ")]


def test_keeping_parts_changes_no_transcript_that_is_whole() -> None:
    other = replace(ASKED, keep_partial=True)
    assert other.key == ASKED.key
    assert other.differences(ASKED) == []


def test_a_source_is_what_the_file_is_now(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"abc")
    source = Source.of(Track(path, stream=1, channel=2, speaker="Luc", offset=3))
    assert (source.size, source.mtime_ns) == (3, path.stat().st_mtime_ns)
    assert (source.stream, source.channel, source.speaker, source.offset) == (1, 2, "Luc", 3)
    assert Source.of(Track(tmp_path / "missing.wav")).size == -1


SOURCE = Source("a.wav", 3, 5, digest="d")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (SOURCE, True),
        (replace(SOURCE, path="moved/a.wav", digest=""), True),
        (replace(SOURCE, size=4), False),
        (replace(SOURCE, stream=1), False),
        (replace(SOURCE, channel=0), False),
        (replace(SOURCE, speaker="Luc"), False),
        (replace(SOURCE, offset=1), False),
    ],
)
def test_a_source_is_the_same_by_size_and_time(other: Source, same: bool) -> None:
    assert SOURCE.is_still(other, no_digest) is same


def test_a_source_of_another_time_is_the_same_by_its_bytes() -> None:
    touched = replace(SOURCE, mtime_ns=6, digest="")
    assert SOURCE.is_still(touched, lambda _: "d")
    assert not SOURCE.is_still(touched, lambda _: "e")
    assert not replace(SOURCE, digest="").is_still(touched, lambda _: "")


def test_a_source_that_cannot_be_read_is_never_the_same() -> None:
    def vanished(_: Path) -> str:
        raise FileNotFoundError

    missing = replace(SOURCE, size=-1)
    assert not missing.is_still(missing, no_digest)
    assert not SOURCE.is_still(replace(SOURCE, mtime_ns=6), vanished)


def test_all_tracks_must_be_the_same_in_their_order() -> None:
    other = replace(SOURCE, speaker="Luc")
    assert same_sources([SOURCE, other], [SOURCE, other], no_digest)
    assert not same_sources([SOURCE, other], [other, SOURCE], no_digest)
    assert not same_sources([SOURCE], [SOURCE, SOURCE], no_digest)
