"""Results on disk: whole or not at all, and still there after a power cut."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from captioner.errors import CaptionerError

SAMPLE_BYTES = 1_048_576  # of each end of a file that its digest is of
STAGED = re.compile(r"\.(?P<name>.+)\.\d+\.part")
_HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class FolderUnusable(CaptionerError):
    """Nothing more can be written to the output folder: working on would be in vain."""


def write_whole(path: Path, text: str) -> None:
    """Put a file in place in one step: whoever looks sees the old one or the new one.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with staged.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_below(folder: Path, path: Path, text: str) -> None:
    """Write a file in a folder that must still be there, whole or not at all.

    Raises:
        FolderUnusable: the disk is full or read-only, or the folder is gone.
        OSError: this one file cannot be written.
    """
    if not folder.is_dir():
        raise FolderUnusable(f"the output folder {folder} is gone")
    try:
        write_whole(path, text)
    except OSError as error:
        raise unusable(folder, error) or error from None


def unusable(folder: Path, error: OSError) -> FolderUnusable | None:
    """What an error says about the whole folder, if it does."""
    if error.errno not in _HOPELESS:
        return None
    return FolderUnusable(f"cannot write to {folder}: {error.strerror}")


def remove_staged(outputs: Iterable[Path]) -> None:
    """Remove what a run that was killed left half written beside these files."""
    names: dict[Path, set[str]] = {}
    for output in outputs:
        names.setdefault(output.parent, set()).add(output.name)
    for folder, wanted in names.items():
        if not folder.is_dir():
            continue
        for entry in list(os.scandir(folder)):
            found = STAGED.fullmatch(entry.name)
            if found and found["name"] in wanted:
                Path(entry.path).unlink(missing_ok=True)


def sampled_digest(path: Path) -> str:
    """SHA-256 over the size and the first and last MiB of a file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        digest = hashlib.sha256(str(size).encode())
        digest.update(stream.read(SAMPLE_BYTES))
        stream.seek(max(stream.tell(), size - SAMPLE_BYTES))
        digest.update(stream.read(SAMPLE_BYTES))
    return digest.hexdigest()


def described(error: OSError) -> str:
    """An error of the operating system as one line for people."""
    if not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of file systems that know no such thing
            raise
    finally:
        os.close(descriptor)
