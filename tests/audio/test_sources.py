from __future__ import annotations

import contextlib
import gzip
import io
import os
import resource
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from captioner.audio.sources import IN_MEMORY, OpenSource, Source, name_of, open_source
from captioner.errors import InvalidRequest, ResourceExhausted, UnsupportedAudio

MOST = 1 << 30


def content_of(source: Source, *, most: int = MOST) -> bytes:
    with open_source(source, most=most) as opened:
        return read(opened)


def read(opened: OpenSource) -> bytes:
    size = os.fstat(opened.descriptor).st_size
    return os.pread(opened.descriptor, size, opened.offset)


@contextlib.contextmanager
def pipe_of(data: bytes) -> Iterator[BinaryIO]:
    """A pipe to which a thread writes; whoever reads may stop before its end."""
    reading, writing = os.pipe()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(writing, "wb", buffering=0) as sink:
            sink.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as source:
        yield source
    thread.join()


def test_a_path_is_opened_for_reading_only(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF")
    with open_source(path, most=MOST) as opened:
        assert read(opened) == b"RIFF"
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(opened.descriptor, b"x")


def test_a_file_that_the_caller_may_write_is_handed_on_for_reading_only(tmp_path: Path) -> None:
    with (tmp_path / "a.wav").open("w+b") as file:
        file.write(b"RIFF")  # not flushed
        file.seek(0)
        with open_source(file, most=MOST) as opened:
            assert read(opened) == b"RIFF"
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.write(opened.descriptor, b"x")


def test_a_file_is_read_from_where_it_is_and_stays_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"headRIFF")
    with path.open("rb") as file:
        file.seek(4)
        assert content_of(file) == b"RIFF"
        assert file.tell() == 4


def test_what_is_only_in_memory_is_copied_and_stays_open() -> None:
    file = io.BytesIO(b"RIFF")
    assert content_of(file) == b"RIFF"
    assert not file.closed


@pytest.mark.parametrize("size", [4, 2_000], ids=["in memory", "on disk"])
def test_a_spooled_file_is_read_and_does_not_move_to_disk_for_that(size: int) -> None:
    with tempfile.SpooledTemporaryFile(1_000) as file:
        file.write(bytes(size))
        file.seek(0)
        before = file.name
        assert content_of(cast("BinaryIO", file)) == bytes(size)
        assert file.name == before


def test_what_a_file_object_unpacks_is_read_and_not_what_lies_on_disk(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        file.write(b"RIFF" * 100)
    with gzip.open(tmp_path / "a.gz") as unpacked:
        assert content_of(cast("BinaryIO", unpacked)) == b"RIFF" * 100


@pytest.mark.parametrize("size", [1, IN_MEMORY, IN_MEMORY + 1, 2 * IN_MEMORY + 5])
def test_a_pipe_is_copied_whole(size: int) -> None:
    data = os.urandom(1024) * (size // 1024) + bytes(size % 1024)
    with pipe_of(data) as pipe:
        assert content_of(pipe) == data


def test_a_large_pipe_goes_to_disk_and_not_to_memory() -> None:
    devices = []
    for size in (1_000, IN_MEMORY + 1):
        with pipe_of(bytes(size)) as pipe, open_source(pipe, most=MOST) as opened:
            devices.append(str(Path(f"/proc/self/fd/{opened.descriptor}").readlink()))
    assert devices[0].startswith("/memfd:")
    assert devices[1].startswith(tempfile.gettempdir())
    assert devices[1].endswith("(deleted)")


def test_a_pipe_that_never_ends_is_stopped_at_the_limit() -> None:
    with Path("/dev/zero").open("rb") as zeros, pipe_of(bytes(3_000_000)) as pipe:
        with pytest.raises(InvalidRequest, match="sends more than 2000000 bytes"):
            content_of(pipe, most=2_000_000)
        with pytest.raises(InvalidRequest, match="/dev/zero cannot be read: it is a device"):
            content_of(zeros)


def test_a_pipe_of_exactly_the_limit_is_read() -> None:
    with pipe_of(bytes(2_000_000)) as pipe:
        assert len(content_of(pipe, most=2_000_000)) == 2_000_000


@contextlib.contextmanager
def little_room(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_clear_sentence() -> None:
    with (
        pipe_of(bytes(3 * IN_MEMORY)) as pipe,
        little_room(2 * IN_MEMORY),
        pytest.raises(
            ResourceExhausted, match=r"^no room is left in .* for a copy of the recording: File too"
        ) as caught,
    ):
        content_of(pipe)
    assert caught.value.subject == "temporary files"


def test_a_failed_copy_leaves_no_descriptor_open() -> None:
    with pipe_of(bytes(3 * IN_MEMORY)) as pipe:
        before = len(list(Path("/proc/self/fd").iterdir()))
        with little_room(2 * IN_MEMORY), pytest.raises(ResourceExhausted):
            content_of(pipe)
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_bytes, args=(b"RIFF",))
    thread.start()
    assert content_of(path) == b"RIFF"
    thread.join()


def test_a_named_pipe_to_which_nobody_writes_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(InvalidRequest, match=r"pipe is a pipe to which nobody wrote for 0\.01 s"):
        open_source(path, most=MOST, patience=0.01)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused_before_it_is_opened(path: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{path} cannot be read: it is a device, not a file"):
        open_source(path, most=MOST)


def test_a_socket_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        with pytest.raises(InvalidRequest, match="socket cannot be read: No such device"):
            open_source(path, most=MOST)


def test_a_directory_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="cannot be read: Is a directory"):
        open_source(tmp_path, most=MOST)


class Unplugged(io.RawIOBase):
    """A disk that is gone after a few bytes."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: memoryview) -> int:  # type: ignore[override]  # any buffer
        raise OSError(5, "Input/output error")


def test_a_file_object_that_fails_is_one_clear_sentence() -> None:
    with pytest.raises(InvalidRequest, match="the recording cannot be read: Input/output error"):
        open_source(io.BufferedReader(Unplugged()), most=MOST)


@pytest.mark.parametrize("kind", ["path", "object", "pipe", "rest"])
def test_nothing_is_said_to_be_empty(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "vide.wav"
    path.write_bytes(b"RIFF" if kind == "rest" else b"")
    with path.open("rb") as file, pipe_of(b"") as pipe:
        file.seek(0, os.SEEK_END)
        sources: dict[str, Source] = {
            "path": path, "object": io.BytesIO(), "pipe": pipe, "rest": file
        }  # fmt: skip
        with pytest.raises(UnsupportedAudio, match=r"is empty \(0 bytes\)"):
            open_source(sources[kind], most=MOST)


def test_a_recording_has_a_name_for_people(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    with path.open("rb") as file, os.fdopen(os.dup(0), "rb") as numbered:
        assert name_of(file) == name_of(path) == name_of(str(path)) == str(path)
        assert name_of(numbered) == name_of(io.BytesIO()) == "the recording"


def test_standard_input_is_called_that() -> None:
    file = io.BytesIO()
    file.name = "<stdin>"
    assert name_of(file) == "standard input"
