from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from captioner.cli.files import write_whole


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.vtt"
    write_whole(path, "éà\n\n")
    assert path.read_bytes() == "éà\n\n".encode()
    assert os.listdir(path.parent) == ["b.vtt"]  # noqa: PTH208 - names are what counts


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "b.vtt"
    path.write_text("old")
    write_whole(path, "new")
    assert path.read_text() == "new"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "b.vtt"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.vtt"]


def test_a_new_file_can_be_read_as_any_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "a")
    (tmp_path / "b.txt").write_text("b")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode
