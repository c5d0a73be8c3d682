"""The directory that holds the models of a machine: find them, verify them, add to them."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from captioner.config import default_models_dir
from captioner.errors import DownloadError, ModelError
from captioner.models.adopt import describe_directory
from captioner.models.manifest import (
    MANIFEST_FILE,
    Manifest,
    WindowRule,
    check_model_name,
    load_manifest,
    shipped_manifests,
)
from captioner.models.manifest_toml import format_manifest
from captioner.models.staging import Staging
from captioner.models.verification import Model, Report, verify_model


def _free_bytes(path: Path) -> int:
    return shutil.disk_usage(path).free


class ModelStore:
    """The models below one directory, each in a subdirectory of its name."""

    def __init__(self, root: Path, *, free_bytes: Callable[[Path], int] = _free_bytes) -> None:
        self.root = root
        self._free_bytes = free_bytes

    def path(self, name: str) -> Path:
        """Where the model of that name is, or would be.

        Raises:
            ModelError: when the name cannot be one.
        """
        return self.root / check_model_name(name)

    def installed(self) -> tuple[Model, ...]:
        """The models that are there, by name; their bytes are not looked at."""
        if not self.root.is_dir():
            return ()
        names = sorted(entry.name for entry in self.root.iterdir())
        return tuple(self._at_name(name) for name in names if self._is_model(name))

    def find(self, name_or_path: str | Path, *, verified: bool = True) -> Model:
        """The model of that name, or in that directory, ready to be loaded.

        A directory needs a manifest beside its files, or to hold exactly a model whose manifest
        ships with the package. Verifying reads every byte: about half a second a gigabyte.

        Raises:
            ModelError: there is none, or one of its files is missing or altered.
        """
        model = self._locate(name_or_path)
        if verified and not (report := verify_model(model)).ok:
            faults = "; ".join(fault.describe() for fault in report.faults)
            raise ModelError(f"the model in {model.directory} is not intact: {faults}")
        return model

    def verify(self, name_or_path: str | Path) -> Report:
        """Compare every file of a model with its manifest.

        Raises:
            ModelError: there is no such model.
        """
        return verify_model(self._locate(name_or_path))

    def holds(self, manifest: Manifest) -> bool:
        """Whether the files of that manifest are there, every byte."""
        directory = self.path(manifest.name)
        return directory.is_dir() and verify_model(Model(directory, manifest)).ok

    def add(
        self,
        directory: Path,
        name: str,
        *,
        licence: str = "unknown",
        description: str = "added by hand",
        window: WindowRule | None = None,
    ) -> Model:
        """Record the digests of a CTranslate2 Whisper directory as they are now.

        The manifest is written beside the files; the store gets a link under the name. Adding
        the same directory again records its present state.

        Raises:
            ModelError: it is no such directory, cannot be written to, or the name is taken.
        """
        link = self.path(name)
        manifest = describe_directory(
            directory, name, licence=licence, description=description, window=window or WindowRule()
        )
        shipped = shipped_manifests().get(name)
        if shipped and shipped.digest != manifest.digest:
            raise ModelError(f"{name!r} is the name of a well-known model with other bytes")
        if link.exists() and link.resolve() != directory.resolve():
            raise ModelError(f"{name!r} is taken: {link} is {link.resolve()}")
        manifest = shipped or manifest
        try:
            (directory / MANIFEST_FILE).write_text(format_manifest(manifest), encoding="utf-8")
            self._link(link, directory)
        except OSError as error:
            raise ModelError(f"cannot record {directory} as {name!r}: {error}") from error
        return Model(link, manifest)

    @contextmanager
    def staging(self, manifest: Manifest, *, on_wait: Callable[[], None]) -> Iterator[Staging]:
        """The unfinished copy of a model, for one process at a time.

        Leftovers of an earlier pull are kept if they are of the same manifest and removed
        otherwise. ``on_wait`` is called once when another process is fetching the model; the
        kernel releases its lock when it ends, however it ends.

        Raises:
            DownloadError: the store cannot be written to.
        """
        folder = self.root / ".staging"
        directory = folder / f"{self.path(manifest.name).name}-{manifest.short_digest}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / f"{manifest.name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DownloadError(f"cannot write to {self.root}: {error.strerror}") from error
        try:
            _lock(lock, on_wait)
            for stale in folder.glob(f"{manifest.name}-????????????"):
                if stale != directory:
                    shutil.rmtree(stale, ignore_errors=True)
            yield Staging(directory, manifest)
        finally:
            os.close(lock)

    def check_room(self, staging: Staging) -> None:
        """Refuse to begin what cannot fit.

        Raises:
            DownloadError: the disk has less room than the missing files need.
        """
        needed, free = staging.missing_bytes(), self._free_bytes(self.root)
        if free < needed:
            raise DownloadError(
                f"not enough room in {self.root}: {staging.manifest.name} needs "
                f"{megabytes(needed)} more, {megabytes(free)} are free"
            )

    def publish(self, staging: Staging) -> Model:
        """Make a complete staged model appear under its name."""
        staging.publish(self.path(staging.manifest.name))
        return Model(self.path(staging.manifest.name), staging.manifest)

    def _locate(self, name_or_path: str | Path) -> Model:
        text = str(name_or_path)
        by_name = os.sep not in text and not text.startswith(".")
        if by_name and self._is_model(text):
            return self._at_name(text)
        directory = Path(name_or_path)
        if directory.is_dir() and not (by_name and text in shipped_manifests()):
            return self._at_path(directory)
        known = shipped_manifests()
        if text in known:
            where = "" if self.root == default_models_dir() else f" --models-dir {self.root}"
            raise ModelError(
                f"model {text!r} is not in {self.root}: "
                f"fetch it with 'captioner models pull {text}{where}'"
            )
        raise ModelError(
            f"no model {text!r}: it is neither in {self.root}, nor a directory, nor one of "
            f"{', '.join(known)}"
        )

    def _is_model(self, name: str) -> bool:
        directory = self.root / name
        if name.startswith(".") or not directory.is_dir():
            return False
        return (directory / MANIFEST_FILE).is_file() or name in shipped_manifests()

    def _at_name(self, name: str) -> Model:
        directory = self.path(name)
        # Of a well-known model the shipped manifest decides: whoever altered the files could have
        # altered the manifest beside them.
        manifest = shipped_manifests().get(name) or load_manifest(directory / MANIFEST_FILE)
        return Model(directory, manifest)

    def _at_path(self, directory: Path) -> Model:
        if (directory / MANIFEST_FILE).is_file():
            manifest = load_manifest(directory / MANIFEST_FILE)
            shipped = shipped_manifests().get(manifest.name)
            same = shipped is not None and shipped.digest == manifest.digest
            return Model(directory, shipped if shipped is not None and same else manifest)
        for manifest in shipped_manifests().values():
            if verify_model(Model(directory, manifest), sizes_first=True).ok:
                return Model(directory, manifest)
        raise ModelError(
            f"{directory} has no {MANIFEST_FILE} and is none of the well-known models: record "
            f"what it is with 'captioner models add {directory} --name NAME'"
        )

    def _link(self, link: Path, directory: Path) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and not link.exists():
            link.unlink()  # it led to a directory that is gone
        if not link.exists():
            link.symlink_to(directory.resolve(), target_is_directory=True)


def megabytes(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 1e6:.1f} MB"


def _lock(descriptor: int, on_wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
