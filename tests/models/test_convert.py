"""Tests of ``captioner.models.convert``; they need neither its extra nor a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from captioner.errors import ModelError
from captioner.models import convert


def test_without_the_extra_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "NEEDED", ("no_such_transformers", "no_such_torch"))
    with pytest.raises(ModelError, match=r"pip install 'captioner\[convert\]'"):
        convert.convert("checkpoint", tmp_path / "out")


def test_a_destination_that_exists_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "NEEDED", ())
    with pytest.raises(ModelError, match="exists already"):
        convert.convert("checkpoint", tmp_path)


def test_a_converter_that_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "NEEDED", ())
    with pytest.raises(ModelError, match=r"the converter failed on .*exit code 1"):
        convert.convert(str(tmp_path), tmp_path / "out")
