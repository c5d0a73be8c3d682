"""The record of a job on disk: its manifest, and the journal of what it decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from captioner.batch.files import unusable
from captioner.batch.journal import Journal
from captioner.batch.manifest import JOURNAL_NAME, Entry, History, Manifest


class Record:
    """What makes a job resumable; a context manager that closes its files and leaves them."""

    def __init__(self, folder: Path) -> None:
        """Name it; nothing is written before `begin`."""
        self._folder = folder
        self._manifest = Manifest(folder)
        self._opened = ExitStack()
        self.journal = Journal(folder / JOURNAL_NAME)
        """Open from `begin` on."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def begin(self, history: History) -> None:
        """Write what is to be done.

        Raises:
            FolderUnusable: the disk is full or read-only.
            OSError: it cannot be written.
        """
        with self._explained():
            self._manifest.begin(history)
            self._opened.enter_context(self._manifest)
            self._opened.enter_context(self.journal)

    def note(self, entry: Entry) -> None:
        """Write what became of a document; raises like `begin`."""
        with self._explained():
            self._manifest.note(entry)

    def end(self) -> None:
        """Write that the job came to its end; raises like `begin`."""
        with self._explained():
            self._manifest.end()
            self.journal.remove()

    def remove(self) -> None:
        """Delete everything: there is nothing to resume, and nobody will ask."""
        self._opened.close()
        self._manifest.remove()
        self.journal.remove()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise unusable(self._folder, error) or error from None
