from __future__ import annotations

import time

import pytest

from captioner.clock import Clock, ManualClock, SystemClock


def test_the_systems_monotonic_clock_does_not_go_back() -> None:
    clock: Clock = SystemClock()

    assert time.monotonic() <= clock.monotonic() <= clock.monotonic()


def test_the_systems_wall_clock_is_that_of_the_machine() -> None:
    before = time.time()

    assert before <= SystemClock().wall() <= time.time()


def test_a_manual_clock_moves_only_when_told_to() -> None:
    clock = ManualClock(5.0)

    assert (clock.monotonic(), clock.wall()) == (5.0, 5.0)
    clock.advance(1.5)
    clock.advance(0.0)
    assert (clock.monotonic(), clock.wall()) == (6.5, 6.5)


def test_a_manual_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match=r"was asked for -0\.1 s"):
        ManualClock().advance(-0.1)
