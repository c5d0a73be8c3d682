"""What a recording is read from, as an open regular file: what another process can be handed.

Pipes, and file objects that exist in memory only, are copied: into memory up to `IN_MEMORY`
bytes, beyond that into a temporary file without a name. FFmpeg must be able to go back and forth
in a recording, since some keep their table of contents at the end.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import tempfile
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO, Final, Self, TypeAlias

from captioner.errors import InvalidRequest, ResourceExhausted, UnsupportedAudio

IN_MEMORY: Final = 16 * 1024 * 1024  # bytes of a pipe
WRITER_PATIENCE: Final = 10.0  # seconds until somebody writes to a named pipe
_CHUNK: Final = 1024 * 1024  # bytes read from a pipe at once
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_STANDARD_INPUT: Final = "<stdin>"  # how Python calls it

Source: TypeAlias = str | PathLike[str] | BinaryIO


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A recording that can be read; a context manager that closes it."""

    descriptor: int
    """Of a regular file, for reading only where the system allows that."""
    offset: int
    """The byte where the recording starts."""
    name: str
    """What messages call it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)


def name_of(source: Source) -> str:
    """What messages call a recording."""
    if isinstance(source, str | PathLike):
        return str(Path(source))
    name = getattr(source, "name", None)
    if name == _STANDARD_INPUT:
        return "standard input"
    return name if isinstance(name, str) else "the recording"


def open_source(source: Source, *, most: int, patience: float = WRITER_PATIENCE) -> OpenSource:
    """Open what `source` says, or copy it if it is a pipe. A path may lead to a pipe, too.

    A file object that was passed stays open. A regular file keeps its position, and is read from
    there on.

    Args:
        source: A path or a binary file.
        most: Bytes that a pipe may hold.
        patience: Seconds until somebody must write to a named pipe.

    Raises:
        InvalidRequest: it cannot be read, or a pipe holds more than that.
        UnsupportedAudio: it is empty.
        ResourceExhausted: no room is left for the copy.
    """
    name = name_of(source)
    try:
        if isinstance(source, str | PathLike):
            with _open_path(Path(source), patience) as file:
                return _open_file(file, name, most)
        return _open_file(source, name, most)
    except OSError as error:
        raise InvalidRequest(f"{name} cannot be read: {error.strerror or error}") from error


def _open_file(file: BinaryIO, name: str, most: int) -> OpenSource:
    descriptor = _descriptor_of(file)
    mode = os.fstat(descriptor).st_mode if descriptor is not None else 0
    _refuse_device(mode, name)
    if descriptor is None or not stat.S_ISREG(mode):
        opened = OpenSource(_copy(file, name, most), 0, name)
    else:
        if file.writable():
            file.flush()
        opened = OpenSource(_reopen(descriptor), file.tell(), name)
    if os.fstat(opened.descriptor).st_size <= opened.offset:
        os.close(opened.descriptor)
        raise UnsupportedAudio(f"{name} is empty (0 bytes)")
    return opened


def _open_path(path: Path, patience: float) -> BinaryIO:
    # Opening a named pipe waits for a writer, and opening a device may do anything at all.
    mode = path.stat().st_mode
    _refuse_device(mode, str(path))
    if not stat.S_ISFIFO(mode):
        return path.open("rb")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    pipe = os.fdopen(descriptor, "rb")
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(patience * 1000):
        pipe.close()
        raise InvalidRequest(f"{path} is a pipe to which nobody wrote for {patience:g} s")
    os.set_blocking(descriptor, True)
    return pipe


def _refuse_device(mode: int, name: str) -> None:
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise InvalidRequest(f"{name} cannot be read: it is a device, not a file")


def _descriptor_of(file: BinaryIO) -> int | None:
    """What the system calls it, if its bytes are those of the object: a gzip file's are not."""
    if isinstance(file, tempfile.SpooledTemporaryFile):
        return None if file.name is None else file.fileno()  # still in memory; asking moves it
    raw = file if isinstance(file, io.FileIO) else getattr(file, "raw", None)
    return raw.fileno() if isinstance(raw, io.FileIO) else None


def _reopen(descriptor: int) -> int:
    """The same file for reading only: the other process must not write what the caller may."""
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # no /proc, or a file that was opened with rights that are gone
        return os.dup(descriptor)


def _copy(file: BinaryIO, name: str, most: int) -> int:
    copy = os.memfd_create("recording")
    try:
        size = 0
        while chunk := file.read(_CHUNK):
            _check_size(size + len(chunk), most, name)
            if size <= IN_MEMORY < size + len(chunk):
                _move_to_disk(copy, name)
            _write(copy, chunk, name)
            size += len(chunk)
    except BaseException:
        os.close(copy)
        raise
    return copy


def _check_size(size: int, most: int, name: str) -> None:
    if size > most:
        raise InvalidRequest(f"{name} sends more than {most} bytes, which is the limit")


def _move_to_disk(copy: int, name: str) -> None:
    """Make what was copied so far a file that is gone when it is closed."""
    with tempfile.TemporaryFile(buffering=0) as larger:
        os.lseek(copy, 0, os.SEEK_SET)
        while chunk := os.read(copy, _CHUNK):
            _write(larger.fileno(), chunk, name)
        os.dup2(larger.fileno(), copy, inheritable=False)


def _write(copy: int, chunk: bytes, name: str) -> None:
    rest = memoryview(chunk)
    try:
        while rest:
            rest = rest[os.write(copy, rest) :]
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise ResourceExhausted(
            f"no room is left in {tempfile.gettempdir()} for a copy of {name}: {error.strerror}",
            retry_after=30.0,
            subject="temporary files",
        ) from None
