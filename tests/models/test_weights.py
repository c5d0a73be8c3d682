"""Tests of ``captioner.models.weights``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_fakes import weights

from captioner.errors import ModelError
from captioner.models.weights import read_n_mels


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights") / "model.bin"


@pytest.mark.parametrize("n_mels", [80, 128])
def test_the_number_of_mel_bands_is_in_the_first_convolution(file: Path, n_mels: int) -> None:
    file.write_bytes(weights(n_mels=n_mels))
    assert read_n_mels(file) == n_mels


def test_a_model_that_is_not_whisper_is_refused(file: Path) -> None:
    file.write_bytes(weights(spec="TransformerSpec"))
    with pytest.raises(ModelError, match="not a Whisper model: it says 'TransformerSpec'"):
        read_n_mels(file)


def test_another_version_of_the_format_is_refused(file: Path) -> None:
    file.write_bytes(weights(version=7))
    with pytest.raises(ModelError, match="version 6: it says 7"):
        read_n_mels(file)


@given(st.integers(0, len(weights()) - 1))
def test_a_file_cut_anywhere_is_refused(file: Path, length: int) -> None:
    file.write_bytes(weights()[:length])
    with pytest.raises(ModelError, match="cut short"):
        read_n_mels(file)


def test_a_file_of_something_else_is_refused(file: Path) -> None:
    file.write_bytes(b"not a model at all")
    with pytest.raises(ModelError, match="not a CTranslate2 model"):
        read_n_mels(file)
