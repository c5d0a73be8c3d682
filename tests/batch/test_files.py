from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from captioner.batch.files import (
    SAMPLE_BYTES,
    FolderUnusable,
    described,
    remove_staged,
    sampled_digest,
    write_below,
    write_whole,
)


def full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.vtt"
    write_whole(path, "éà\n\n")
    assert path.read_bytes() == "éà\n\n".encode()
    assert names_in(path.parent) == ["b.vtt"]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "b.vtt"
    path.write_text("old")
    write_whole(path, "new")
    assert path.read_text() == "new"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "b.vtt"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["b.vtt"]


def test_a_new_file_can_be_read_as_any_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.txt", "a")
    (tmp_path / "b.txt").write_text("b")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_folder_that_cannot_be_synced_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112 - of a descriptor
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "a.txt", "a")
    assert (tmp_path / "a.txt").read_text() == "a"


def test_a_full_disk_says_that_the_folder_is_of_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FolderUnusable, match=f"cannot write to {tmp_path}: No space left"):
        write_below(tmp_path, tmp_path / "a.txt", "a")


def test_a_real_limit_on_the_size_of_files_is_an_error_of_that_file(tmp_path: Path) -> None:
    program = (
        "import resource, sys; from pathlib import Path;"
        "from captioner.batch.files import write_below;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "folder = Path(sys.argv[1]); write_below(folder, folder / 'a.txt', 'a' * 2000)"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000
    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path], check=False, capture_output=True, text=True
    )
    assert "File too large" in ran.stderr
    assert "FolderUnusable" not in ran.stderr
    assert names_in(tmp_path) == []


def test_the_folder_itself_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="is gone"):
        write_below(tmp_path / "gone", tmp_path / "gone" / "sub" / "a.txt", "a")
    write_below(tmp_path, tmp_path / "sub" / "a.txt", "a")
    assert (tmp_path / "sub" / "a.txt").exists()


def test_what_was_left_half_written_is_removed(tmp_path: Path) -> None:
    for name in (".a.vtt.1.part", ".a.vtt.22.part", ".b.vtt.1.part", "a.vtt", ".a.vtt.x.part"):
        (tmp_path / name).touch()
    remove_staged([tmp_path / "a.vtt", tmp_path / "missing" / "c.vtt"])
    assert names_in(tmp_path) == [".a.vtt.x.part", ".b.vtt.1.part", "a.vtt"]


@pytest.mark.parametrize("size", [0, 1, SAMPLE_BYTES, SAMPLE_BYTES + 1, 3 * SAMPLE_BYTES])
def test_a_digest_tells_both_ends_and_the_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(size))
    before = sampled_digest(path)
    path.write_bytes(bytes(size + 1))
    assert sampled_digest(path) != before
    if size:
        for data in (b"x" + bytes(size - 1), bytes(size - 1) + b"x"):
            path.write_bytes(data)
            assert sampled_digest(path) != before


def test_a_digest_does_not_read_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(3 * SAMPLE_BYTES))
    before = sampled_digest(path)
    path.write_bytes(bytes(SAMPLE_BYTES) + b"x" + bytes(2 * SAMPLE_BYTES - 1))
    assert sampled_digest(path) == before


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(errno.EIO, "Input/output error", "a.vtt"), "a.vtt: Input/output error"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("of another kind"), "of another kind"),
    ],
)
def test_an_error_of_the_system_is_one_line(error: OSError, text: str) -> None:
    assert described(error) == text
