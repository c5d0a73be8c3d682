from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.scheduling.load import WINDOW, LoadMeter, TurnMeter


def test_an_idle_meter_reads_zero() -> None:
    meter = LoadMeter(5.0)
    assert meter.load(5.0) == 0
    assert meter.load(100.0) == 0
    assert meter.row_seconds is None


def test_one_worker_busy_half_of_the_time_is_half_a_load() -> None:
    meter = LoadMeter(0.0)
    for second in range(20):
        key = meter.begin(float(second))
        assert meter.end(key, second + 0.5, rows=1) == 0.5
    assert meter.load(20.0) == pytest.approx(0.5)


def test_two_workers_busy_all_the_time_are_a_load_of_two() -> None:
    meter = LoadMeter(0.0)
    meter.begin(0.0)
    meter.begin(0.0)
    assert meter.load(4.0) == pytest.approx(2.0)
    assert meter.load(400.0) == pytest.approx(2.0)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    meter = LoadMeter(0.0)
    meter.end(meter.begin(0.0), 5.0, rows=1)
    assert meter.load(10.0) == pytest.approx(0.5)
    assert meter.load(WINDOW + 4.0) == pytest.approx(0.1)
    assert meter.load(WINDOW + 5.0) == 0


def test_a_young_meter_does_not_cry_saturation() -> None:
    meter = LoadMeter(0.0)
    meter.begin(0.0)
    assert meter.load(0.25) == pytest.approx(0.25)


def test_the_time_of_a_row_follows_the_batches() -> None:
    meter = LoadMeter(0.0)
    meter.end(meter.begin(0.0), 0.8, rows=8)
    assert meter.row_seconds == pytest.approx(0.1)
    for _ in range(100):
        meter.end(meter.begin(1.0), 1.6, rows=2)
    assert meter.row_seconds == pytest.approx(0.3, abs=0.001)


@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(0, 20), st.integers(1, 9)), max_size=20),
    st.floats(0, 30),
)
def test_the_load_is_never_negative_nor_above_the_batches_at_once(
    batches: list[tuple[float, float, int]], later: float
) -> None:
    meter = LoadMeter(0.0)
    events = []
    for number, (begin, seconds, rows) in enumerate(batches):
        events += [(begin, 0, number, rows), (begin + seconds, 1, number, rows)]
    keys: dict[int, int] = {}
    now = 0.0
    for now, ends, number, rows in sorted(events):
        if ends:
            meter.end(keys[number], now, rows=rows)
        else:
            keys[number] = meter.begin(now)
        assert 0 <= meter.load(now) <= len(batches) + 1e-6
    assert 0 <= meter.load(now + later) <= len(batches) + 1e-6


def test_a_turn_lasts_from_the_question_to_the_answer() -> None:
    meter = TurnMeter()
    assert meter.mean(0.0) == 0
    meter.answered(1.0, asked=0.5)
    meter.answered(2.0, asked=0.5)
    assert meter.mean(2.0) == pytest.approx(1.0)


def test_turns_before_the_window_are_forgotten() -> None:
    meter = TurnMeter()
    meter.answered(1.0, asked=0.0)
    meter.answered(5.0, asked=2.0)
    assert meter.mean(WINDOW) == pytest.approx(2.0)
    assert meter.mean(WINDOW + 1.0) == pytest.approx(3.0)
    assert meter.mean(WINDOW + 5.0) == 0
