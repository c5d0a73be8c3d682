"""One job at a time in a folder of transcripts."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from captioner.batch.files import FolderUnusable
from captioner.errors import ResourceExhausted

FILE_NAME: Final = ".captioner-job.lock"
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # some network file systems have none


class FolderInUse(ResourceExhausted):
    """Another job writes into the folder."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other jobs out of a folder; the kernel lets go when the process ends, however it ends.

    Raises:
        FolderInUse: another job is there.
        FolderUnusable: nothing can be written there.
    """
    path = folder / FILE_NAME
    descriptor = _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is still ours
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise FolderUnusable(f"cannot write to {path.parent}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise FolderInUse(
                f"another job is writing into {path.parent}: wait until it ends, or write into "
                "another folder"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)  # the job before us ended, and removed it, in between


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
