"""The small vocabulary, and the real model for the slow tests."""

from __future__ import annotations

import pytest
from asr_vocabulary import TASK_TOKENS, byte_level

from captioner.asr.tokenizer import WhisperTokenizer
from captioner.config import load_settings
from captioner.models.store import ModelStore
from captioner.models.verification import Model


@pytest.fixture(scope="session")
def tokenizer() -> WhisperTokenizer:
    return WhisperTokenizer(byte_level(*TASK_TOKENS))


@pytest.fixture(scope="session")
def base() -> Model:
    """The real `base`, every byte of it checked; its absence fails the tests that need it."""
    return ModelStore(load_settings().models_dir).find("base")
