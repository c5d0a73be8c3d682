from __future__ import annotations

import pytest
from comparison_samples import said

from captioner.cli.evaluation_report import Against, often_confused, percent, rate_of, to_json
from captioner.evaluation.comparison import compare
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.interval import Interval
from captioner.evaluation.tally import Tally


def tally_of(reference: str, hypothesis: str) -> Tally:
    tally = Tally.of_pairs(1)
    tally.add("a", compare(said(reference), said(hypothesis)), reference="a")
    return tally


@pytest.mark.parametrize(("rate", "text"), [(0.0, "0.0 %"), (0.1234, "12.3 %"), (1.5, "150.0 %")])
def test_rates_are_percent(rate: float, text: str) -> None:
    assert percent(rate) == text


def test_an_empty_reference_has_no_rate() -> None:
    assert rate_of(EditCounts(0, 0, 0, 3)) is None
    assert rate_of(EditCounts(1, 0, 0, 3)) == 3.0


def test_confusions_are_ordered_by_how_often_and_once_is_not_often() -> None:
    tally = Tally.of_pairs(1)
    tally.confusions.update({("d", ""): 2, ("c", "z"): 1, ("a", "x"): 3, ("b", "y"): 2})
    assert often_confused(tally, 10) == [(("a", "x"), 3), (("b", "y"), 2), (("d", ""), 2)]
    assert often_confused(tally, 1) == [(("a", "x"), 3)]


def test_an_edge_that_was_never_timed_is_null() -> None:
    tally = tally_of("a", "a")
    tally.starts = [0.125]
    times = to_json(tally, confusions=0, against=None, errors={})["word_times"]
    assert times["start"] == {"count": 1, "bias": 0.125, "p50": 0.125, "p90": 0.125}
    assert times["end"] == {"count": 0, "bias": None, "p50": None, "p90": None}


def test_the_difference_is_told_with_its_interval() -> None:
    against = Against("old", -0.0123456789, Interval(-0.02, -0.001))
    values = to_json(tally_of("a", "a"), confusions=0, against=against, errors={})
    assert values["difference"] == {
        "baseline": "old",
        "wer": -0.012346,
        "interval": [-0.02, -0.001],
    }
