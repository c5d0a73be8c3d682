"""Positions as they go over the wire, and names of rooms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import InvalidRequest
from captioner.rooms.position import Position, check_room_name


@given(
    st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=32),
    st.integers(0, 10**16 - 1),
)
def test_a_position_is_read_as_it_was_written(epoch: str, sequence: int) -> None:
    position = Position(epoch, sequence)
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "abc",
        "abc-",
        "-7",
        "abc-7 ",
        "abc-7\n",
        "abc--7",
        "abc-7-8",
        "ABC-7",
        "é-7",
        "abc-٣",
        "a" * 33 + "-1",
        "a-" + "1" * 17,
    ],
)
def test_anything_else_is_refused_with_the_name_of_its_field(text: str) -> None:
    with pytest.raises(InvalidRequest, match="last_event_id is not a position") as refused:
        Position.parse(text, field="last_event_id")
    assert refused.value.violations[0].field == "last_event_id"


@pytest.mark.parametrize("name", ["x", "Conseil de l'école / salle 3", "é" * 128])
def test_a_name_within_its_limits_is_taken_as_it_is(name: str) -> None:
    assert check_room_name(name) == name


@pytest.mark.parametrize("name", ["", "é" * 129])
def test_a_name_beyond_its_limits_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="expected 1 to 128") as refused:
        check_room_name(name, field="path")
    assert refused.value.violations[0].field == "path"
