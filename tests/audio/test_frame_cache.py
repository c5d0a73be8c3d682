from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from captioner.audio.frame_cache import FrameCache, Frames

MELS = 3


def frames(start: int, stop: int) -> Frames:
    """What each frame holds tells which frame it is."""
    numbers = np.arange(start, stop, dtype=np.float32)
    return Frames(np.stack([numbers + mel / MELS for mel in range(MELS)]), numbers)


def check(found: Frames, start: int, stop: int) -> None:
    np.testing.assert_array_equal(found.columns, frames(start, stop).columns)
    np.testing.assert_array_equal(found.loudest, frames(start, stop).loudest)


def test_nothing_is_known_before_it_was_put() -> None:
    cache = FrameCache(MELS)
    check(cache.known(7, 9), 0, 0)
    check(cache.known(0, 9), 0, 0)


def test_successive_frames_lie_beside_each_other() -> None:
    cache = FrameCache(MELS)
    cache.put(20, frames(20, 28))
    cache.put(28, frames(28, 30))
    check(cache.known(21, 29), 21, 29)


def test_only_the_leading_frames_of_a_range_are_known() -> None:
    cache = FrameCache(MELS)
    cache.put(20, frames(20, 28))
    check(cache.known(25, 40), 25, 28)
    check(cache.known(19, 40), 0, 0)
    check(cache.known(28, 40), 0, 0)


def test_frames_that_overlap_add_those_that_are_new() -> None:
    cache = FrameCache(MELS)
    cache.put(20, frames(20, 28))
    cache.put(24, frames(24, 32))
    cache.put(22, frames(22, 26))
    check(cache.known(20, 40), 20, 32)


def test_frames_that_are_not_joined_to_the_others_replace_them() -> None:
    cache = FrameCache(MELS)
    cache.put(20, frames(20, 28))
    cache.put(29, frames(29, 33))
    check(cache.known(20, 40), 0, 0)
    check(cache.known(29, 40), 29, 33)
    cache.put(12, frames(12, 16))
    check(cache.known(12, 40), 12, 16)


@given(
    steps=st.lists(
        st.tuples(st.integers(-9, 30), st.integers(1, 200), st.integers(0, 150)), max_size=25
    )
)
def test_what_was_told_stays_as_it_was(steps: list[tuple[int, int, int]]) -> None:
    cache = FrameCache(MELS)
    told: list[tuple[int, int, Frames]] = []
    for ahead, count, forgotten in steps:
        first = max(0, cache.end + ahead)
        cache.put(first, frames(first, first + count))
        assert cache.start <= first < first + count <= cache.end
        told.append((cache.start, cache.end, cache.known(cache.start, cache.end)))
        cache.forget(cache.start + forgotten)
        told.append((cache.start, cache.end, cache.known(cache.start, cache.end)))
    for start, end, found in told:
        check(found, start, end)


def test_what_is_forgotten_is_not_known() -> None:
    cache = FrameCache(MELS)
    cache.put(0, frames(0, 28))
    cache.forget(10)
    check(cache.known(9, 28), 0, 0)
    check(cache.known(10, 28), 10, 28)
    cache.forget(50)
    check(cache.known(10, 60), 0, 0)


def test_memory_is_bounded_by_what_is_kept() -> None:
    cache = FrameCache(MELS)
    most = 0
    for number in range(0, 20_000, 4):
        cache.put(number, frames(number, number + 4))
        cache.forget(number - 396)
        most = max(most, cache._columns.shape[1])
    assert most <= 4 * 400
