from __future__ import annotations

from itertools import pairwise

import pytest

from captioner.streaming.effort import BUSY, FAIR_WINDOW, LONG_WINDOW, RELAXED, WAITING, EffortRule
from captioner.streaming.settings import Effort, samples


def test_finals_cost_less_the_busier_the_engine_is() -> None:
    steps = [EffortRule().at(load) for load in (0.0, RELAXED, BUSY)]

    assert [step.window for step in steps] == [LONG_WINDOW, FAIR_WINDOW, 0]
    for richer, leaner in pairwise(steps):
        assert richer != leaner
        assert richer.beam_size >= leaner.beam_size
        assert richer.speculate >= leaner.speculate
        assert richer.retry >= leaner.retry
        assert richer.sure >= leaner.sure


@pytest.mark.parametrize("load", [0.0, RELAXED, BUSY, 1.0])
def test_a_window_that_is_asked_for_is_given_at_any_load(load: float) -> None:
    assert EffortRule(window=samples(30.0)).at(load).window == samples(30.0)


def test_the_width_of_the_beam_is_that_of_the_rule_until_captions_wait() -> None:
    rule = EffortRule(beam_size=3)

    assert [rule.at(load).beam_size for load in (0.0, RELAXED, BUSY)] == [3, 3, 3]
    assert rule.at(1.0, waiting=WAITING).beam_size == 1


def test_an_effort_decodes_everything_again_unless_told_otherwise() -> None:
    assert Effort().sure == 1.0


def test_finals_are_at_their_cheapest_when_captions_wait_whatever_the_load() -> None:
    rule = EffortRule()

    assert rule.at(0.3, waiting=WAITING) == rule.at(1.0, waiting=WAITING)
    assert rule.at(0.3, waiting=WAITING - 0.01) == rule.at(0.3)
