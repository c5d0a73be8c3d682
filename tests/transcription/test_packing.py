from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import ConfigError
from captioner.transcription.packing import Pack, Packer, PackingSettings


@dataclass(frozen=True)
class Row:
    number: int
    length: int


def packed(
    lengths: list[int], settings: PackingSettings, packer: Packer[Row] | None = None
) -> list[Pack[Row]]:
    """The batches of rows of these lengths, the rest of them included."""
    packer = packer or Packer(settings)
    packs = []
    for number, length in enumerate(lengths):
        packs += packer.push(Row(number, length), length)
    return packs + packer.flush()


def lengths_of(packs: list[Pack[Row]]) -> list[list[int]]:
    return [[row.length for row in pack.items] for pack in packs]


def test_rows_of_one_length_are_a_batch_as_soon_as_it_is_full() -> None:
    packer: Packer[str] = Packer(PackingSettings(rows=3, waiting=10))
    assert packer.push("a", 20) == []
    assert packer.push("b", 26) == []
    assert packer.push("c", 20) == []
    assert packer.push("d", 20) == [Pack(("a", "c", "d"), 20)]
    assert packer.flush() == [Pack(("b",), 26)]


def test_what_is_left_shares_batches_by_length() -> None:
    packs = packed([20, 30, 22, 28, 24], PackingSettings(rows=3, waiting=10))
    assert lengths_of(packs) == [[30, 28], [24, 22, 20]]
    assert [pack.length for pack in packs] == [30, 24]


def test_what_is_left_is_an_even_number_of_batches() -> None:
    settings = PackingSettings(rows=2, waiting=10)
    assert lengths_of(packed([30, 28, 26, 24, 22], settings)) == [[30], [28], [26], [24, 22]]
    assert lengths_of(packed([20, 20, 20], PackingSettings(rows=8))) == [[20], [20, 20]]
    assert lengths_of(packed([20], PackingSettings(rows=8))) == [[20]]
    assert packed([], PackingSettings(rows=8)) == []


def test_when_too_many_wait_the_longest_go() -> None:
    packer: Packer[Row] = Packer(PackingSettings(rows=2, waiting=3))
    assert [packer.push(Row(n, n), n) for n in (20, 24, 22)] == [[], [], []]
    assert lengths_of(packer.push(Row(0, 26), 26)) == [[26, 24]]
    assert lengths_of(packer.flush()) == [[22], [20]]
    assert packer.flush() == []


@pytest.mark.parametrize(("rows", "waiting"), [(0, 4), (5, 4), (-1, 4)])
def test_settings_that_make_no_batches_are_refused(rows: int, waiting: int) -> None:
    with pytest.raises(ConfigError, match=f"1 to 4 .*{rows}"):
        PackingSettings(rows=rows, waiting=waiting)


def test_settings_at_their_bounds_are_taken() -> None:
    assert lengths_of(packed([20, 22], PackingSettings(rows=1, waiting=1))) == [[20], [22]]
    PackingSettings(rows=4, waiting=4)


# --- what holds for all rows

rows = st.lists(st.sampled_from([20, 22, 24, 26, 28, 30]), max_size=60)
limits = st.builds(
    lambda rows, more: PackingSettings(rows=rows, waiting=rows + more),
    st.integers(1, 9),
    st.integers(0, 12),
)


@given(rows, limits)
def test_each_row_is_in_one_batch(lengths: list[int], settings: PackingSettings) -> None:
    found = [row for pack in packed(lengths, settings) for row in pack.items]
    assert sorted(found, key=lambda row: row.number) == [
        Row(number, length) for number, length in enumerate(lengths)
    ]


@given(st.lists(st.sampled_from([20, 22]), max_size=40), limits)
def test_rows_that_are_equal_are_not_taken_for_one(
    lengths: list[int], settings: PackingSettings
) -> None:
    packer: Packer[str] = Packer(settings)
    packs = [pack for length in lengths for pack in packer.push("row", length)]
    assert sum(len(pack.items) for pack in packs + packer.flush()) == len(lengths)


@given(rows, limits)
def test_batches_are_never_empty_nor_too_large_and_as_long_as_their_longest_row(
    lengths: list[int], settings: PackingSettings
) -> None:
    for pack in packed(lengths, settings):
        assert 1 <= len(pack.items) <= settings.rows
        assert pack.length == max(row.length for row in pack.items)
        order = [(-row.length, row.number) for row in pack.items]
        assert order == sorted(order)


@given(rows, limits)
def test_no_more_rows_wait_than_may(lengths: list[int], settings: PackingSettings) -> None:
    packer: Packer[Row] = Packer(settings)
    waiting = 0
    for number, length in enumerate(lengths):
        packs = packer.push(Row(number, length), length)
        waiting += 1 - sum(len(pack.items) for pack in packs)
        assert 0 <= waiting <= settings.waiting
    assert sum(len(pack.items) for pack in packer.flush()) == waiting
    assert packer.flush() == []


@given(rows, rows, limits)
def test_the_same_rows_make_the_same_batches_whatever_was_packed_before(
    before: list[int], lengths: list[int], settings: PackingSettings
) -> None:
    packer: Packer[Row] = Packer(settings)
    packed(before, settings, packer)
    assert packed(lengths, settings, packer) == packed(lengths, settings)


@given(rows, limits)
def test_little_is_padded(lengths: list[int], settings: PackingSettings) -> None:
    """Rows are put together by length: no batch holds rows on both sides of another's."""
    packer: Packer[Row] = Packer(settings)
    for number, length in enumerate(lengths):
        packer.push(Row(number, length), length)
    rest = packer.flush()
    for longer, shorter in pairwise(rest):
        assert min(row.length for row in longer.items) >= shorter.length
    sizes = [len(pack.items) for pack in rest]
    assert len(rest) <= -(-sum(sizes) // settings.rows) + 1
    assert not rest or max(sizes) - min(sizes) <= 1
