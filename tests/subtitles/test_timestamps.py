from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.subtitles.timestamps import format_time, to_milliseconds


@pytest.mark.parametrize(
    ("samples", "written"),
    [
        (0, "00:00:00.000"),
        (16_000 * 3661 + 8_000, "01:01:01.500"),
        (7, "00:00:00.000"),
        (8, "00:00:00.001"),
        (16_000 * 3600 - 8, "01:00:00.000"),
        (16_000 * 3600 * 100, "100:00:00.000"),
    ],
)
def test_positions_are_written_to_the_millisecond(samples: int, written: str) -> None:
    assert format_time(samples, decimal=".") == written


def test_the_decimal_sign_belongs_to_the_format() -> None:
    assert format_time(24_000, decimal=",") == "00:00:01,500"


@given(st.integers(0, 10**10), st.integers(0, 10**6))
def test_time_does_not_go_backwards_by_rounding(start: int, length: int) -> None:
    assert to_milliseconds(start) <= to_milliseconds(start + length)
    assert to_milliseconds(start) < to_milliseconds(start + 16)
