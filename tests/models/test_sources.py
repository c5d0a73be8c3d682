"""Tests of ``captioner.models.sources`` and ``staging``."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from model_fakes import FILES, Recorder, digest_of, read_files, toy, write_files

from captioner.errors import DownloadError
from captioner.models.manifest import Manifest
from captioner.models.manifest_toml import format_manifest
from captioner.models.sources import FolderSource, Progress, Source, pull
from captioner.models.staging import Staging, check_digest
from captioner.models.store import ModelStore


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "origin")


def leftovers(store: ModelStore) -> list[str]:
    return sorted(path.name for path in store.root.glob(".staging/*") if path.is_dir())


class Broken:
    """A source that brings some files, then fails."""

    label = "broken source"

    def __init__(self, brings: dict[str, bytes], error: Exception) -> None:
        self.brings = brings
        self.error = error

    def fetch(self, manifest: Manifest, staging: Staging, *, progress: Progress) -> None:
        for name, data in self.brings.items():
            staging.partial(name).write_bytes(data)
            staging.accept(name)
        raise self.error


def test_a_model_is_copied_from_a_folder_and_the_staging_is_gone(
    store: ModelStore, folder: Path
) -> None:
    progress = Recorder()
    model = pull(toy(), [FolderSource(folder)], store=store, progress=progress)
    assert read_files(model.directory) == FILES
    assert store.find("toy").manifest == toy()
    assert leftovers(store) == []
    size = len(FILES["model.bin"])
    assert ("model.bin", size, size) in progress.advances
    assert progress.notes == [f"fetching toy (0.1 MB) from folder {folder}"]


def test_a_folder_of_models_is_a_source_too(store: ModelStore, tmp_path: Path) -> None:
    write_files(tmp_path / "models" / "toy")
    source = FolderSource(tmp_path / "models")
    model = pull(toy(), [source], store=store, progress=Recorder())
    assert read_files(model.directory) == FILES


def test_a_model_that_is_there_is_not_fetched_again(store: ModelStore, folder: Path) -> None:
    pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    progress = Recorder()
    assert pull(toy(), [], store=store, progress=progress).name == "toy"
    assert progress.notes == []


def test_an_altered_model_is_replaced(store: ModelStore, folder: Path) -> None:
    model = pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    (model.directory / "model.bin").write_bytes(b"altered")
    pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert store.verify("toy").ok
    assert leftovers(store) == []


def test_a_link_to_an_altered_model_is_replaced_and_what_it_led_to_is_left_alone(
    store: ModelStore, folder: Path, tmp_path: Path
) -> None:
    other = write_files(tmp_path / "other", {**FILES, "config.json": b"{}"})
    store.root.mkdir()
    store.path("toy").symlink_to(other)
    pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert store.verify("toy").ok
    assert (other / "config.json").read_bytes() == b"{}"


def test_wrong_bytes_are_refused_with_file_expected_and_actual_digest(
    store: ModelStore, tmp_path: Path
) -> None:
    wrong = b"x" * len(FILES["config.json"])
    folder = write_files(tmp_path / "origin", {**FILES, "config.json": wrong})
    with pytest.raises(DownloadError) as caught:
        pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert "config.json has the wrong bytes" in str(caught.value)
    assert digest_of(FILES["config.json"]).sha256 in str(caught.value)
    assert digest_of(wrong).sha256 in str(caught.value)
    assert not store.path("toy").exists()


def test_a_file_longer_than_expected_is_refused_before_it_fills_the_disk(
    store: ModelStore, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "origin", {**FILES, "config.json": FILES["config.json"] + b"x"})
    with pytest.raises(DownloadError, match="more bytes than the 21 expected"):
        pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())


def test_a_folder_that_lacks_a_file_says_which(store: ModelStore, folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DownloadError, match=r"tokenizer\.json cannot be read: No such file"):
        pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert not store.path("toy").exists()


def test_sources_are_tried_in_order_and_share_what_they_brought(
    store: ModelStore, folder: Path
) -> None:
    first = Broken({"model.bin": FILES["model.bin"]}, DownloadError("out of tape"))
    (folder / "model.bin").unlink()  # only the first source has it
    progress = Recorder()
    pull(toy(), [first, FolderSource(folder)], store=store, progress=progress)
    assert store.verify("toy").ok
    assert "broken source: out of tape" in progress.notes


def test_when_every_source_fails_the_error_has_every_reason(store: ModelStore) -> None:
    sources: list[Source] = [
        Broken({}, DownloadError("out of tape")),
        FolderSource(Path("/nonexistent")),
    ]
    with pytest.raises(DownloadError) as caught:
        pull(toy(), sources, store=store, progress=Recorder())
    assert "broken source: out of tape; folder /nonexistent: /nonexistent/config.json" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


def test_without_a_source_the_error_says_so(store: ModelStore) -> None:
    with pytest.raises(DownloadError, match="no source was given"):
        pull(toy(), [], store=store, progress=Recorder())


def test_a_verified_file_is_kept_for_the_next_pull(store: ModelStore, folder: Path) -> None:
    with pytest.raises(DownloadError):
        pull(
            toy(),
            [Broken({"model.bin": FILES["model.bin"]}, DownloadError("broke off"))],
            store=store,
            progress=Recorder(),
        )
    assert not store.path("toy").exists()
    assert len(leftovers(store)) == 1
    (folder / "model.bin").unlink()
    pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert store.verify("toy").ok


def test_a_leftover_that_was_altered_meanwhile_is_fetched_again(
    store: ModelStore, folder: Path
) -> None:
    broken = Broken({"model.bin": FILES["model.bin"]}, DownloadError("broke off"))
    with pytest.raises(DownloadError):
        pull(toy(), [broken], store=store, progress=Recorder())
    (kept,) = store.root.glob(".staging/*/ready/model.bin")
    kept.write_bytes(b"altered")
    pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert store.verify("toy").ok


def test_leftovers_of_another_version_of_the_model_are_removed(
    store: ModelStore, folder: Path
) -> None:
    older = replace(toy(), files={**toy().files, "config.json": digest_of(b"old")})
    with pytest.raises(DownloadError):
        pull(older, [], store=store, progress=Recorder())
    with pytest.raises(DownloadError):
        pull(toy(name="toy-two"), [], store=store, progress=Recorder())
    pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert leftovers(store) == [f"toy-two-{toy().short_digest}"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_gives_one_clear_error_and_leaves_nothing(
    store: ModelStore, folder: Path
) -> None:
    partial = store.root / ".staging" / f"toy-{toy().short_digest}" / "partial"
    partial.mkdir(parents=True)
    (partial / "model.bin").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"the disk of .*store is full: toy takes 0\.1 MB"):
        pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
    assert leftovers(store) == []
    assert not store.path("toy").exists()


def test_a_full_disk_is_not_the_next_sources_problem(store: ModelStore, folder: Path) -> None:
    full = Broken({}, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(DownloadError, match="is full"):
        pull(toy(), [full, FolderSource(folder)], store=store, progress=Recorder())


def test_another_error_of_the_disk_keeps_what_was_fetched(store: ModelStore) -> None:
    source = Broken({"model.bin": FILES["model.bin"]}, OSError(errno.EIO, "Input/output error"))
    with pytest.raises(DownloadError, match=r"cannot write toy to .*Input/output error"):
        pull(toy(), [source], store=store, progress=Recorder())
    assert len(leftovers(store)) == 1


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_a_pull_begins_only_when_the_model_fits(
    tmp_path: Path, folder: Path, spare: int, fits: bool
) -> None:
    store = ModelStore(tmp_path / "store", free_bytes=lambda _: toy().size + spare)
    if fits:
        pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())
        assert store.verify("toy").ok
    else:
        with pytest.raises(DownloadError, match=r"not enough room in .*needs 0\.1 MB more"):
            pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())


def test_a_store_below_a_file_is_an_error(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "file").touch()
    store = ModelStore(tmp_path / "file" / "store")
    with pytest.raises(DownloadError, match=r"cannot write to .*file/store"):
        pull(toy(), [FolderSource(folder)], store=store, progress=Recorder())


def test_a_pull_waits_for_another_one_and_then_finds_the_model(
    store: ModelStore, folder: Path
) -> None:
    waiting = threading.Event()

    class Waiting(Recorder):
        def note(self, line: str) -> None:
            super().note(line)
            waiting.set()

    progress = Waiting()
    second = threading.Thread(
        target=pull, args=(toy(), []), kwargs={"store": store, "progress": progress}
    )
    with store.staging(toy(), on_wait=lambda: None) as staging:
        staging.prepare()
        second.start()
        assert waiting.wait(30)
        FolderSource(folder).fetch(toy(), staging, progress=Recorder())
        store.publish(staging)
    second.join(30)
    assert progress.notes == ["another process is fetching toy; waiting for it"]
    assert store.verify("toy").ok


PROGRAM = """
import sys
from pathlib import Path
from captioner.models.manifest import load_manifest
from captioner.models.sources import FolderSource, pull
from captioner.models.store import ModelStore

