from __future__ import annotations

import errno
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from captioner import __version__
from captioner.cli.exits import ExitCode, Failed, exit_code, only_error
from captioner.cli.root import COMMANDS, captioner, in_good_order
from captioner.errors import (
    CaptionerError,
    ConfigError,
    DownloadError,
    EngineFault,
    InvalidRequest,
    ModelError,
    PermissionDenied,
    ResourceExhausted,
    Timeout,
    TooFast,
    Unauthenticated,
    Unavailable,
)


def ended_with(error: BaseException, *, debug: bool = False) -> int:
    def action() -> None:
        raise error

    with pytest.raises(click.exceptions.Exit) as caught:
        in_good_order(action, debug=debug)
    return caught.value.exit_code


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    result = CliRunner().invoke(captioner, ["--help"])
    assert result.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert name in result.output
        assert line in result.output
    for code in ExitCode:
        assert f"\n  {code.value} " in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(captioner, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"captioner {name}" in result.output


OF_HELP = ["asyncio", "pydantic", "rich"]
OF_WORK = ["av", "ctranslate2", "google.protobuf", "grpc", "numpy", "onnxruntime", "ray", "redis"]
OF_WORK += ["soxr", "starlette", "tokenizers", "uvicorn"]

HELP = """
from click.testing import CliRunner
from captioner.cli import captioner
from captioner.cli.root import COMMANDS
for asked in {asked}:
    assert CliRunner().invoke(captioner, [*asked, "--help"]).exit_code == 0, asked
"""
COMPLETION = """
from click.shell_completion import BashComplete
from captioner.cli import captioner
completion = BashComplete(captioner, {{}}, "captioner", "_CAPTIONER_COMPLETE")
for typed, completed in {asked}:
    found = [item.value for item in completion.get_completions(typed, completed)]
    assert found and all(value.startswith(completed) for value in found), typed
"""


@pytest.mark.parametrize(
    ("program", "asked", "unwanted"),
    [
        (HELP, [[]], [*OF_HELP, *OF_WORK]),
        (HELP, [[name] for name in COMMANDS], OF_WORK),
        (COMPLETION, [([], "tr")], [*OF_HELP, *OF_WORK]),
        (
            COMPLETION,
            [
                (["transcribe", "a.mp3"], "--out"),
                (["transcribe", "--profile"], "ar"),
                (["transcribe", "--language"], "f"),
                (["serve"], "--"),
                (["stream", "--mode"], "app"),
            ],
            OF_WORK,
        ),
    ],
    ids=["help", "help of commands", "completion", "completion of commands"],
)
def test_help_and_completion_import_nothing_of_the_work(
    program: str, asked: object, unwanted: list[str]
) -> None:
    script = (
        f"import sys\n{program.format(asked=asked)}\n"
        f"sys.exit(', '.join(sorted(set({unwanted}) & set(sys.modules))) or 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_module_is_the_program() -> None:
    command = [sys.executable, "-m", "captioner", "--version"]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ran.stdout == f"captioner {__version__}\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(captioner, ["sing"])
    assert result.exit_code == ExitCode.USAGE
    assert "No such command 'sing'" in result.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CaptionerError("x"), ExitCode.FAILED),
        (Failed("x"), ExitCode.FAILED),
        (ModelError("x"), ExitCode.FAILED),
        (DownloadError("x"), ExitCode.FAILED),
        (InvalidRequest("x"), ExitCode.FAILED),
        (OSError("x"), ExitCode.FAILED),
        (ConfigError("x"), ExitCode.USAGE),
        (Unavailable("x"), ExitCode.UNREACHABLE),
        (EngineFault("x"), ExitCode.UNREACHABLE),
        (Timeout("x"), ExitCode.UNREACHABLE),
        (Unauthenticated("x"), ExitCode.REFUSED),
        (PermissionDenied("x"), ExitCode.REFUSED),
        (ResourceExhausted("x"), ExitCode.FULL),
        (TooFast("x"), ExitCode.FULL),
    ],
)
def test_each_error_has_its_exit_code(error: Exception, code: ExitCode) -> None:
    assert exit_code(error) is code
    assert ended_with(error) == code


def test_an_error_is_one_line_without_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    ended_with(ModelError("model 'x' is missing"))
    assert capsys.readouterr() == ("", "Error: model 'x' is missing\n")


def test_several_wrong_settings_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    ended_with(ConfigError("--hop 9: no\n--workers x: no"))
    assert capsys.readouterr().err == "Error: --hop 9: no\nError: --workers x: no\n"


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    ended_with(ModelError("gone"), debug=True)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("Error: gone\n")


def test_a_full_disk_is_one_line_with_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    ended_with(OSError(errno.ENOSPC, "No space left on device", "/out/a.vtt"))
    assert capsys.readouterr().err == "Error: /out/a.vtt: No space left on device\n"


def test_ctrl_c_ends_with_130_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_with(KeyboardInterrupt()) == ExitCode.INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_of_a_group_of_errors_ours_is_told() -> None:
    ours = Unavailable("gone")
    group = ExceptionGroup("tasks", [ValueError("x"), ExceptionGroup("inner", [ours])])
    assert only_error(ExceptionGroup("outer", [group.exceptions[1]])) is ours
    assert only_error(ExceptionGroup("tasks", [ValueError("x"), ours])) is ours


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    def action() -> None:
        raise ExceptionGroup("tasks", [ZeroDivisionError()])

    with pytest.raises(ExceptionGroup):
        in_good_order(action)


def test_a_reader_that_went_away_is_left_to_click() -> None:
    def action() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        in_good_order(action)
