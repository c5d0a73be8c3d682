from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from baseline import Baseline, BaselineTake
from click.testing import CliRunner
from figures import Run, score_run
from live import Plan, main, points_allowed, results
from live_table import results_table
from meter import Usage
from plots import plot_runs
from recordings import Take
from rich.console import Console
from rich.table import Table
from servers import counted
from tracks import TrackLog

from captioner.evaluation.display import Display
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.truth import TimedWord
from captioner.live import Mode

TAKE = Take("prise", bytes(2 * 16_000 * 2), (TimedWord("bonjour", 0.5, 1.0),))
PLAN = Plan("monologues", (1,), Mode.REVISABLE, None, None, scripted=False, server_pid=None)


def run(*, shown: float, tracks: int = 1) -> Run:
    """A run in which the word was shown, and final, at that time."""
    display = Display(shown, ("bonjour",), 1, 1)
    logs = [TrackLog(TAKE, displays=[display], ended=True) for _ in range(tracks)]
    return score_run(logs, Usage(wall=2.0, cpu=0.5, peak_memory=100.0))


def offline(edits: EditCounts) -> Baseline:
    return Baseline({"prise": BaselineTake("prise", edits, edits, 1, 2.0, 0.1, "bonjour")})


def lines(table: Table) -> dict[str, str]:
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    rows = [line.strip().split("  ", 1) for line in capture.get().splitlines()]
    return {row[0].strip(): row[1].strip() for row in rows if len(row) > 1}


def test_the_table_marks_what_misses_its_goal() -> None:
    good, slow = run(shown=1.4), run(shown=3.5, tracks=2)
    shown = lines(results_table([good, slow], None))
    assert shown["displayed p50, s"].split() == ["≤", "0.90", "0.40", "2.50", "!"]
    assert shown["final p95, s"].split() == ["≤", "1.50", "0.40", "2.50", "!"]
    assert shown["holds (capacity rule)"].split() == ["yes", "no"]
    assert shown["CPU s per s of audio"].split() == ["0.250", "0.125"]


def test_the_table_compares_with_the_baseline_where_there_is_one() -> None:
    perfect = offline(EditCounts(1, 0, 0, 0))
    table = results_table([run(shown=1.0)], perfect, points=3.0)
    assert lines(table)["points above it"].split() == ["≤", "+3.0", "+0.0"]
    assert "points above it" not in lines(results_table([run(shown=1.0)], None))


def test_the_table_leaves_out_what_nobody_knows() -> None:
    noise = score_run([TrackLog(Take("bruit", TAKE.audio, ()), ended=True)], Usage())
    shown = lines(results_table([noise], None))
    assert "displayed p50, s" not in shown
    assert shown["words on noise"].split() == ["≤", "0", "0"]


@pytest.mark.parametrize(
    ("data", "mode", "points"),
    [
        ("meeting", Mode.REVISABLE, 1.0),
        ("meeting", Mode.APPEND_ONLY, 3.0),
        ("real", Mode.REVISABLE, 2.0),
        ("real", Mode.APPEND_ONLY, 3.0),
    ],
)
def test_points_above_the_baseline_depend_on_mode_and_data(
    data: str, mode: Mode, points: float
) -> None:
    assert points_allowed(replace(PLAN, data=data, mode=mode)) == points


def test_the_table_says_what_was_lost() -> None:
    refused = score_run([TrackLog(TAKE, refused="full")], Usage())
    table = results_table([refused], None)
    assert lines(table)["dropped or refused"].endswith("1 refused")


def test_the_capacity_is_the_largest_run_that_holds() -> None:
    runs = [run(shown=1.4), run(shown=1.9, tracks=2), run(shown=3.5, tracks=4)]
    assert results(PLAN, runs, None)["capacity"] == 2
    assert results(PLAN, runs[2:], None)["capacity"] == 0


def test_the_plot_takes_figures_that_are_not_known(tmp_path: Path) -> None:
    unknown = score_run([TrackLog(TAKE, refused="full")], Usage())
    noise = score_run([TrackLog(Take("bruit", TAKE.audio, ()), ended=True)], Usage())
    plot_runs(tmp_path / "noise.png", [noise], title="bruits")
    plot_runs(tmp_path / "plot.png", [run(shown=1.4), unknown], title="essai")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_only_what_moved_was_counted() -> None:
    assert counted({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 5.0, "c": 1.0}) == {"b": 3.0, "c": 1.0}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--data", "nulle-part"], "nulle-part is neither"),
        (["--tracks", "0"], "at least 1"),
        (["--model", "nulle-part"], "nulle-part"),
        (["--server", "127.0.0.1:1", "--duration", "1", "--tracks", "1"], "no server answers"),
    ],
)
def test_a_run_that_cannot_be_made_says_why(options: list[str], told: str, tmp_path: Path) -> None:
    result = (
        CliRunner().invoke(
            main, ["--scripted", "--models-dir", str(tmp_path), "--no-save", *options]
        )
        if "--model" not in options
        else CliRunner().invoke(main, ["--no-save", *options])
    )
    assert result.exit_code != 0
    assert told in result.output


@pytest.mark.slow
def test_a_run_around_an_engine_that_computes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "live.json"
    options = ["--scripted", "--duration", "2", "--tracks", "1,2", "--models-dir", str(tmp_path)]
    result = CliRunner().invoke(main, [*options, "--output", str(target)])
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    assert [run["tracks"] for run in content["runs"]] == [1, 2]
    assert content["encode"] is None
    for found in content["runs"]:
        assert sum(found["losses"].values()) == 0
        assert found["cpu_seconds"] > 0
        assert found["peak_memory_mib"] > 0
        assert found["server"]["captioner_audio_seconds_total"] > 0
    assert target.with_suffix(".png").exists()
