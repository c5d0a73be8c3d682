from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
from pathlib import Path

import pytest

from captioner.batch.files import FolderUnusable
from captioner.batch.lock import FILE_NAME, FolderInUse, locked


def test_one_job_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    with locked(tmp_path):
        with (
            pytest.raises(FolderInUse, match=f"another job is writing into {tmp_path}"),
            locked(tmp_path),
        ):
            pytest.fail("two at once")
        assert (tmp_path / FILE_NAME).exists()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        pass


def test_the_lock_of_a_job_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with locked(tmp_path):
        assert (tmp_path / FILE_NAME).exists()


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderUnusable, match="file: Not a directory"), locked(tmp_path / "file"):
        pytest.fail("locked a file")


def _hold(folder: Path, turns: int) -> None:
    for _ in range(turns):
        while True:
            try:
                with locked(folder):
                    descriptor = os.open(folder / "inside", os.O_CREAT | os.O_EXCL)
                    os.close(descriptor)
                    (folder / "inside").unlink()
                break
            except FolderInUse:
                continue


def test_processes_that_come_and_go_are_never_in_it_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_hold, args=(tmp_path, 50)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
