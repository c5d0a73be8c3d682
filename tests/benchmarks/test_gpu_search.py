from __future__ import annotations

import pytest
from gpu_search import RESOLUTION, capacity, next_number
from hypothesis import given
from hypothesis import strategies as st


def searched(limit: int, *, start: int, most: int) -> dict[int, bool]:
    """All that is tried when so many hold and no more."""
    held: dict[int, bool] = {}
    while number := next_number(held, start=start, most=most):
        assert number not in held
        held[number] = number <= limit
    return held


@given(st.integers(0, 5000), st.integers(1, 512), st.integers(512, 4096))
def test_the_capacity_is_found_to_the_resolution(limit: int, start: int, most: int) -> None:
    held = searched(limit, start=start, most=most)
    found, expected = capacity(held), min(limit, most)
    assert found <= expected <= found + max(1, RESOLUTION * found)
    assert len(held) <= 24


def test_few_measurements_are_enough() -> None:
    assert list(searched(430, start=128, most=2048)) == [128, 256, 512, 384, 448, 416]


def test_what_is_known_is_not_measured_again() -> None:
    assert next_number({128: True, 256: True}, start=128, most=2048) == 512
    assert next_number({128: True, 130: False}, start=128, most=2048) is None


@pytest.mark.parametrize(
    ("held", "found"),
    [({}, 0), ({8: False}, 0), ({4: True, 8: False}, 4), ({4: True, 8: False, 16: True}, 4)],
)
def test_a_number_beyond_one_that_failed_does_not_count(held: dict[int, bool], found: int) -> None:
    assert capacity(held) == found
