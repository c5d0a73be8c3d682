"""What a folder of transcripts knows of its jobs: a file of JSON lines beside them.

    {"captioner_job": 1}
    {"asked": {"model": "base", ...}}
    {"document": {"name": "2024/talk", "state": "waiting", "tracks": [...], "shards": [1], ...}}
    {"document": {"name": "2024/talk", "state": "done", ...}}
    {"ended": true}

The last line about a document counts. A job writes the file anew when it begins, whole or not at
all, and then a line for each document that is done or failed. So a crash costs no more than a line
that was not complete, and ten thousand documents are not written ten thousand times.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pydantic import TypeAdapter, ValidationError

from captioner.batch.files import write_whole
from captioner.batch.job import Track
from captioner.errors import InvalidRequest

FILE_NAME: Final = ".captioner-job.jsonl"
JOURNAL_NAME: Final = ".captioner-job.journal"
FORMAT: Final = 1
_FIRST: Final = "captioner_job"


class State(Enum):
    """How far a document is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whatever changes the text of a transcript, or how it is laid out."""

    model: str
    digest: str
    """Of the model; empty where only the cluster has it."""
    compute_type: str
    language: str
    beam_size: int
    window: str
    key_terms: tuple[str, ...]
    profile: str
    keep_partial: bool
    """Makes no difference to what is whole; what is not counts as failed, and is done again."""

    @property
    def key(self) -> str:
        """What documents refer to it by."""
        values = json.dumps(_plain(replace(self, keep_partial=False)), sort_keys=True)
        return hashlib.sha256(values.encode()).hexdigest()[:12]

    def differences(self, other: Asked) -> list[str]:
        """The names of what is not the same."""
        return [
            field_.name.replace("_", " ")
            for field_ in fields(self)
            if field_.name != "keep_partial"
            and getattr(self, field_.name) != getattr(other, field_.name)
        ]


@dataclass(frozen=True, slots=True)
class Source:
    """A track, and which bytes its file held."""

    path: str
    size: int
    """-1 where it could not be told."""
    mtime_ns: int
    digest: str = ""
    """From `sampled_digest`; empty until the document is done."""
    stream: int = 0
    channel: int | None = None
    speaker: str = ""
    offset: int = 0

    @classmethod
    def of(cls, track: Track) -> Source:
        """A track as it is now."""
        try:
            found = track.path.stat()
            size, mtime_ns = found.st_size, found.st_mtime_ns
        except OSError:
            size, mtime_ns = -1, 0
        return cls(
            path=str(track.path),
            size=size,
            mtime_ns=mtime_ns,
            stream=track.stream,
            channel=track.channel,
            speaker=track.speaker,
            offset=track.offset,
        )

    def is_still(self, other: Source, digest_of: Callable[[Path], str]) -> bool:
        """Whether another is the same part of the same bytes, wherever the file is now."""
        same_part = (self.stream, self.channel, self.speaker, self.offset) == (
            other.stream,
            other.channel,
            other.speaker,
            other.offset,
        )
        if not same_part or self.size < 0 or self.size != other.size:
            return False
        if self.mtime_ns == other.mtime_ns:
            return True
        try:
            return bool(self.digest) and digest_of(Path(other.path)) == self.digest
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written."""

    path: str
    """From the output folder."""
    size: int
    digest: str
    """SHA-256, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one document."""

    name: str
    asked: str
    """The `key` of what was asked."""
    tracks: tuple[Source, ...]
    shards: tuple[int, ...] = ()
    """For each track the shard that it is in; none once its job has ended."""
    state: State = State.WAITING
    outputs: tuple[Written, ...] = ()
    seconds: float = 0.0
    """Of audio."""
    words: int = 0
    speakers: tuple[str, ...] = ()
    reason: str = ""
    """Why it failed, or what is missing from it."""


