from __future__ import annotations

import io
import json
from pathlib import Path

import ctranslate2
import pytest
from gpu_checkpoint import (
    SPELLED,
    build,
    names,
    shape,
    spelling,
    task_tokens,
    variables,
    vocabulary,
    write_weights,
)
from gpu_talk import Scripts, read_monologues

from captioner.asr.tokenizer import WhisperTokenizer
from captioner.models.manifest import WindowRule, shipped_manifest
from captioner.models.weights import read_n_mels

PUBLISHED = [name for name in names() if name != "toy"]
TEXTS = ("Bonjour à tous, la séance est ouverte.",)


class Counted(io.RawIOBase):
    """A file that only counts."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: object) -> int:
        count = memoryview(data).nbytes  # type: ignore[arg-type]
        self.size += count
        return count


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shape_is_as_large_as_what_is_published(name: str) -> None:
    file = Counted()
    write_weights(file, shape(name))  # type: ignore[arg-type]
    # Newer converters add two constants: about 40 bytes each with their names.
    assert 0 <= shipped_manifest(name).files["model.bin"].size - file.size < 100


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shape_takes_features_and_languages_of_its_model(name: str) -> None:
    manifest = shipped_manifest(name)
    assert shape(name).n_mels == manifest.n_mels
    assert shape(name).languages == manifest.languages


@pytest.mark.parametrize("name", names())
def test_words_are_aligned_by_heads_that_exist(name: str) -> None:
    model = shape(name)
    for layer, head in model.alignment_heads:
        assert layer < model.decoder_layers
        assert head < model.heads


def test_variables_come_in_order_each_once() -> None:
    found = [variable.name for variable in variables(shape("base"))]
    assert found == sorted(set(found))
    assert len(found) == 212  # as many as in the published file


def test_the_vocabulary_has_the_order_that_the_engine_relies_on() -> None:
    model = shape("base")
    tokens = vocabulary(model, spelling(model, TEXTS))
    assert len(tokens) == model.vocabulary_size == 51865
    assert len(set(tokens)) == len(tokens)
    assert tokens[50256:50260] == ["", "<|endoftext|>", "<|startoftranscript|>", "<|en|>"]
    assert tokens[-1501:][:2] == ["<|0.00|>", "<|0.02|>"]
    assert tokens[-1] == "<|30.00|>"


def test_speech_is_spelled_in_as_many_tokens_as_whisper_takes(root: Path) -> None:
    monologues = read_monologues(root / "examples" / "audio" / "monologues")
    model = shape("toy")
    tokenizer = spelling(model, [monologue.text for monologue in monologues])
    scripts = Scripts(monologues, WhisperTokenizer(tokenizer))
    assert model.text_tokens > SPELLED
    assert scripts.tokens_per_second == pytest.approx(4.94, abs=0.1)  # of Whisper's own tokenizer
    text = monologues[0].text
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_a_checkpoint_is_one_that_the_engine_reads(tmp_path: Path) -> None:
    manifest = build(shape("toy"), tmp_path, texts=TEXTS, rule=WindowRule(padded=True))
    model = ctranslate2.models.Whisper(str(tmp_path), device="cpu")
    assert (model.n_mels, model.num_languages) == (manifest.n_mels, 2)
    assert manifest.window.padded
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert config["suppress_ids_begin"][1] == shape("toy").end_of_text
    assert read_n_mels(tmp_path / "model.bin") == 80


def test_task_tokens_hold_every_language() -> None:
    assert task_tokens(("en", "fr"))[2:4] == ["<|en|>", "<|fr|>"]
