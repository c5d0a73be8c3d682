"""Results on disk, and what comes through a pipe."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from captioner.batch.files import write_whole
from captioner.errors import InvalidRequest

__all__ = ["spooled_input", "write_whole"]


@contextmanager
def spooled_input(name: str) -> Iterator[Path]:
    """All of standard input as a file of that stem, which only this user can read.

    It is in a temporary folder, and gone afterwards: a recording must be there whole, since some
    formats keep their table of contents at the end.

    Raises:
        InvalidRequest: standard input is a terminal.
        OSError: there is no room for it.
    """
    if sys.stdin.isatty():
        raise InvalidRequest("standard input is a terminal: send a recording through a pipe")
    with tempfile.TemporaryDirectory(prefix="captioner-") as folder:
        path = Path(folder, f"{name}.recording")
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path
