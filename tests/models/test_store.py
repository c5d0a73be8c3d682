"""Tests of ``captioner.models.store``, ``verification`` and ``adopt``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from model_fakes import FILES, Recorder, toy, weights, write_files

from captioner.config import default_models_dir, load_settings
from captioner.errors import ModelError
from captioner.models.manifest import MANIFEST_FILE, WindowRule, load_manifest, shipped_manifest
from captioner.models.manifest_toml import format_manifest
from captioner.models.sources import FolderSource, pull
from captioner.models.store import ModelStore
from captioner.models.verification import FileState


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path / "store")
    pull(
        toy(),
        [FolderSource(write_files(tmp_path / "origin"))],
        store=store,
        progress=Recorder(),
    )
    return store


def test_an_intact_model_is_found_by_name_with_its_manifest(store: ModelStore) -> None:
    model = store.find("toy")
    assert model.directory == store.path("toy")
    assert model.manifest == toy()


def test_a_directory_with_a_manifest_is_found_by_path(store: ModelStore, tmp_path: Path) -> None:
    moved = shutil.copytree(store.path("toy"), tmp_path / "elsewhere")
    assert store.find(moved).manifest == toy()
    assert store.find(str(moved)).directory == moved


def test_a_store_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert ModelStore(tmp_path / "none").installed() == ()


def test_installed_models_are_listed_without_staging_or_strangers(store: ModelStore) -> None:
    (store.root / "stranger").mkdir()
    (store.root / "note.txt").touch()
    assert [model.name for model in store.installed()] == ["toy"]


def test_a_missing_file_is_reported(store: ModelStore) -> None:
    (store.path("toy") / "tokenizer.json").unlink()
    report = store.verify("toy")
    assert not report.ok
    assert [(fault.name, fault.state) for fault in report.faults] == [
        ("tokenizer.json", FileState.MISSING)
    ]
    with pytest.raises(ModelError, match=r"not intact: tokenizer\.json: missing"):
        store.find("toy")


def test_an_altered_byte_is_reported_with_both_digests(store: ModelStore) -> None:
    weights_file = store.path("toy") / "model.bin"
    data = bytearray(weights_file.read_bytes())
    data[-1] ^= 1
    weights_file.write_bytes(data)
    (fault,) = store.verify("toy").faults
    assert fault.state is FileState.ALTERED
    assert fault.actual is not None
    assert fault.expected.sha256 in fault.describe()
    assert fault.actual.sha256 in fault.describe()
    with pytest.raises(ModelError, match=r"model\.bin: altered, expected sha256"):
        store.find("toy")


def test_an_altered_model_can_be_found_when_nobody_asks_for_its_bytes(store: ModelStore) -> None:
    (store.path("toy") / "model.bin").write_bytes(b"altered")
    assert store.find("toy", verified=False).name == "toy"


def test_a_well_known_model_that_is_absent_is_answered_with_the_command(store: ModelStore) -> None:
    with pytest.raises(ModelError) as caught:
        store.find("base")
    assert f"fetch it with 'captioner models pull base --models-dir {store.root}'" in str(
        caught.value
    )


def test_the_command_is_short_where_models_are_looked_for_anyway(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError, match=r"fetch it with 'captioner models pull base'$"):
        ModelStore(default_models_dir()).find("base")


def test_an_unknown_model_is_answered_with_what_there_is(store: ModelStore) -> None:
    with pytest.raises(ModelError, match=r"no model 'nonsense': .* tiny, base"):
        store.find("nonsense")


def test_a_directory_without_manifest_is_answered_with_the_command(
    store: ModelStore, tmp_path: Path
) -> None:
    folder = write_files(tmp_path / "raw")
    with pytest.raises(ModelError, match=r"captioner models add .*raw --name NAME"):
        store.find(folder)


def test_a_well_known_name_is_judged_by_the_shipped_manifest(store: ModelStore) -> None:
    """Whoever alters the files may alter the manifest beside them."""
    folder = write_files(store.root / "base")
    (folder / MANIFEST_FILE).write_text(format_manifest(toy(name="base")))
    report = store.verify("base")
    assert report.model.manifest == shipped_manifest("base")
    assert FileState.ALTERED in {fault.state for fault in report.faults}


def test_a_broken_manifest_is_an_error_that_names_it(store: ModelStore) -> None:
    (store.path("toy") / MANIFEST_FILE).write_text("name = 3")
    with pytest.raises(ModelError, match=r"captioner-model\.toml: 'name' must be a text"):
        store.find("toy")


def test_adding_records_the_digests_and_makes_the_name_known(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    folder = write_files(tmp_path / "tuned")
    window = WindowRule(padded=False, silence=5.0)
    added = store.add(folder, "tuned-fr", licence="CC-BY-4.0", window=window)
    found = store.find("tuned-fr")
    assert found.manifest == added.manifest == load_manifest(folder / MANIFEST_FILE)
    assert found.manifest.files == toy().files
    assert found.manifest.languages == ("en", "fr")
    assert found.manifest.n_mels == 80
    assert found.manifest.window == window
    assert found.manifest.licence == "CC-BY-4.0"
    assert store.find(folder).name == "tuned-fr"


def test_a_model_added_without_a_measured_window_is_padded(tmp_path: Path) -> None:
    added = ModelStore(tmp_path / "store").add(write_files(tmp_path / "tuned"), "tuned")
    assert added.manifest.window == WindowRule(padded=True)


def test_a_change_after_adding_is_noticed_until_it_is_added_again(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    folder = write_files(tmp_path / "tuned")
    store.add(folder, "tuned")
    (folder / "config.json").write_text("{}")
    assert not store.verify("tuned").ok
    store.add(folder, "tuned")
    assert store.verify("tuned").ok


@pytest.mark.parametrize("name", ["config.json", "model.bin", "tokenizer.json", "vocabulary.json"])
def test_adding_a_directory_that_lacks_a_file_names_it(tmp_path: Path, name: str) -> None:
    folder = write_files(tmp_path / "tuned")
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"lacks .*{name}"):
        ModelStore(tmp_path / "store").add(folder, "tuned")
    assert not (tmp_path / "store").exists()


def test_adding_a_file_instead_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="is not a directory"):
        ModelStore(tmp_path / "store").add(tmp_path / "file", "tuned")


def test_adding_an_english_only_model_is_refused(tmp_path: Path) -> None:
    files = {**FILES, "vocabulary.json": b'["a", "<|endoftext|>"]'}
    with pytest.raises(ModelError, match="no language tokens"):
        ModelStore(tmp_path / "store").add(write_files(tmp_path / "tuned", files), "tuned")


def test_adding_a_model_with_a_strange_number_of_mel_bands_is_refused(tmp_path: Path) -> None:
    files = {**FILES, "model.bin": weights(n_mels=64)}
    with pytest.raises(ModelError, match="takes 64 mel bands, not 80 or 128"):
        ModelStore(tmp_path / "store").add(write_files(tmp_path / "tuned", files), "tuned")


def test_adding_a_vocabulary_that_is_not_json_is_refused(tmp_path: Path) -> None:
    files = {**FILES, "vocabulary.json": b"["}
    with pytest.raises(ModelError, match=r"vocabulary\.json cannot be read"):
        ModelStore(tmp_path / "store").add(write_files(tmp_path / "tuned", files), "tuned")


def test_a_text_vocabulary_tells_the_languages_too(tmp_path: Path) -> None:
    files = {name: data for name, data in FILES.items() if name != "vocabulary.json"}
    files["vocabulary.txt"] = b"a\n<|fr|>\n<|haw|>\n<|nospeech|>\n"
    added = ModelStore(tmp_path / "store").add(write_files(tmp_path / "tuned", files), "tuned")
    assert added.manifest.languages == ("fr", "haw")


def test_the_name_of_a_well_known_model_is_refused_for_other_bytes(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="'base' is the name of a well-known model"):
        ModelStore(tmp_path / "store").add(write_files(tmp_path / "tuned"), "base")


def test_a_name_that_is_taken_by_another_directory_is_refused(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    store.add(write_files(tmp_path / "one"), "tuned")
    with pytest.raises(ModelError, match=r"'tuned' is taken: .*one"):
        store.add(write_files(tmp_path / "two"), "tuned")


def test_a_name_whose_directory_has_gone_may_be_used_again(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "store")
    store.add(write_files(tmp_path / "one"), "tuned")
    shutil.rmtree(tmp_path / "one")
    assert store.installed() == ()
    store.add(write_files(tmp_path / "two"), "tuned")
    assert store.find("tuned").directory.resolve() == tmp_path / "two"


@pytest.mark.slow
def test_the_real_base_model_verifies_and_is_recognised_without_its_manifest(
    tmp_path: Path,
) -> None:
    store = ModelStore(load_settings().models_dir)
    model = store.find("base")
    assert store.verify("base").ok
    for name in model.manifest.files:
        (tmp_path / name).symlink_to(model.directory / name)
    assert store.find(tmp_path).manifest == shipped_manifest("base")
