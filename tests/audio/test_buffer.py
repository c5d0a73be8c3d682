from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioner.audio.buffer import SampleBuffer


def count_up(start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop, dtype=np.float32)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30_000), st.floats(0, 1)), min_size=1, max_size=20),
)
def test_every_kept_sample_stays_at_its_position(steps: list[tuple[int, float]]) -> None:
    buffer = SampleBuffer()
    for count, forgotten in steps:
        buffer.append(count_up(buffer.end, buffer.end + count))
        buffer.forget(buffer.start + round((buffer.end - buffer.start) * forgotten))
        kept = buffer.view(buffer.start, buffer.end)
        np.testing.assert_array_equal(kept, count_up(buffer.start, buffer.end))


def test_a_view_stays_as_it_was() -> None:
    buffer = SampleBuffer()
    buffer.append(count_up(0, 10_000))
    views = []
    for _ in range(30):
        buffer.append(count_up(buffer.end, buffer.end + 3_000))
        views.append((buffer.start, buffer.end, buffer.view(buffer.start, buffer.end)))
        buffer.forget(buffer.end - 4_000)
    for start, end, view in views:
        np.testing.assert_array_equal(view, count_up(start, end))


def test_memory_is_bounded_by_what_is_kept() -> None:
    buffer = SampleBuffer()
    for _ in range(2_000):
        buffer.append(np.zeros(1_600, np.float32))
        buffer.forget(max(0, buffer.end - 80_000))
    assert len(buffer._data) <= 4 * 81_600


def test_forgetting_what_is_forgotten_changes_nothing() -> None:
    buffer = SampleBuffer()
    buffer.append(count_up(0, 100))
    buffer.forget(60)
    buffer.forget(20)
    assert (buffer.start, buffer.end) == (60, 100)


def test_the_future_cannot_be_forgotten() -> None:
    buffer = SampleBuffer()
    buffer.append(count_up(0, 100))
    with pytest.raises(ValueError, match="up to 101, the stream ends at 100"):
        buffer.forget(101)


@pytest.mark.parametrize(("start", "stop"), [(9, 50), (10, 101), (60, 50), (-1, 5)])
def test_only_what_is_kept_can_be_viewed(start: int, stop: int) -> None:
    buffer = SampleBuffer()
    buffer.append(count_up(0, 100))
    buffer.forget(10)
    with pytest.raises(ValueError, match="10 to 100 are kept"):
        buffer.view(start, stop)
