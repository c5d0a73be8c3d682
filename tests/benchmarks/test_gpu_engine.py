"""The engine on random weights: everything but what is understood, on CPU and on a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ctranslate2
import numpy as np
import pytest
from gpu_checkpoint import build, shape
from gpu_timing import TimedModel

from captioner.asr.engine import DecodeRow
from captioner.asr.whisper import WhisperEngine, WhisperSettings, select_rows
from captioner.errors import CaptionerError, ModelError
from captioner.models.manifest import Manifest, WindowRule
from captioner.transcript import Hypothesis

TEXTS = ("Bonjour à tous, la séance est ouverte.", "Merci, madame la présidente.")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("toy")
    rule = WindowRule(padded=False, silence=4.0)
    return folder, build(shape("toy"), folder, texts=TEXTS, rule=rule)


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def engine(
    request: pytest.FixtureRequest, checkpoint: tuple[Path, Manifest]
) -> Iterator[WhisperEngine]:
    settings = WhisperSettings(device=request.param, compute_type="float32", workers=2)
    engine = WhisperEngine(*checkpoint, settings)
    yield engine
    engine.close()


def row(seed: int, *, seconds: float = 2.0, **changes: Any) -> DecodeRow:
    features = np.random.default_rng(seed).standard_normal((80, 600), np.float32)
    plain = DecodeRow(
        features=features,
        speech_frames=round(100 * seconds),
        language="fr",
        max_new_tokens=9,
        retry=False,
    )
    return replace(plain, **changes)


def decoded(engine: WhisperEngine, *rows: DecodeRow) -> list[Hypothesis]:
    answers: list[Hypothesis] = []
    for answer in engine.decode(rows):
        assert not isinstance(answer, CaptionerError), answer
        answers.append(answer)
    return answers


def tokens(found: Hypothesis) -> list[int]:
    return [token for word in found.word_tokens for token in word]


def pretend_cuda(engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the ways of a GPU, whatever the device."""
    monkeypatch.setattr(engine, "_info", replace(engine.info, device="cuda"))
    monkeypatch.setattr(engine.network(""), "on_cpu", False)


class Unspoken:
    """A model that hears nothing in one row."""

    def __init__(self, model: Any, silent: int) -> None:
        self._model = model
        self._silent = silent
        self.aligned: list[list[int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, memory: Any, prompts: Any, **options: Any) -> Any:
        found = list(self._model.generate(memory, prompts, **options))
        found[self._silent] = SimpleNamespace(sequences_ids=[[]], scores=[0], no_speech_prob=0.9)
        return found

    def align(self, memory: Any, start: Any, texts: Sequence[Any], frames: Any) -> Any:
        self.aligned.append([len(text) for text in texts])
        return self._model.align(memory, start, texts, frames)


def test_every_row_is_decoded_to_its_own_bound(engine: WhisperEngine) -> None:
    rows = [row(n, max_new_tokens=bound) for n, bound in enumerate((1, 5, 30))]
    assert [len(tokens(found)) for found in decoded(engine, *rows)] == [1, 5, 30]


@pytest.mark.parametrize("changes", [{}, {"beam_size": 5}, {"prefix": (300, 301)}])
def test_a_row_is_the_same_alone_and_in_a_batch(
    engine: WhisperEngine, changes: dict[str, Any]
) -> None:
    rows = [row(n, **changes) for n in range(4)]
    together = decoded(engine, *rows)
    alone = [decoded(engine, each)[0] for each in rows]
    assert [tokens(found) for found in together] == [tokens(found) for found in alone]


def test_the_way_of_a_gpu_gives_what_the_way_of_a_cpu_gives(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(0), row(1, language="en"), row(2), row(3, language="en")]
    before = decoded(engine, *rows)
    pretend_cuda(engine, monkeypatch)
    after = decoded(engine, *rows)
    assert [tokens(found) for found in after] == [tokens(found) for found in before]
    for new, old in zip(after, before, strict=True):
        assert [(w.start, w.end) for w in new.words] == [(w.start, w.end) for w in old.words]


def test_rows_without_words_stay_in_place_on_a_gpu(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_cuda(engine, monkeypatch)
    rows = [row(n) for n in range(3)]
    expected = decoded(engine, *rows)
    model = Unspoken(engine.network("").model, silent=1)
    monkeypatch.setattr(engine.network(""), "model", model)
    found = decoded(engine, *rows)
    assert model.aligned == [[9, 0, 9]]
    assert found[1].words == ()
    assert [found[0].words, found[2].words] == [expected[0].words, expected[2].words]


def test_rows_without_words_are_not_aligned_on_a_cpu(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Unspoken(engine.network("").model, silent=1)
    monkeypatch.setattr(engine.network(""), "model", model)
    monkeypatch.setattr(engine, "_info", replace(engine.info, device="cpu"))
    decoded(engine, *(row(n) for n in range(3)))
    assert model.aligned == [[9, 9]]


def test_a_doubtful_row_is_decoded_again_on_a_padded_window(
    engine: WhisperEngine, checkpoint: tuple[Path, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Any = []
    network = engine.network("")
    monkeypatch.setattr(network, "model", TimedModel(network.model, calls))
    decoded(engine, row(0, retry=True, max_new_tokens=30))
    assert [call.stage for call in calls if call.stage != "align"][:4] == [
        "encode",
        "greedy",
        "encode",
        "beam",
    ]


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_rows_are_selected_from_any_type_of_encoder_output(kind: str) -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    memory = ctranslate2.StorageView.from_array(values).to(getattr(ctranslate2.DataType, kind))
    assert np.array_equal(np.asarray(select_rows(memory, [3, 1])), values[[3, 1]])


def test_an_engine_that_cannot_compute_is_refused_when_it_is_built(
    checkpoint: tuple[Path, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")

    monkeypatch.setattr(WhisperEngine, "_encode", fail)
    with pytest.raises(ModelError, match=r"cannot compute .*libcublas"):
        WhisperEngine(*checkpoint, WhisperSettings(device="cpu"))


def test_a_manifest_with_a_language_that_the_vocabulary_lacks_is_refused(
    checkpoint: tuple[Path, Manifest],
) -> None:
    folder, manifest = checkpoint
    with pytest.raises(ModelError, match="'br'"):
        WhisperEngine(folder, replace(manifest, languages=("br",)), WhisperSettings(device="cpu"))


@pytest.mark.gpu
@pytest.mark.parametrize("compute_type", ["float16", "bfloat16", "int8_float16"])
def test_a_gpu_computes_in_every_type(checkpoint: tuple[Path, Manifest], compute_type: str) -> None:
    engine = WhisperEngine(
        *checkpoint, WhisperSettings(device="cuda", compute_type=compute_type, workers=2)
    )
    rows = [row(n, language="fr" if n % 2 else "en") for n in range(64)]
    assert all(len(tokens(found)) == 9 for found in decoded(engine, *rows))
    engine.close()
