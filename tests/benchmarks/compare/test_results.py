from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from compare.measure import point_json
from compare.plot import plot_comparison
from compare.results import Point, Results, capacities, series
from compare.table import comparison_table, failures
from figures import score_run
from meter import Usage
from recordings import Take
from rich.console import Console
from tracks import TrackLog

from captioner.errors import InvalidRequest
from captioner.evaluation.display import Display
from captioner.evaluation.truth import TimedWord

TAKE = Take("prise", bytes(2 * 16_000 * 2), (TimedWord("bonjour", 0.5, 1.0),))
SET = "monologues, 60 s"
HEAD = {"benchmark": "compare", "revision": "abc"}


def figures(*, shown: float = 1.5) -> dict[str, Any]:
    """Of a run whose only word was shown, and final, at that time; it ended at 1 s."""
    log = TrackLog(TAKE, displays=[Display(shown, ("bonjour",), 1, 1)], ended=True)
    return point_json(score_run([log], Usage(wall=2.0, cpu=0.5, peak_memory=100.0)))


def point(system: str = "captioner", talkers: int = 1, seconds: float | None = 60.0) -> Point:
    return Point("monologues", system, talkers, seconds)


def test_each_point_is_saved_at_once_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    Results(path, HEAD).add(point(), figures())
    again = Results(path, HEAD | {"revision": "def"})
    assert again.find(point()) is not None
    assert again.find(point(talkers=2)) is None
    assert again.find(point(seconds=None)) is None
    again.save()
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["revision"] == "def"
    assert content["capacity"] == {"monologues, 60 s": {"captioner": 1}}


def test_a_point_that_is_measured_again_replaces_the_former(tmp_path: Path) -> None:
    results = Results(tmp_path / "compare.json", HEAD)
    results.add(point(), figures(shown=9.0))
    results.add(point(), figures())
    (entry,) = results.points
    assert entry["sustained"]


def test_nothing_is_written_without_a_file(tmp_path: Path) -> None:
    Results(None, HEAD).add(point(), figures())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["nothing", '{"benchmark": "live"}', "[]"])
def test_other_files_are_not_written_over(content: str, tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InvalidRequest, match="no result of this benchmark"):
        Results(path, HEAD)
    assert path.read_text(encoding="utf-8") == content


def test_a_result_of_another_benchmark_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "compare.json"
    path.write_text('{"benchmark": "live", "points": [], "offline": null}', encoding="utf-8")
    with pytest.raises(InvalidRequest, match="a result of 'live'"):
        Results(path, HEAD)


def entries() -> list[dict[str, Any]]:
    return [
        point(talkers=2).to_json() | figures(shown=9.0),
        point().to_json() | figures(),
        point("whisper-live:fairest").to_json() | figures(shown=4.0),
        point("realtimestt:fairest").to_json() | {"failed": "no wheel", "sustained": False},
    ]


def test_the_capacity_is_the_most_talkers_that_a_system_held() -> None:
    assert capacities(entries()) == {
        "monologues, 60 s": {"captioner": 1, "whisper-live:fairest": 0, "realtimestt:fairest": 0}
    }


def test_the_points_of_a_system_are_in_the_order_of_their_talkers() -> None:
    found = {name: [it["talkers"] for it in mine] for name, mine in series(entries(), SET)}
    assert found == {"captioner": [1, 2], "whisper-live:fairest": [1], "realtimestt:fairest": []}
    assert list(series(entries(), "meeting")) == []


def test_the_table_has_a_line_for_each_point_and_says_why_one_is_missing() -> None:
    console = Console(width=250, force_terminal=False)
    with console.capture() as capture:
        console.print(comparison_table(entries(), SET))
    lines = [line.split() for line in capture.get().splitlines()]
    assert lines[1][:3] == ["captioner", "1", "0.0"]
    assert lines[1][-2:] == ["no", "yes"]
    assert lines[2][0] == "2"
    assert lines[2][-1] == "no"
    assert lines[3] == ["realtimestt:fairest", "1", *"-" * 9, "not", "run"]
    assert failures(entries(), SET) == ["realtimestt:fairest: no wheel"]


def test_the_plots_take_points_without_figures(tmp_path: Path) -> None:
    unknown = point("whisperlivekit:defaults").to_json()
    unknown |= figures() | {"displayed_p50": None, "finalised_p95": None}
    plots = plot_comparison(tmp_path / "compare.json", [*entries(), unknown], SET)
    assert [path.name for path in plots] == [
        "compare-monologues-60s-latency.png",
        "compare-monologues-60s-errors.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots)
