"""The command as it is typed; what needs a model is in ``test_transcribe_runs.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from batch_fakes import ScriptedExecutor
from click.testing import CliRunner, Result

from captioner.batch.executor import Executor
from captioner.batch.journal import Journal
from captioner.batch.report import Report
from captioner.cli import transcribe_run as module
from captioner.cli.exits import ExitCode
from captioner.cli.root import captioner
from captioner.cli.transcribe_run import MOST_TOLD, executor_of, told_failures
from captioner.config import Settings


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("a.wav", "un deux"), ("b.wav", "trois"), ("bad.wav", "bad")):
        Path("in").mkdir(exist_ok=True)
        Path("in", name).write_text(text)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder that looks as if the model were in it: the scripted executor needs none."""
    folder = tmp_path / "models"
    (folder / "base").mkdir(parents=True)
    return folder


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> ScriptedExecutor:
    scripted = ScriptedExecutor()

    def build(cluster: str, settings: Settings, journal: Journal | None) -> Executor:
        return scripted

    monkeypatch.setattr(module, "executor_of", build)
    return scripted


def run(*arguments: object, input: str | None = None) -> Result:  # noqa: A002 - click's name
    return CliRunner().invoke(
        captioner, ["transcribe", *(str(each) for each in arguments)], input=input
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILE...'"),
        (["a", "--format", "doc"], "'doc' is none of vtt, srt"),
        (["a", "--format", "vtt,"], "'' is none of vtt, srt"),
        (["a", "--profile", "cinema"], "'cinema' is not one of"),
        (["a", "--audio-track", "-1"], "'-1' is neither a number from 0 nor all"),
        (["a", "--audio-track", "first"], "'first' is neither"),
        (["in", "in/*.wav", "--output-dir", "in/a.wav"], "is a file"),
        (["in/*.mp3"], "matches no recording"),
        (["in", "--speaker", "c.wav=Luc"], "c.wav is not one of the recordings"),
        (["in", "--overwrite", "--skip-existing"], "contradict"),
    ],
)
def test_wrong_usage_ends_with_two_and_says_why(arguments: list[str], message: str) -> None:
    ran = run(*arguments, "--dry-run")
    assert ran.exit_code == ExitCode.USAGE
    assert message in ran.output
    assert not Path("report.json").exists()


def test_a_dry_run_shows_what_would_be_done_and_writes_nothing() -> None:
    ran = run("in", "missing.wav", "--format", "vtt,srt", "--output-dir", "texts", "--dry-run")
    assert ran.exit_code == ExitCode.OK
    assert ran.stdout.splitlines() == [
        "in/a.wav -> texts/a.vtt, texts/a.srt",
        "in/b.wav -> texts/b.vtt, texts/b.srt",
        "in/bad.wav -> texts/bad.vtt, texts/bad.srt",
        "missing.wav cannot be read",
        "missing.wav -> texts/missing.vtt, texts/missing.srt",
        "4 to do",
    ]
    assert not Path("texts").exists()


def test_a_dry_run_of_a_pipe_names_no_temporary_file() -> None:
    ran = run("-", "--name", "camera", "--dry-run", input="un")
    assert ran.stdout.splitlines() == ["standard input -> camera.vtt", "1 to do"]


def test_a_bad_recording_is_told_once_at_the_end(executor: ScriptedExecutor, models: Path) -> None:
    ran = run("in", "--output-dir", "texts", "--models-dir", models)
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stderr.splitlines()[:2] == [
        "a: 00:02, 2 words; texts/a.vtt",
        "b: 00:01, 1 word; texts/b.vtt",
    ]
    assert ran.stderr.splitlines()[-2:] == [
        "Error: 1 of 3 could not be transcribed:",
        "Error: in/bad.wav is not a recording",
    ]
    assert ran.output.count("bad.wav") == 1
    assert Path("texts/report.json").exists()


def test_a_second_run_does_what_is_missing(executor: ScriptedExecutor, models: Path) -> None:
    run("in", "--output-dir", "texts", "--models-dir", models)
    Path("in/bad.wav").write_text("bon")
    ran = run("in", "--output-dir", "texts", "--models-dir", models)
    assert ran.exit_code == ExitCode.OK
    assert ran.stderr.splitlines()[:2] == [
        "2 of 3 were done before and are kept",
        "bad: 00:01, 1 word; texts/bad.vtt",
    ]


def test_quietly_only_failures_are_told(executor: ScriptedExecutor, models: Path) -> None:
    ran = run("in/a.wav", "--quiet", "--models-dir", models)
    assert (ran.exit_code, ran.output) == (ExitCode.OK, "")
    ran = run("in/bad.wav", "--quiet", "--models-dir", models)
    assert ran.stderr.splitlines() == [
        "Error: 1 of 1 could not be transcribed:",
        "Error: in/bad.wav is not a recording",
    ]


def test_without_a_folder_for_results_nothing_but_the_transcript_is_left(
    executor: ScriptedExecutor, models: Path
) -> None:
    assert run("in/a.wav", "--models-dir", models).exit_code == ExitCode.OK
    assert sorted(path.name for path in Path().iterdir()) == ["a.vtt", "in", "models"]


def test_standard_input_is_transcribed_under_its_name(
    executor: ScriptedExecutor, models: Path
) -> None:
    ran = run("-", "--name", "camera", "--format", "txt", "--models-dir", models, input="un deux")
    assert ran.exit_code == ExitCode.OK, ran.output
    assert Path("camera.txt").read_text().endswith("un\ndeux\n")


def test_a_bad_standard_input_is_called_that(executor: ScriptedExecutor, models: Path) -> None:
    ran = run("-", "--models-dir", models, input="bad")
    assert ran.stderr.splitlines()[-1] == "Error: standard input is not a recording"


def test_settings_reach_the_job(executor: ScriptedExecutor, models: Path) -> None:
    run("in/a.wav", "--models-dir", models, "--key-term", "DINUM", "--key-term", "ANCT")
    assert executor.options is not None
    assert executor.options.key_terms == ("DINUM", "ANCT")


def test_a_folder_that_cannot_be_written_to_is_one_line(
    executor: ScriptedExecutor, models: Path
) -> None:
    Path("file").touch()
    ran = run("in", "--output-dir", "file/texts", "--models-dir", models)
    assert ran.exit_code == ExitCode.FAILED
    assert ran.stderr == "Error: file/texts: Not a directory\n"


def test_without_the_model_it_says_how_to_get_it(tmp_path: Path) -> None:
    ran = run("in", "--models-dir", tmp_path / "none")
    assert ran.exit_code == ExitCode.FAILED
    assert "captioner models pull base" in ran.stderr


def test_a_cluster_does_the_work_where_one_is_named() -> None:
    from captioner.batch.cluster import RayExecutor
    from captioner.batch.local import LocalExecutor

    assert isinstance(executor_of("10.0.0.1:6379", Settings(), None), RayExecutor)
    assert isinstance(executor_of("", Settings(), None), LocalExecutor)


def test_of_many_failures_the_first_are_listed() -> None:
    failures = [f"{n}.wav is empty" for n in range(MOST_TOLD + 2)]
    report: Any = Report((), None, 0.0, 0.0)
    lines = told_failures(failures, report, Path("report.json"))
    assert lines[1:-1] == failures[:MOST_TOLD]
    assert lines[-1] == "and 2 more: report.json has them all"