@dataclass(frozen=True, slots=True)
class History:
    """What a manifest says."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    asked: Mapping[str, Asked] = field(default_factory=dict)
    ended: bool = True
    """Whether the last job came to its end: failures count as an end, interruptions do not."""


_ENTRY = TypeAdapter(Entry)
_ASKED = TypeAdapter(Asked)


def parse(text: str, *, name: str) -> History:
    """Read a manifest; lines at its end that were not completely written are left out.

    Raises:
        InvalidRequest: it is none, of another version, or damaged before its end.
    """
    lines = text.split("\n")
    _check_first(lines[0], name)
    entries: dict[str, Entry] = {}
    asked: dict[str, Asked] = {}
    ended, bad = False, 0
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        value = _read(line)
        if value is None:
            bad = bad or number
            continue
        if bad:
            raise InvalidRequest(
                f"{name} is damaged at line {bad}: move it away to start over "
                "(transcripts that were written stay)"
            )
        if isinstance(value, Entry):
            entries[value.name] = value
        elif isinstance(value, Asked):
            asked[value.key] = value
        ended = value is True
    return History(entries, asked, ended)


def render(history: History) -> str:
    """The text that `parse` reads."""
    values: list[dict[str, Any]] = [{_FIRST: FORMAT}]
    used = {entry.asked for entry in history.entries.values()}
    values += [{"asked": _plain(asked)} for key, asked in history.asked.items() if key in used]
    values += [{"document": _plain(entry)} for entry in history.entries.values()]
    values += [{"ended": True}] if history.ended else []
    return "".join(_line(value) for value in values)


class Manifest:
    """The manifest of a folder while a job works on it: a context manager."""

    def __init__(self, folder: Path) -> None:
        """Name it; nothing is read or written yet."""
        self.path = folder / FILE_NAME
        self._descriptor = -1

    def read(self) -> History:
        """What earlier jobs left; an empty history where there were none.

        Raises:
            InvalidRequest: the file is no manifest, of another version, or damaged.
            OSError: it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return History()
        return parse(data.decode(errors="replace"), name=str(self.path))

    def begin(self, history: History) -> None:
        """Write what is to be done, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        write_whole(self.path, render(history))
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def note(self, entry: Entry) -> None:
        """Add what became of a document, and wait until the disk has it.

        Raises:
            OSError: it cannot be written.
        """
        self._append({"document": _plain(entry)})

    def end(self) -> None:
        """Add that the job came to its end.

        Raises:
            OSError: it cannot be written.
        """
        self._append({"ended": True})

    def remove(self) -> None:
        """Delete it: nobody will want to resume."""
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, value: dict[str, Any]) -> None:
        data = memoryview(_line(value).encode())
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fdatasync(self._descriptor)


def numbers_of(entries: Iterable[Entry]) -> Iterator[int]:
    """The numbers of all shards."""
    for entry in entries:
        yield from entry.shards


def _check_first(line: str, name: str) -> None:
    try:
        found = json.loads(line)[_FIRST]
    except (ValueError, TypeError, KeyError):
        raise InvalidRequest(
            f"{name} was not written by this program: move it away to start over"
        ) from None
    if found != FORMAT:
        raise InvalidRequest(
            f"{name} is of format {found}, this version reads format {FORMAT}: use the version "
            "that wrote it, or move it away to start over"
        )


def _read(line: str) -> Entry | Asked | bool | None:
    """What a line says; None when it is not whole."""
    try:
        value = json.loads(line)
        if "document" in value:
            return _ENTRY.validate_python(value["document"])
        if "asked" in value:
            return _ASKED.validate_python(value["asked"])
        return True if value["ended"] is True else None
    except (ValueError, TypeError, KeyError, ValidationError):
        return None


def _plain(value: Entry | Asked) -> dict[str, Any]:
    adapter: TypeAdapter[Any] = _ENTRY if isinstance(value, Entry) else _ASKED
    plain: dict[str, Any] = adapter.dump_python(value, mode="json")
    return plain


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


def same_sources(
    recorded: Sequence[Source], found: Sequence[Source], digest_of: Callable[[Path], str]
) -> bool:
    """Whether all tracks are still what they were, in the same order."""
    return len(recorded) == len(found) and all(
        old.is_still(new, digest_of) for old, new in zip(recorded, found, strict=True)
    )
