from __future__ import annotations

import json
import tomllib
from pathlib import Path

from click.testing import CliRunner

from captioner.cli.root import captioner
from captioner.cli.settings import example_file
from captioner.config import Settings, load_settings


def uncommented(text: str) -> str:
    lines = (line.removeprefix("# ") for line in text.splitlines() if " = " in line)
    return "\n".join(lines)


def test_the_example_file_names_every_setting_once() -> None:
    assert list(tomllib.loads(uncommented(example_file()))) == list(Settings.model_fields)


def test_the_example_file_is_all_comments() -> None:
    assert tomllib.loads(example_file()) == {}


def test_the_example_file_says_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(uncommented(example_file()))
    assert load_settings(file=file, environ={}) == Settings()


def test_the_table_says_the_value_and_where_it_came_from(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("max_batch = 4")
    result = CliRunner().invoke(
        captioner,
        ["config", "--hop", "2", "--config", str(file)],
        env={"CAPTIONER_DEVICE": "cpu"},
    )
    rows = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()[1:]}
    assert rows["hop"] == ["2.0", "--hop"]
    assert rows["device"] == ['"cpu"', "CAPTIONER_DEVICE"]
    assert rows["max_batch"] == ["4", str(file)]
    assert rows["workers"] == ["0", "default"]


def test_the_settings_can_be_read_by_programs() -> None:
    result = CliRunner().invoke(captioner, ["config", "--json", "--hop", "2"])
    assert json.loads(result.output)["hop"] == 2


def test_a_wrong_setting_is_one_line_and_wrong_usage() -> None:
    result = CliRunner().invoke(captioner, ["config", "--hop", "99"])
    assert result.exit_code == 2
    assert result.stderr == "Error: --hop 99: must be a number from 0.1 to 5\n"
