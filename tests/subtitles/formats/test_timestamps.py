from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.subtitles.formats.timestamps import format_time, parse_times, to_milliseconds


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


@pytest.mark.parametrize(
    ("line", "start", "end"),
    [
        ("00:00:01.000 --> 00:00:02.500", 16_000, 40_000),
        ("00:00:01,000 --> 00:00:02,500", 16_000, 40_000),
        ("00:01.000 --> 01:00:02.500", 16_000, 57_640_000),
        ("0:1-->0:2", 16_000, 32_000),
        ("  00:01.5 ---> 00:02.5  position:10% align:start", 24_000, 40_000),
        ("00:00:00,0005 --> 9999:00:00", 8, 9999 * 3600 * 16_000),
        ("90:00 --> 100:00", 90 * 60 * 16_000, 100 * 60 * 16_000),
    ],
)
def test_times_are_read_as_any_program_writes_them(line: str, start: int, end: int) -> None:
    assert parse_times(line) == (start, end)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "00:01",
        "1 --> 2",
        "00:01 -> 00:02",
        "00:01 --> 00:02x",
        "10000:00:00 --> 10000:00:01",
        "00:01.0000000000 --> 00:02",
        "-00:01 --> 00:02",
        "00:01 --> ",
    ],
)
def test_what_is_no_pair_of_times_is_told_apart(line: str) -> None:
    assert parse_times(line) is None


@given(st.integers(0, 10**10), st.integers(0, 10**6), st.sampled_from(",."))
def test_what_is_written_is_read_to_the_millisecond(start: int, length: int, decimal: str) -> None:
    line = " --> ".join(format_time(time, decimal=decimal) for time in (start, start + length))
    read = parse_times(line)
    assert read is not None
    assert read == (to_milliseconds(start) * 16, to_milliseconds(start + length) * 16)
