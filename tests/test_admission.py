from __future__ import annotations

from dataclasses import replace

import pytest

from captioner.admission import FULL, LATE, SLOW, Load, check_admission, headroom
from captioner.errors import ResourceExhausted

BUSY = Load(sessions=12, talking=12, utilisation=1.0, backlog=LATE)


def refusal(load: Load, *, max_sessions: int = 100, max_talking: int = 0) -> ResourceExhausted:
    with pytest.raises(ResourceExhausted) as caught:
        check_admission(load, max_sessions=max_sessions, max_talking=max_talking)
    return caught.value


def test_a_replica_whose_engine_is_behind_takes_nobody_and_says_when_to_try_again() -> None:
    error = refusal(BUSY)

    assert "1.5 s behind with 12 people talking" in str(error)
    assert error.retry_after


@pytest.mark.parametrize(
    "load",
    [replace(BUSY, backlog=LATE - 0.01), replace(BUSY, utilisation=FULL - 0.01)],
    ids=["in time", "not full"],
)
def test_a_busy_replica_that_keeps_up_takes_more(load: Load) -> None:
    check_admission(load, max_sessions=100, max_talking=0)


SLOWER = replace(BUSY, backlog=0.0, turn=SLOW)


def test_a_replica_whose_interims_take_too_long_takes_nobody_though_nothing_is_late() -> None:
    error = refusal(SLOWER)

    assert f"{SLOW:.1f} s for an interim with 12 people talking" in str(error)
    assert error.retry_after


@pytest.mark.parametrize(
    "load",
    [
        replace(SLOWER, turn=SLOW * 12 / 13 - 0.01),
        replace(SLOWER, utilisation=FULL - 0.01),
        replace(SLOWER, turn=0.0, unheard=12),
    ],
    ids=["fast enough for one more", "not full", "nothing measured"],
)
def test_a_full_replica_whose_interims_are_fast_takes_more(load: Load) -> None:
    check_admission(load, max_sessions=100, max_talking=0)


def test_those_who_were_let_in_just_now_count_before_they_are_measured() -> None:
    load = replace(SLOWER, turn=SLOW * 2 / 3)
    check_admission(load, max_sessions=100, max_talking=0)

    assert refusal(replace(load, unheard=4)).retry_after


def test_the_bounds_of_the_settings_hold_whatever_the_load() -> None:
    idle = replace(BUSY, utilisation=0.1, backlog=0.0)

    assert "12 sessions" in str(refusal(idle, max_sessions=12))
    assert "12 people" in str(refusal(idle, max_talking=12))
    check_admission(idle, max_sessions=13, max_talking=13)


def test_headroom_follows_from_what_those_who_talk_cost() -> None:
    half = replace(BUSY, utilisation=FULL / 2)

    assert headroom(half, workers=2) == pytest.approx(12)
    assert headroom(BUSY, workers=2) == 0
    assert headroom(replace(BUSY, talking=0), workers=2) == 2
