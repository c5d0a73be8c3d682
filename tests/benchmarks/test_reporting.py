from __future__ import annotations

import json
import math
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from machine import EncodeReference, describe, encode_reference
from reporting import (
    ROOT,
    NumberList,
    Program,
    changed,
    command_line,
    envelope,
    revision,
    save_json,
)

from captioner.config import Settings
from captioner.errors import ConfigError

REFERENCE = EncodeReference("base", "int8", "cpu", 0.12345, 0.1)


def test_a_result_says_what_one_must_know_to_trust_it() -> None:
    content = envelope("live", Settings(hop=1.0), describe(), REFERENCE)
    assert content["encode"]["median"] == 0.1235
    assert content["settings"] == {"hop": 1.0}
    assert content["machine"]["cores"] >= 1
    assert content["machine"]["cpu"]
    assert content["machine"]["libraries"]["ctranslate2"]
    assert set(content) >= {"benchmark", "date", "command", "revision"}


def test_paths_of_the_machine_are_not_published() -> None:
    shown = command_line(
        [f"{ROOT}/benchmarks/live.py", "--model", "/secret/place/base", "--tracks"]
    )
    assert shown == "python benchmarks/live.py --model base --tracks"
    assert changed(Settings(models_dir=Path("/secret/place/models"))) == {"models_dir": "models"}


def test_the_revision_is_a_commit_or_nothing() -> None:
    assert revision() == "" or len(revision().removesuffix("+changes")) == 12


def test_a_figure_that_is_not_known_cannot_be_saved_as_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_json(tmp_path / "a.json", {"wer": math.nan})


def test_a_result_is_saved_where_no_folder_was(tmp_path: Path) -> None:
    save_json(tmp_path / "new" / "a.json", {"texte": "été"})
    assert json.loads((tmp_path / "new" / "a.json").read_text(encoding="utf-8")) == {"texte": "été"}


@pytest.mark.parametrize(("text", "numbers"), [("1", (1,)), ("1,2,16", (1, 2, 16)), ("all", (0,))])
def test_numbers_are_read_from_a_list(text: str, numbers: tuple[int, ...]) -> None:
    assert NumberList(also="all").convert(text, None, None) == numbers


@pytest.mark.parametrize("text", ["", "0", "1,", "1,a", "-1", "tous"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        NumberList(also="all").convert(text, None, None)


def test_the_smallest_number_may_be_larger() -> None:
    assert NumberList(least=8000).convert("8000", None, None) == (8000,)
    with pytest.raises(click.BadParameter, match="at least 8000"):
        NumberList(least=8000).convert("7999", None, None)


def test_an_error_of_the_contract_becomes_a_line() -> None:
    @click.command(cls=Program)
    def main() -> None:
        raise ConfigError("no such thing")

    result = CliRunner().invoke(main)
    assert result.exit_code == 2
    assert "Error: no such thing" in result.output


@pytest.mark.slow
def test_the_reference_is_measured_with_the_real_model() -> None:
    found = encode_reference(Settings(), repeats=3)
    assert found.model == "base"
    assert found.device == "cpu"
    assert 0 < found.fastest <= found.median
