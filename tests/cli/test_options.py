from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.root import captioner
from captioner.config import Resolved, Settings, Source, variable_of


@click.command(cls=GroupedCommand, examples="probe --hop 1   like this")
@click.option("--own", default="x", help="An option of the command itself.")
@settings_options("Model", "hop", "insecure")
def probe(settings: Settings, own: str) -> None:
    """Show what arrived."""
    click.echo(f"{settings.model} {settings.hop} {settings.insecure} {own}")


@click.command(cls=GroupedCommand)
@settings_options("hop", deliver="resolved")
def origin(resolved: Resolved) -> None:
    click.echo(resolved.sources["hop"].value)


def completed(*words: str) -> list[str]:
    *before, incomplete = words
    shell = ShellComplete(captioner, {}, "captioner", "_CAPTIONER_COMPLETE")
    return [item.value for item in shell.get_completions(list(before), incomplete)]


def test_a_command_gets_the_settings_of_its_flags() -> None:
    result = CliRunner().invoke(probe, ["--hop", "2", "--insecure", "--model", "small"])
    assert result.output == "small 2.0 True x\n"


def test_flags_that_are_not_given_leave_the_environment_in_force() -> None:
    result = CliRunner().invoke(probe, env={"CAPTIONER_HOP": "2", "CAPTIONER_INSECURE": "true"})
    assert result.output == "base 2.0 True x\n"


def test_a_flag_can_turn_off_what_the_environment_turned_on() -> None:
    result = CliRunner().invoke(probe, ["--no-insecure"], env={"CAPTIONER_INSECURE": "1"})
    assert result.output == "base 0.3 False x\n"


def test_the_config_flag_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("hop = 3")
    assert CliRunner().invoke(probe, ["--config", str(file)]).output == "base 3.0 False x\n"


def test_a_command_can_ask_where_settings_came_from() -> None:
    assert CliRunner().invoke(origin, ["--hop", "1"]).output == f"{Source.FLAG.value}\n"


def test_help_groups_the_settings_and_tells_variable_and_default() -> None:
    text = CliRunner().invoke(probe, ["--help"], terminal_width=100).output
    assert text.index("Options:") < text.index("Model:") < text.index("Captions:")
    words = " ".join(text.split())
    assert "--hop SECONDS New audio between two interims. [CAPTIONER_HOP; default: 0.3]" in words
    assert "--insecure / --no-insecure" in words
    assert "--device [auto|cpu|cuda]" in words
    assert "probe --hop 1   like this" in text


def test_settings_that_were_not_asked_for_are_no_flags() -> None:
    assert CliRunner().invoke(probe, ["--listen", "x"]).exit_code == 2


def test_a_group_that_does_not_exist_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(ValueError, match="'Modell'"):
        settings_options("Modell")(print)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_can_be_given_as_a_flag_of_the_config_command(name: str) -> None:
    text = CliRunner().invoke(captioner, ["config", "--help"]).output
    assert variable_of(name) in text


def test_models_are_completed_by_name() -> None:
    assert "base" in completed("config", "--model", "ba")


def test_installed_models_are_completed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small").mkdir()
    monkeypatch.setenv("CAPTIONER_MODELS_DIR", str(tmp_path))
    assert completed("config", "--model", "")[0] == "small"


def test_a_model_that_has_no_such_name_is_completed_as_a_directory() -> None:
    assert completed("config", "--model", "./mod") == ["./mod"]


def test_completion_survives_settings_that_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIONER_HOP", "99")
    assert completed("config", "--model", "xyz") == ["xyz"]


def test_languages_are_completed_by_code() -> None:
    assert "fr" in completed("config", "--language", "f")


def test_choices_are_completed() -> None:
    assert completed("config", "--device", "c") == ["cpu", "cuda"]


def test_commands_are_completed() -> None:
    assert completed("tr") == ["transcribe"]
