from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from offline import main


def run(*options: str) -> Result:
    return CliRunner().invoke(main, list(options))


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scripted", "--data", "nulle-part"], "nulle-part is neither"),
        (["--beams", "0"], "at least 1"),
        (["--batch-sizes", "4,x"], "at least 1"),
        (["--repeat", "0"], "0 is not in the range"),
        (["--model", "nulle-part"], "nulle-part"),
        (["--peer-python", "nulle-part"], "does not exist"),
    ],
)
def test_a_run_that_cannot_be_made_says_why(options: list[str], told: str) -> None:
    result = run("--quick", "--no-save", *options)
    assert result.exit_code != 0
    assert told in result.output


@pytest.mark.slow
def test_a_run_around_an_engine_that_computes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "offline.json"
    quick = ["--scripted", "--quick", "--output", str(target), "--models-dir", str(tmp_path)]
    result = run(*quick, "--data", "sentences", "--beams", "1")
    assert result.exit_code == 0, result.output
    assert "sentences: 2 files" in result.output
    assert target.with_suffix(".png").exists()
    result = run(*quick, "--data", "long", "--beams", "1", "--add")
    assert result.exit_code == 0, result.output
    content = read(target)
    assert list(content["data"]) == ["sentences", "long"]
    for found in content["data"].values():
        (figures,) = found["results"]
        assert figures["speed"]["median"] > 0
        assert figures["peak_memory_mib"] > 0
        assert figures["wer"] == 1
        assert figures["profiles"][0]["rows"] >= 1


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_real_model_beside_faster_whisper(tmp_path: Path) -> None:
    target = tmp_path / "offline.json"
    result = run("--quick", "--data", "sentences", "--beams", "1", "--output", str(target))
    assert result.exit_code == 0, result.output
    ours, theirs = read(target)["data"]["sentences"]["results"]
    assert ours["system"] == "captioner"
    assert ours["wer"] < 0.3
    assert theirs["wer"] < 0.3
    assert theirs["word_starts_off"] < 0.5
    assert theirs["captioner_is_faster"]["median"] > 0
