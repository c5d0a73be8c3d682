"""Recordings by what people type: files, folders and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from captioner.errors import InvalidRequest

SUFFIXES: Final = frozenset(
    {
        ".3gp", ".aac", ".aif", ".aiff", ".amr", ".asf", ".au", ".avi", ".caf", ".flac", ".flv",
        ".m2ts", ".m4a", ".m4b", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg",
        ".mpg", ".mpga", ".mts", ".oga", ".ogg", ".ogv", ".opus", ".spx", ".ts", ".tta", ".w64",
        ".wav", ".weba", ".webm", ".wma", ".wmv", ".wv",
    }
)  # fmt: skip
"""Of the files in folders that are taken for recordings."""


@dataclass(frozen=True, slots=True)
class Found:
    """A recording, and where its transcript goes."""

    path: Path
    name: PurePath
    """Place in the output folder, without suffix."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The recordings that were asked for, in order, each once."""

    found: tuple[Found, ...]
    problems: tuple[str, ...] = ()
    """Folders that cannot be read, a sentence each."""


def list_recordings(arguments: Sequence[str]) -> Listing:
    """Find the recordings that files, folders and patterns stand for.

    A file is taken whatever its name, and need not be there. Folders give what lies in and below
    them with one of `SUFFIXES`, sorted by name, without hidden files and folders; patterns such as
    ``talks/**/*.mp3`` the same of what they match. Transcripts keep their place below the folder,
    or below the part of a pattern that has no wildcard.

    Raises:
        InvalidRequest: a folder cannot be read, there is no recording in it, or none that a
            pattern matches.
    """
    found: dict[str, Found] = {}
    problems: list[str] = []
    for argument in arguments:
        for each in _expand(argument, problems.append):
            found.setdefault(os.path.abspath(each.path), each)  # noqa: PTH100 - links stay
    return Listing(tuple(found.values()), tuple(dict.fromkeys(problems)))


def _expand(argument: str, tell: Callable[[str], None]) -> Iterator[Found]:
    path = Path(argument)
    if path.is_dir():
        base, paths = path, _below(path, tell)
    elif glob.has_magic(argument) and not path.exists():
        base, paths = _fixed_part(path), _matches(argument)
    else:
        yield Found(path, PurePath(path.stem))
        return
    count = 0
    for count, each in enumerate(paths, start=1):  # noqa: B007 - counted for after the loop
        yield Found(each, each.relative_to(base).with_suffix(""))
    if not count:
        where = f"{argument} holds" if path.is_dir() else f"{argument} matches"
        known = " ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        raise InvalidRequest(f"{where} no recording (looked for {known})")


def _below(folder: Path, tell: Callable[[str], None]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        problem = f"{error.filename} cannot be read: {error.strerror}"
        if Path(error.filename) == folder:
            raise InvalidRequest(problem)
        tell(problem)

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES:
                yield path


def _matches(pattern: str) -> Iterator[Path]:
    wanted = SUFFIXES | ({PurePath(pattern).suffix.lower()} - {""})
    for match in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207 - knows hidden files
        path = Path(match)
        if path.suffix.lower() in wanted and path.is_file():
            yield path


def _fixed_part(pattern: Path) -> Path:
    """The folders in front of the first wildcard."""
    fixed: list[str] = []
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)
