"""Fetching a model from wherever the operator has it.

A source is never trusted: a byte counts only when the digest of its file is right. So sources
are tried in the operator's order, and what one of them brought the next need not bring again.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from captioner.errors import DownloadError
from captioner.models.manifest import Manifest
from captioner.models.staging import Staging, copy_bounded
from captioner.models.store import ModelStore, megabytes
from captioner.models.verification import Model

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Progress(Protocol):
    """Who is told how a pull goes."""

    def advance(self, label: str, done: int, total: int) -> None:
        """So many bytes of the file or package ``label`` have arrived, out of ``total``."""
        ...

    def note(self, line: str) -> None:
        """Something happened that is worth one line."""
        ...


class Source(Protocol):
    """Somewhere a model can be had from."""

    @property
    def label(self) -> str:
        """How messages call it: ``folder /mnt/models``."""
        ...

    def fetch(self, manifest: Manifest, staging: Staging, *, progress: Progress) -> None:
        """Bring the files that ``staging`` lacks, each through ``staging.accept``.

        Raises:
            DownloadError: a file could not be had, or has the wrong bytes; one line.
            OSError: the staging folder could not be written.
        """
        ...


class FolderSource:
    """A directory that holds the files, or holds them in a subdirectory named as the model."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def label(self) -> str:
        """The word folder and its path."""
        return f"folder {self._directory}"

    def fetch(self, manifest: Manifest, staging: Staging, *, progress: Progress) -> None:
        """Copy the missing files."""
        folder = self._directory / manifest.name
        if not folder.is_dir():
            folder = self._directory
        for name in staging.missing():
            self._copy(folder / name, staging, progress)
            staging.accept(name)

    def _copy(self, origin: Path, staging: Staging, progress: Progress) -> None:
        total = staging.manifest.files[origin.name].size
        try:
            stream = origin.open("rb")
        except OSError as error:
            raise DownloadError(f"{origin} cannot be read: {error.strerror}") from error
        with stream, staging.partial(origin.name).open("wb") as target:
            copy_bounded(
                stream.read,
                target.write,
                limit=total,
                done=lambda done: progress.advance(origin.name, done, total),
            )


def pull(
    manifest: Manifest, sources: Sequence[Source], *, store: ModelStore, progress: Progress
) -> Model:
    """Fetch a model into the store, unless it is there already; it appears whole or not at all.

    Several processes may pull the same model at once: one fetches, the others wait and find it.

    Raises:
        DownloadError: no source could bring it (the text gives each one's reason), the disk is
            full, or the store cannot be written to.
    """
    if store.holds(manifest):
        return Model(store.path(manifest.name), manifest)

    def on_wait() -> None:
        progress.note(f"another process is fetching {manifest.name}; waiting for it")

    with store.staging(manifest, on_wait=on_wait) as staging:
        if store.holds(manifest):  # the process that held the lock brought it
            staging.discard()
            return Model(store.path(manifest.name), manifest)
        try:
            staging.prepare()
            store.check_room(staging)
            _fetch_from_any(manifest, sources, staging, progress=progress)
            return store.publish(staging)
        except OSError as error:
            raise _storing_failed(error, staging, store) from error


def _fetch_from_any(
    manifest: Manifest, sources: Sequence[Source], staging: Staging, *, progress: Progress
) -> None:
    reasons: list[str] = []
    for source in sources:
        if not staging.missing():
            break
        progress.note(f"fetching {manifest.name} ({megabytes(manifest.size)}) from {source.label}")
        try:
            source.fetch(manifest, staging, progress=progress)
        except DownloadError as error:
            reasons.append(f"{source.label}: {error}")
            progress.note(reasons[-1])
    if missing := staging.missing():
        why = "; ".join(reasons) or "no source was given"
        raise DownloadError(f"could not fetch {', '.join(missing)} of {manifest.name}: {why}")


def _storing_failed(error: OSError, staging: Staging, store: ModelStore) -> DownloadError:
    """What to tell of an error of the disk; a full one gets its room back."""
    name = staging.manifest.name
    if error.errno in _DISK_FULL:
        staging.discard()
        return DownloadError(
            f"the disk of {store.root} is full: {name} takes {megabytes(staging.manifest.size)}; "
            "what had been fetched was removed"
        )
    return DownloadError(f"cannot write {name} to {store.root}: {error}")
