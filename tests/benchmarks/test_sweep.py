from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from recordings import make_takes
from sweep import GRID, Policy, best_points, main, measure_policy
from sweep_costs import SHAPES, Costs, fit
from sweep_engine import Asked
from sweep_told import ToldEngine

from captioner.asr.engine import DecodeRow

SHIPPED = GRID[0]
SHORT = 12.0  # seconds of each track


def row(seconds: float, beam: int = 1) -> DecodeRow:
    frames = round(seconds * 100)
    return DecodeRow(np.zeros((80, frames), np.float32), frames, "fr", beam_size=beam)


def test_the_same_choice_gives_the_same_figures() -> None:
    once, again = (
        measure_policy(SHIPPED, 2, ToldEngine(), Costs(), duration=SHORT).to_json()
        for _ in range(2)
    )

    assert once == again
    assert once["wer"] < 0.2
    assert once["displayed_p50"] < once["stable_p50"]


def test_a_slower_machine_shows_words_later() -> None:
    quick, slow = (
        measure_policy(SHIPPED, 3, ToldEngine(), replace(Costs(), step=step), duration=SHORT)
        for step in (0.002, 0.03)
    )

    assert slow.summary.displayed.p50 > quick.summary.displayed.p50
    assert slow.summary.finalised.p95 > quick.summary.finalised.p95


def test_a_long_silence_to_the_endpoint_makes_finals_late() -> None:
    patient = Policy(
        "patient", endpointing={"silence_to_endpoint": 1.2, "late_silence_to_endpoint": 1.2}
    )

    points = [
        measure_policy(p, 1, ToldEngine(), Costs(), duration=SHORT) for p in (SHIPPED, patient)
    ]

    assert points[1].summary.finalised.p50 > points[0].summary.finalised.p50


def test_every_policy_of_the_grid_is_one_that_sessions_take() -> None:
    names = [policy.name for policy in GRID]

    assert len(set(names)) == len(names)
    assert len({repr(policy.settings()) for policy in GRID}) > len(GRID) / 2
    assert SHIPPED.settings() == Policy("").settings()


def test_the_best_points_are_those_that_none_betters_in_everything() -> None:
    good, late = (
        measure_policy(p, 1, ToldEngine(), Costs(), duration=SHORT)
        for p in (SHIPPED, Policy("late", {"hop": 3.0, "hidden": 1.0}))
    )
    dear = replace(late, spent=replace(late.spent, seconds=defaultdict(float, {"final": 1e9})))

    assert good in best_points([good, late, dear])
    assert dear not in best_points([good, late, dear])


def test_the_told_engine_goes_on_after_a_forced_prefix() -> None:
    (take,) = make_takes("monologues", 1, duration=8.0)
    (first,) = ToldEngine().decode([Asked(row(6), take, 0)])
    tokens = first.hypothesis.word_tokens
    forced = tuple(token for word in tokens[:3] for token in word)
    (again,) = ToldEngine().decode([Asked(replace(row(6), prefix=forced), take, 0)])

    assert again.hypothesis.word_tokens == tokens
    assert first.steps == sum(map(len, tokens)) + 1


def test_costs_are_found_again_from_timings_that_follow_them() -> None:
    true = Costs(encode={"6": 0.05, "8": 0.08, "30": 0.5}, align=Costs().align)
    timings = []
    for seconds in (6, 8):
        for count, beam in SHAPES:
            rows = [row(seconds, beam)] * count
            for most in (10, 25):
                steps = [most - index for index in range(count)]
                timings.append((rows, steps, true.batch(rows, steps)))

    found = fit(timings)
    rows, steps, _ = timings[-1]

    assert found.encoding(6) == pytest.approx(true.encoding(6), rel=0.01)
    assert found.batch(rows, steps) == pytest.approx(true.batch(rows, steps), rel=0.01)


def test_a_row_that_ended_costs_the_decoder_nothing_more() -> None:
    rows = [row(8), row(8)]

    assert Costs().batch(rows, [20, 5]) < Costs().batch(rows, [20, 20])
    assert Costs().batch(rows, [20, 20]) < 2 * Costs().batch(rows[:1], [20])


def test_the_program_writes_its_figures_and_a_plot(tmp_path: Path) -> None:
    target = tmp_path / "sweep.json"
    options = ["--tracks", "1", "--policies", "shipped", "--duration", "8"]

    result = CliRunner().invoke(main, [*options, "--output", str(target)])

    assert result.exit_code == 0, result.output
    assert "shipped" in result.output
    content = json.loads(target.read_text())
    assert [point["best"] for point in content["points"]] == [True]
    assert target.with_suffix(".png").stat().st_size > 10_000
