"""Tests of ``captioner.models.manifest``, ``manifest_toml`` and ``toml_fields``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_fakes import toy

from captioner.errors import ModelError
from captioner.models.manifest import (
    FileDigest,
    HubRepository,
    Manifest,
    Wheel,
    WindowRule,
    check_model_name,
    load_manifest,
    parse_manifest,
    shipped_manifest,
    shipped_manifests,
)
from captioner.models.manifest_toml import format_manifest

TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
SHA256 = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
DIGESTS = st.builds(FileDigest, sha256=SHA256, size=st.integers(1, 2**40 - 1))
FILE_NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)
SECONDS = st.floats(0, 30)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    files = draw(st.dictionaries(FILE_NAMES, DIGESTS, min_size=1, max_size=4))
    members = {f"data/{name}": name for name in files}
    wheel = Wheel(draw(TEXT), draw(TEXT), draw(DIGESTS), members)
    return Manifest(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)),
        description=draw(TEXT),
        languages=tuple(
            draw(st.lists(st.sampled_from(["fr", "en", "yue"]), min_size=1, unique=True))
        ),
        licence=draw(TEXT),
        n_mels=draw(st.sampled_from([80, 128])),
        files=files,
        window=WindowRule(draw(st.booleans()), draw(SECONDS), draw(SECONDS)),
        word_start_shift=draw(st.floats(-1, 1)),
        word_end_shift=draw(st.floats(-1, 1)),
        hub=draw(st.none() | st.builds(HubRepository, TEXT, TEXT)),
        wheels=draw(st.sampled_from([(), (wheel,)])),
    )


@given(manifests())
def test_a_manifest_written_as_toml_reads_back_the_same(manifest: Manifest) -> None:
    assert parse_manifest(format_manifest(manifest), origin="written") == manifest


def test_the_base_model_ships_with_its_measured_constants() -> None:
    base = shipped_manifest("base")
    assert base.window == WindowRule(padded=False, silence=4.0)
    assert (base.word_start_shift, base.word_end_shift) == (0.13, 0.07)
    assert "fr" in base.languages
    assert base.n_mels == 80
    assert base.size == 147_882_941
    assert base.files["model.bin"].sha256.startswith("d01c3014881c9c6f")


def test_models_that_were_not_measured_are_padded_to_30_s() -> None:
    for name, manifest in shipped_manifests().items():
        if name != "base":
            assert manifest.window.padded
            assert manifest.window.window_seconds(2.0) == 30.0


def test_every_shipped_manifest_names_all_files_of_a_model_and_a_pinned_revision() -> None:
    for manifest in shipped_manifests().values():
        assert {"model.bin", "config.json", "tokenizer.json"} < set(manifest.files)
        assert "vocabulary.txt" in manifest.files or "vocabulary.json" in manifest.files
        assert manifest.hub is not None
        assert re.fullmatch(r"[0-9a-f]{40}", manifest.hub.revision)
        assert "fr" in manifest.languages


def test_shipped_manifests_are_in_order_of_size() -> None:
    assert list(shipped_manifests()) == [
        "tiny",
        "base",
        "small",
        "medium",
        "large-v3-turbo",
        "large-v3",
    ]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"'bse'.*tiny, base, small"):
        shipped_manifest("bse")


@pytest.mark.parametrize("name", ["", ".staging", "..", "a/b", "Base", "a" * 65, "-x", "a b"])
def test_a_name_that_could_leave_the_store_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="cannot name a model"):
        check_model_name(name)


def test_the_longest_name_is_accepted() -> None:
    assert check_model_name("a" * 64) == "a" * 64


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "toy"', 'name = "../toy"', "cannot name a model"),
        ('name = "toy"', "", "'name' is missing"),
        ('name = "toy"', 'name = "toy"\nspeed = 1', "unknown field speed"),
        ('licence = "MIT"', "licence = 3", "'licence' must be a text"),
        ('licence = "MIT"', 'licence = " "', "'licence' must be a text"),
        ("n_mels = 80", "n_mels = 81", "'n_mels' must be .* is 81"),
        ("n_mels = 80", "n_mels = true", "'n_mels' must be"),
        ('["en", "fr"]', "[]", "'languages' must be a list"),
        ('["en", "fr"]', '["en", "FR"]', "'languages' must be"),
        ('["en", "fr"]', '["en", "en"]', "each text once"),
        ("word_end_shift = 0.0", "word_end_shift = 1.5", "from -1 to 1, is 1.5"),
        ("word_end_shift = 0.0", 'word_end_shift = "x"', "must be a number"),
        ("padded = false", "padded = 0", "must be true or false"),
        ("silence = 4.0", "silence = 31", "from 0 to 30, is 31"),
        ("silence = 4.0", "silence = 4.0\nextra = 1", "window: unknown field extra"),
        ('[files."model.bin"]', '[files."../model.bin"]', "'files' must be names like"),
        ("bytes = 21", "bytes = 0", r"files.config.json: 'bytes' must be an integer"),
        ('revision = "c0ffee"', "", "hub: field 'revision' is missing"),
    ],
)
def test_a_wrong_field_is_named(old: str, new: str, expected: str) -> None:
    text = format_manifest(toy())
    assert old in text
    with pytest.raises(ModelError, match=expected):
        parse_manifest(text.replace(old, new, 1), origin="toy.toml")


@pytest.mark.parametrize("digest", ["abc", "G" * 64, "A" * 64])
def test_a_digest_must_be_64_lower_case_hexadecimal_digits(digest: str) -> None:
    manifest = replace(toy(), files={"model.bin": FileDigest(digest, 1)})
    with pytest.raises(ModelError, match="'sha256' must be"):
        parse_manifest(format_manifest(manifest), origin="toy.toml")


def test_wheels_must_bring_exactly_the_files() -> None:
    wheel = Wheel("toy", "1", FileDigest("0" * 64, 1), {"data/model.bin": "model.bin"})
    with pytest.raises(ModelError, match=r"same files: config.json, tokenizer.json"):
        parse_manifest(format_manifest(toy(wheels=(wheel,))), origin="toy.toml")


def test_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(ModelError, match=r"toy.toml is not valid TOML"):
        parse_manifest("name = ", origin="toy.toml")


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone.toml cannot be read"):
        load_manifest(tmp_path / "gone.toml")


def test_the_digest_of_a_model_depends_on_the_bytes_and_not_on_the_order() -> None:
    manifest = toy()
    backwards = replace(manifest, files=dict(reversed(list(manifest.files.items()))))
    other = replace(manifest, files={**manifest.files, "config.json": FileDigest("0" * 64, 21)})
    assert backwards.digest == manifest.digest
    assert other.digest != manifest.digest


def test_a_digest_names_its_algorithm_and_can_be_shortened() -> None:
    manifest = toy()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", manifest.digest)
    assert manifest.short_digest == manifest.digest.removeprefix("sha256:")[:12]


@given(speech=st.floats(0, 60), silence=SECONDS, minimum=SECONDS)
def test_a_window_holds_the_speech_and_its_silence_within_30_s(
    speech: float, silence: float, minimum: float
) -> None:
    window = WindowRule(padded=False, silence=silence, minimum=minimum).window_seconds(speech)
    assert window <= 30
    assert window >= min(30, minimum)
    assert window >= min(30, speech + silence)
