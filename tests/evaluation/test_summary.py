from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from captioner.errors import InvalidRequest
from captioner.evaluation.display import Display
from captioner.evaluation.score import TrackScore, measure
from captioner.evaluation.summary import Percentiles, Summary, summarise
from captioner.evaluation.truth import TimedWord, read_truth

GOLDEN = Path(__file__).parent / "golden"


def score_of(case: dict[str, Any]) -> TrackScore:
    displays = [
        Display.of_text(time, text, stable=stable, final=final)
        for time, text, stable, final in case["displays"]
    ]
    return measure(displays, read_truth({"words": case["truth"]}))


@pytest.mark.parametrize("name", ["tracks", "random"])
def test_the_summary_of_a_run_is_that_of_the_published_rules(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    figures = summarise([score_of(case) for case in golden["cases"]]).to_json()
    assert golden["summary"].items() <= figures.items()


def test_a_long_track_weighs_more_than_a_short_one() -> None:
    right = [TimedWord(word, 0.0, 0.0) for word in "abc"]
    wrong = [TimedWord("x", 0.0, 0.0)]
    display = Display.of_text(1.0, "a b c", stable=3, final=3)
    assert summarise([measure([display], right), measure([], wrong)]).wer == 0.25


def test_errors_are_added_up_by_kind() -> None:
    truth = [TimedWord(word, 0.0, 0.0) for word in "abc"]
    scores = [
        measure([Display.of_text(1.0, text, stable=0, final=0)], truth)
        for text in ("a x c", "a b", "a b c d", "a b c d e")
    ]
    total = summarise(scores)
    assert (total.substitutions, total.deletions, total.insertions) == (1, 1, 3)


def test_percentiles_are_interpolated() -> None:
    assert Percentiles.of(range(101)) == Percentiles(50.0, 90.0, 95.0, 99.0)
    assert Percentiles.of([0.0, 1.0]).p90 == pytest.approx(0.9)


def test_figures_that_do_not_exist_are_null() -> None:
    figures = summarise([measure([], [])]).to_json()
    assert figures["wer"] is None
    assert figures["stable_p99"] is None
    assert json.dumps(figures, allow_nan=False)


def test_no_track_has_no_summary() -> None:
    with pytest.raises(ValueError, match="no track"):
        summarise([])


def test_a_summary_survives_json() -> None:
    golden = json.loads((GOLDEN / "tracks.json").read_text("utf-8"))
    figures = summarise([score_of(case) for case in golden["cases"]]).to_json()
    assert Summary.from_json(json.loads(json.dumps(figures))).to_json() == figures
    empty = summarise([measure([], [])]).to_json()
    assert math.isnan(Summary.from_json(empty).displayed.p50)


@pytest.mark.parametrize("value", ["x", [], {}])
def test_a_summary_with_a_wrong_figure_is_refused(value: object) -> None:
    figures = summarise([measure([], [])]).to_json()
    with pytest.raises(InvalidRequest, match="stable_p95"):
        Summary.from_json({**figures, "stable_p95": value})


def test_a_summary_that_lacks_a_figure_is_refused() -> None:
    figures = summarise([measure([], [])]).to_json()
    del figures["erasure"]
    with pytest.raises(InvalidRequest, match="erasure"):
        Summary.from_json(figures)


@pytest.mark.parametrize("count", [None, 1.5, math.nan])
def test_a_summary_with_half_a_track_is_refused(count: object) -> None:
    figures = summarise([measure([], [])]).to_json()
    with pytest.raises(InvalidRequest, match="tracks"):
        Summary.from_json({**figures, "tracks": count})
