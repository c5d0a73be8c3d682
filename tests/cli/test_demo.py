from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import captioner as package
from captioner.cli.demo_run import ensure_model, find_meeting
from captioner.cli.exits import ExitCode, Failed
from captioner.cli.root import captioner
from captioner.config import Settings
from captioner.errors import ModelError


def test_the_meeting_is_found_in_a_checkout(recordings: Path) -> None:
    assert find_meeting() == recordings / "meeting"


def test_an_installation_without_the_meeting_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(package, "__file__", str(tmp_path / "captioner" / "__init__.py"))
    with pytest.raises(Failed, match="--meeting"):
        find_meeting()


def test_a_model_that_nobody_knows_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'unheard-of'"):
        ensure_model(Settings(model="unheard-of", models_dir=tmp_path))


def test_an_output_of_no_known_format_is_found_before_anything_starts(tmp_path: Path) -> None:
    result = CliRunner().invoke(captioner, ["demo", "--output", str(tmp_path / "a.doc")])
    assert result.exit_code == ExitCode.USAGE
    assert "*.vtt" in result.stderr


def test_a_meeting_without_truth_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = CliRunner().invoke(captioner, ["demo", "--meeting", str(tmp_path / "empty")])
    assert result.exit_code == ExitCode.FAILED
    assert "truth.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1