class Silent:
    def advance(self, label, done, total): pass
    def note(self, line): pass

store, manifest, origin = map(Path, sys.argv[1:])
pull(load_manifest(manifest), [FolderSource(origin)], store=ModelStore(store), progress=Silent())
"""


def test_processes_that_pull_the_same_model_at_once_all_succeed(
    store: ModelStore, folder: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "toy.toml"
    manifest.write_text(format_manifest(toy()))
    command = [sys.executable, "-c", PROGRAM, str(store.root), str(manifest), str(folder)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert store.verify("toy").ok
    assert leftovers(store) == []


def test_the_lock_of_a_process_that_died_holds_nobody_up(store: ModelStore, folder: Path) -> None:
    (store.root / ".staging").mkdir(parents=True)
    os.close(os.open(store.root / ".staging" / "toy.lock", os.O_CREAT | os.O_RDWR))
    progress = Recorder()
    pull(toy(), [FolderSource(folder)], store=store, progress=progress)
    assert not any("waiting" in note for note in progress.notes)


def test_a_file_with_the_wrong_digest_is_deleted(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"wrong")
    with pytest.raises(DownloadError, match=r"part one has .* \(5 bytes\), got .* \(5 bytes\)"):
        check_digest(file, digest_of(b"right"), "part one")
    assert not file.exists()
