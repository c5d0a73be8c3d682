from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.batch.job import Track
from captioner.batch.shards import (
    SHARD_SECONDS,
    SHARD_TRACKS,
    Extent,
    estimated_seconds,
    into_shards,
)


def extents(*seconds: float) -> list[Extent]:
    return [Extent(Track(Path(f"{n}.wav")), length) for n, length in enumerate(seconds)]


def sizes(*seconds: float) -> list[int]:
    return [len(shard.tracks) for shard in into_shards(extents(*seconds))]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], []),
        ([300, 300], [2]),
        ([300, 300.1], [1, 1]),
        ([601], [1]),
        ([10, 601, 10], [1, 1, 1]),
        ([600, 0], [2]),
        ([1] * SHARD_TRACKS, [SHARD_TRACKS]),
        ([1] * (SHARD_TRACKS + 1), [SHARD_TRACKS, 1]),
    ],
)
def test_neighbours_share_a_shard_up_to_its_limits(
    seconds: list[float], expected: list[int]
) -> None:
    assert sizes(*seconds) == expected


def test_numbers_count_up_from_the_first() -> None:
    assert [shard.number for shard in into_shards(extents(600, 600, 600), first=7)] == [7, 8, 9]


@given(st.lists(st.floats(0, 2000), max_size=200))
def test_every_track_is_in_one_shard_in_order_and_shards_are_bounded(seconds: list[float]) -> None:
    given_ = extents(*seconds)
    shards = into_shards(given_)
    length = {extent.track: extent.seconds for extent in given_}
    assert [track for shard in shards for track in shard.tracks] == list(length)
    for shard in shards:
        assert 1 <= len(shard.tracks) <= SHARD_TRACKS
        total = sum(length[track] for track in shard.tracks)
        assert total <= SHARD_SECONDS or len(shard.tracks) == 1


@given(st.lists(st.floats(0, 2000), max_size=50))
def test_the_same_tracks_make_the_same_shards(seconds: list[float]) -> None:
    assert into_shards(extents(*seconds)) == into_shards(extents(*seconds))


@pytest.mark.parametrize(
    ("suffix", "size", "seconds"), [(".WAV", 640_000, 10.0), (".mp3", 160_000, 10.0), ("", 0, 0.0)]
)
def test_lengths_are_estimated_by_size_and_kind(suffix: str, size: int, seconds: float) -> None:
    assert estimated_seconds(suffix, size) == seconds
