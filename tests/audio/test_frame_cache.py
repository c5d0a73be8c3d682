from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from captioner.audio.frame_cache import FrameCache

BLOCK = 4
MELS = 3


def columns(first: int, count: int) -> np.ndarray:
    """What each frame holds tells which frame it is."""
    frames = np.arange(first * BLOCK, (first + count) * BLOCK, dtype=np.float32)
    return np.stack([frames + mel / MELS for mel in range(MELS)])


def put(cache: FrameCache, first: int, count: int = 1, *, valid: int | None = None) -> None:
    kept = columns(first, count)
    cache.put(first, kept, kept[0], valid=count * BLOCK if valid is None else valid)


def test_nothing_is_there_before_it_was_put() -> None:
    cache = FrameCache(MELS, BLOCK)
    assert len(cache) == 0
    assert cache.valid(7) == 0


def test_frames_of_successive_blocks_lie_beside_each_other() -> None:
    cache = FrameCache(MELS, BLOCK)
    put(cache, 5, 2)
    put(cache, 4)
    kept, loudest = cache.view(4 * BLOCK + 1, 7 * BLOCK - 1)
    np.testing.assert_array_equal(kept, columns(4, 3)[:, 1:-1])
    np.testing.assert_array_equal(loudest, columns(4, 3)[0, 1:-1])


def test_valid_frames_are_counted_for_each_block() -> None:
    cache = FrameCache(MELS, BLOCK)
    put(cache, 2, 2, valid=BLOCK + 1)
    assert [cache.valid(number) for number in (1, 2, 3, 4)] == [0, BLOCK, 1, 0]


def test_a_block_that_is_put_again_replaces_what_was_there() -> None:
    cache = FrameCache(MELS, BLOCK)
    cache.put(3, np.zeros((MELS, BLOCK), np.float32), np.zeros(BLOCK, np.float32), valid=1)
    put(cache, 3)
    assert cache.valid(3) == BLOCK
    np.testing.assert_array_equal(cache.view(3 * BLOCK, 4 * BLOCK)[0], columns(3, 1))


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 5), st.integers(0, 40)), max_size=25
    )
)
def test_what_is_not_forgotten_stays_as_it_was_put(steps: list[tuple[int, int, int]]) -> None:
    cache = FrameCache(MELS, BLOCK)
    first, known = 0, set[int]()
    for ahead, count, forgotten in steps:
        put(cache, first + ahead, count)
        known |= set(range(first + ahead, first + ahead + count))
        first += forgotten
        cache.forget(first)
        known = {number for number in known if number >= first}
        assert len(cache) == len(known)
        for number in known:
            kept, loudest = cache.view(number * BLOCK, (number + 1) * BLOCK)
            np.testing.assert_array_equal(kept, columns(number, 1))
            np.testing.assert_array_equal(loudest, columns(number, 1)[0])


def test_memory_is_bounded_by_what_is_kept() -> None:
    cache = FrameCache(MELS, BLOCK)
    most = 0
    for number in range(5_000):
        put(cache, number)
        cache.forget(number - 99)
        most = max(most, cache._columns.shape[1])
    assert most <= 4 * 100 * BLOCK
