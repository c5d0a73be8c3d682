"""Tests of ``captioner subtitles``, through the root command."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from rich.console import Console
from subtitle_samples import PROVENANCE, segment

from captioner.cli import captioner
from captioner.cli.exits import ExitCode
from captioner.cli.subtitles import Job, plan
from captioner.cli.violations import Checked, show
from captioner.subtitles.check import check
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.profiles import WEB
from captioner.subtitles.reading import parse, read_document

SAID = [
    segment("Bonjour à tous.", pace=0.5, speaker="Claire", id="a"),
    segment("Bonjour Claire.", start=5, pace=0.5, speaker="Julien", id="b"),
]
SRT = "1\n00:00:01,000 --> 00:00:01,500\nBonjour à tous, ça va ?\n"
VTT, FORMAT_SRT = FORMATS["vtt"], FORMATS["srt"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(captioner, ["subtitles", *arguments], input=stdin)


def write(name: str, text: str | None = None) -> Path:
    path = Path(name)
    kind = FORMATS[path.suffix.removeprefix(".")]
    path.write_text(kind.render(SAID, PROVENANCE) if text is None else text, encoding="utf-8")
    return path


def test_a_file_is_converted_to_several_formats(folder: Path) -> None:
    write("talk.json")
    result = run("convert", "talk.json", "--to", "vtt,srt,ttml,txt", "--output-dir", "out")
    assert (result.exit_code, result.output) == (0, "")
    for name in ("vtt", "srt", "ttml", "txt"):
        text = (folder / "out" / f"talk.{name}").read_text(encoding="utf-8")
        assert text == FORMATS[name].render(SAID, PROVENANCE)


def test_a_file_is_laid_out_for_the_profile(folder: Path) -> None:
    line = "Nous avons trois sujets à l'ordre du jour."
    write("talk.srt", f"1\n00:00:01,000 --> 00:00:06,000\n{line}\n")
    assert run("convert", "talk.srt", "--output", "a.vtt", "--profile", "arcom").exit_code == 0
    assert run("convert", "talk.srt", "--output", "w.vtt").exit_code == 0
    lines = {name: len(read_document(Path(f"{name}.vtt")).cues[0].lines) for name in "aw"}
    assert lines == {"a": 2, "w": 1}


def test_standard_input_becomes_standard_output(folder: Path) -> None:
    text = VTT.render(SAID, PROVENANCE)
    result = run("convert", "-", "--from", "vtt", "--to", "json", stdin=text.encode())
    assert result.exit_code == 0
    assert [row["speaker"] for row in json.loads(result.stdout)["segments"]] == ["Claire", "Julien"]
    result = run(
        "convert", "-", "--from", "vtt", "--to", "srt", "--output-dir", ".", stdin=text.encode()
    )
    assert (result.exit_code, result.stdout) == (0, "")
    assert (folder / "stdin.srt").exists()


def test_a_file_may_be_written_to_standard_output(folder: Path) -> None:
    write("talk.srt", SRT)
    result = run("convert", "talk.srt", "--to", "txt", "--output", "-")
    assert (result.exit_code, result.stdout) == (0, "Bonjour à tous, ça va\u202f?\n")


def test_names_in_the_text_become_speakers(folder: Path) -> None:
    write("talk.srt")
    assert "Claire\u00a0: " in Path("talk.srt").read_text(encoding="utf-8")
    assert run("convert", "talk.srt", "--output", "talk.vtt", "--names").exit_code == 0
    read = read_document(Path("talk.vtt"))
    assert [part.speaker for part in read.segments] == ["Claire", "Julien"]
    assert [part.text for part in read.segments] == [part.text for part in SAID]


def test_a_file_replaces_itself_only_when_it_is_named(folder: Path) -> None:
    write("talk.vtt", "WEBVTT\n\n00:01.000 --> 00:04.000\nça va ?\n")
    refused = run("convert", "talk.vtt", "--to", "vtt")
    assert refused.exit_code == ExitCode.USAGE
    assert "talk.vtt would be replaced by its conversion" in refused.stderr
    assert run("convert", "talk.vtt", "--output", "talk.vtt").exit_code == 0
    assert "ça va\u202f?" in Path("talk.vtt").read_text(encoding="utf-8")


def test_bad_files_do_not_stop_the_others_and_are_told_at_the_end(folder: Path) -> None:
    write("good.srt", SRT)
    write("bad.vtt", "WEBVTT\n\nrien\n")
    result = run("convert", "bad.vtt", "no.vtt", "good.srt", "--to", "txt")
    assert result.exit_code == ExitCode.FAILED
    assert (folder / "good.txt").exists()
    told = result.stderr.splitlines()
    assert told[0] == "Error: 2 of 3 could not be converted:"
    assert told[1].startswith("Error: bad.vtt: line 3: found 'rien', expected times such as")
    assert told[2] == "Error: no.vtt: No such file or directory"


def test_text_cannot_get_times(folder: Path) -> None:
    write("talk.txt", "Oui.\n")
    result = run("convert", "talk.txt", "--to", "vtt")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == ("Error: talk.txt: text without times cannot become vtt, only txt\n")
    assert not (folder / "talk.vtt").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["talk.srt"], "--to says what to write"),
        (["talk.srt", "--to", "ssa"], "'ssa' is none of vtt, srt, ttml, txt, json"),
        (["talk.srt", "--output", "talk.doc"], "--to says what to write to talk.doc"),
        (["talk.srt", "--to", "vtt,txt", "--output", "a"], "--output is for one format, not for 2"),
        (["a.srt", "b.srt", "--output", "c.vtt"], "--output is for one file, not for 2"),
        (["a.srt", "--output", "c.vtt", "--output-dir", "x"], "exclude each other"),
        (["-", "--to", "vtt"], "--from says what standard input is"),
        (["talk.srt", "x/talk.vtt", "--to", "txt"], "would both become talk.txt"),
    ],
)
def test_what_to_write_where_must_be_clear(
    folder: Path, arguments: list[str], message: str
) -> None:
    result = run("convert", *arguments)
    assert result.exit_code == ExitCode.USAGE
    assert message in " ".join(result.stderr.split())


def test_a_plan_names_each_source_once() -> None:
    files = [Path("a/talk.srt"), Path("b.vtt"), Path("a/talk.srt")]
    assert plan(files, [VTT, FORMAT_SRT], output_file=None, output_dir=Path("out")) == [
        Job(Path("a/talk.srt"), ((VTT, Path("out/talk.vtt")), (FORMAT_SRT, Path("out/talk.srt")))),
        Job(Path("b.vtt"), ((VTT, Path("out/b.vtt")), (FORMAT_SRT, Path("out/b.srt")))),
    ]
    with pytest.raises(click.UsageError):
        plan(files, [], output_file=None, output_dir=None)


def test_a_good_file_is_checked(folder: Path) -> None:
    write("talk.vtt")
    result = run("check", "talk.vtt")
    assert result.exit_code == 0
    assert result.stdout.split() == [
        *("profile", "web"),
        *("file", "cues", "readable", "violations"),
        *("talk.vtt", "2", "100%", "0"),
    ]


def test_violations_are_told_with_what_was_measured_and_expected(folder: Path) -> None:
    write("talk.srt", SRT)
    write("good.vtt")
    result = run("check", "talk.srt", "good.vtt")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    said = "Bonjour à tous, ça va"
    assert lines[:3] == [
        "talk.srt  00:01  cue 1  shortest: 0.5 s, expected at least 1 s",
        "talk.srt  00:01  cue 1  reading-speed: 0.5 s for 23 characters, expected at least 1.353 s",
        f"talk.srt  00:01  cue 1  typography: {said} ?, expected {said}⍽?",
    ]
    assert [line.split() for line in lines[3:]] == [
        ["profile", "web"],
        ["file", "cues", "readable", "shortest", "reading-speed", "typography", "violations"],
        ["talk.srt", "1", "0%", "1", "1", "1", "3"],
        ["good.vtt", "2", "100%", "0", "0", "0", "0"],
        ["all", "3", "67%", "1", "1", "1", "3"],
    ]


def test_lines_that_are_too_long_are_shown(folder: Path) -> None:
    line = "Bonjour à toutes et à tous, soyez les bienvenus !"
    write("talk.srt", f"1\n00:00:01,000 --> 00:00:06,000\n{line}\n")
    told = run("check", "talk.srt", "--ignore", "typography").stdout.splitlines()[0]
    assert told.endswith(f"columns: 49 characters for “{line}”, expected at most 42 characters")


def test_help_does_without_what_only_results_need() -> None:
    code = (
        "import sys, captioner.cli.root as root\n"
        "root.captioner(['subtitles', '--help'], standalone_mode=False)\n"
        "assert not {'rich', 'numpy', 'grpc'} & set(sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "convert" in ran.stdout


def test_the_profile_and_rules_to_ignore_are_chosen(folder: Path) -> None:
    write("talk.srt", SRT)
    assert run("check", "talk.srt", "--profile", "live", "--ignore", "typography").exit_code == 0
    assert run("check", "talk.srt", "--profile", "live").exit_code == ExitCode.FAILED
    english = run("check", "talk.srt", "--profile", "live", "--language", "en")
    assert english.exit_code == 0


def test_a_file_that_does_not_say_what_made_it_is_told_where_it_could(folder: Path) -> None:
    text = VTT.render(SAID, None)
    write("talk.vtt", text)
    result = run("check", "talk.vtt")
    assert result.exit_code == ExitCode.FAILED
    assert result.stdout.startswith(
        "talk.vtt  notice: none, expected a note that a machine made the file\n"
    )
    assert run("check", "talk.vtt", "--ignore", "notice").exit_code == 0
    assert (
        run("check", "-", "--from", "srt", stdin=FORMAT_SRT.render(SAID, None).encode()).exit_code
        == 0
    )


def test_programs_get_numbers(folder: Path) -> None:
    write("talk.srt", SRT)
    result = run("check", "talk.srt", "--json", "--ignore", "typography")
    assert result.exit_code == ExitCode.FAILED
    assert json.loads(result.stdout) == {
        "profile": "web",
        "files": [
            {
                "file": "talk.srt",
                "cues": 1,
                "within_reading_speed": 0,
                "violations": [
                    {
                        "rule": rule,
                        "cue": "1",
                        "time": 1.0,
                        "measured": 0.5,
                        "limit": limit,
                        "unit": "s",
                        "subject": subject,
                    }
                    for rule, limit, subject in (
                        ("shortest", 1.0, ""),
                        ("reading-speed", 1.353, "23 characters"),
                    )
                ],
            }
        ],
    }


def test_files_that_cannot_be_checked_are_told_after_the_others(folder: Path) -> None:
    write("good.vtt")
    write("talk.json")
    result = run("check", "talk.json", "good.vtt")
    assert result.exit_code == ExitCode.FAILED
    assert "good.vtt" in result.stdout
    assert result.stderr.splitlines() == [
        "Error: 1 of 2 could not be checked:",
        "Error: talk.json: found no cues: convert it to vtt, srt or ttml first",
    ]
    alone = run("check", "talk.json")
    assert (alone.stdout, len(alone.stderr.splitlines())) == ("", 1)


def test_a_terminal_gets_colours() -> None:
    report = check(parse(SRT, "srt"), WEB)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system="standard")
    show(console, [Checked(Path("talk.srt"), report)], "web")
    assert "\x1b[33m  typography\x1b[0m" in screen.getvalue()
    assert "\x1b[31m: 0.5 s\x1b[0m" in screen.getvalue()


@pytest.mark.parametrize(
    ("arguments", "incomplete", "found"),
    [
        ([], "", ["check", "convert"]),
        (["convert", "--to"], "", ["vtt", "srt", "ttml", "txt", "json"]),
        (["convert", "--to"], "vtt,t", ["vtt,ttml", "vtt,txt"]),
        (["check", "--profile"], "a", ["arcom"]),
        (["check", "--ignore"], "l", ["lines", "longest"]),
    ],
)
def test_the_shell_completes(arguments: list[str], incomplete: str, found: list[str]) -> None:
    shell = ShellComplete(captioner, {}, "captioner", "_CAPTIONER_COMPLETE")
    items = shell.get_completions(["subtitles", *arguments], incomplete)
    assert [item.value for item in items] == found


@pytest.mark.parametrize("command", ["convert", "check"])
def test_help_shows_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"\nExamples:\n  captioner subtitles {command} " in result.stdout
