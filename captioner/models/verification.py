"""Comparing the files of a model with what its manifest says of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from captioner.errors import ModelError
from captioner.models.digest import sha256_of
from captioner.models.manifest import FileDigest, Manifest


@dataclass(frozen=True, slots=True)
class Model:
    """A model on this machine."""

    directory: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """The name in its manifest."""
        return self.manifest.name


class FileState(Enum):
    """What verifying found of one file."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of a model, compared with its manifest."""

    name: str
    state: FileState
    expected: FileDigest
    actual: FileDigest | None
    """None when the file is missing."""

    def describe(self) -> str:
        """One line: the file, its state, and the digests when they differ."""
        line = f"{self.name}: {self.state.value}"
        if self.state is not FileState.ALTERED or self.actual is None:
            return line
        return (
            f"{line}, expected sha256 {self.expected.sha256} ({self.expected.size} bytes), "
            f"got {self.actual.sha256} ({self.actual.size} bytes)"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """A whole model, compared with its manifest."""

    model: Model
    files: tuple[FileReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every file has the bytes it must have."""
        return not self.faults

    @property
    def faults(self) -> tuple[FileReport, ...]:
        """The files that are missing or altered."""
        return tuple(file for file in self.files if file.state is not FileState.OK)


def verify_model(model: Model, *, sizes_first: bool = False) -> Report:
    """Compare every file with the manifest.

    ``sizes_first`` reads no bytes when a size is wrong already; the digests are then empty.
    """
    files = model.manifest.files.items()
    if sizes_first and any(
        not (path := model.directory / name).is_file() or path.stat().st_size != expected.size
        for name, expected in files
    ):
        return Report(
            model, tuple(FileReport(name, FileState.MISSING, want, None) for name, want in files)
        )
    return Report(model, tuple(_verify_file(model.directory / name, want) for name, want in files))


def _verify_file(path: Path, expected: FileDigest) -> FileReport:
    if not path.is_file():
        return FileReport(path.name, FileState.MISSING, expected, None)
    try:
        actual = FileDigest(sha256_of(path), path.stat().st_size)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    state = FileState.OK if actual == expected else FileState.ALTERED
    return FileReport(path.name, state, expected, actual)
