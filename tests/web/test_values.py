from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.rooms.captions import CaptionKey, Presence, RoomCaption, RoomStatus, Speaker
from captioner.transcript import Caption, Word
from captioner.web.values import (
    caption_id,
    caption_values,
    committed_characters,
    display_name,
    dump,
    room_values,
    wall_time,
)


def caption(*words: str, committed: int = 0) -> Caption:
    return Caption(1, 1, 0, 0, tuple(Word(it, 0, 0, 1) for it in words), committed, False, "fr")


@pytest.mark.parametrize(
    ("since_1970", "written"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_449_600.1239, "2026-11-23T16:00:00.123Z"),
        (-1.0, "1969-12-31T23:59:59.000Z"),
        (math.nan, None),
        (math.inf, None),
        (1e18, None),
        (-1e18, None),
    ],
)
def test_a_time_of_day_is_iso_8601_or_nothing(since_1970: float, written: str | None) -> None:
    assert wall_time(since_1970) == written


@pytest.mark.parametrize(("committed", "characters"), [(0, 0), (1, 3), (2, 7), (3, 13)])
def test_committed_words_are_a_leading_part_of_the_text(committed: int, characters: int) -> None:
    said = caption("Été", "bon", "jour.", committed=committed)
    assert committed_characters(said) == characters
    assert said.text[:characters] == " ".join(["Été", "bon", "jour."][:committed])


def test_captions_of_two_sessions_never_have_one_name() -> None:
    keys = [CaptionKey(s, n) for s in ("a", "a-1", "b_", "-") for n in (1, 11)]
    assert len({caption_id(key) for key in keys}) == len(keys)


def test_who_has_no_name_is_shown_by_identity() -> None:
    assert display_name(Speaker("s", "t", "claire", "Claire")) == "Claire"
    assert display_name(Speaker("s", "t", "claire")) == "claire"
    assert display_name(Speaker("s", "t")) == ""


def test_a_person_with_two_tracks_is_one_speaker_of_a_room() -> None:
    there = tuple(
        Presence(Speaker(f"s{n}", f"t{n}", name, name), 0.0, talking)
        for n, (name, talking) in enumerate([("B", False), ("A", True), ("B", True), ("", True)])
    )
    values = room_values(RoomStatus("salle", 0.0, 60.0, there, 7))
    assert values["speakers"] == ["B", "A"]
    assert values["talking"] == ["A", "B"]
    assert values["ended"] == "1970-01-01T00:01:00.000Z"
    assert values["captions"] == 7


@given(st.text(st.characters(codec="utf-8")), st.floats(allow_nan=True))
def test_whatever_is_said_is_one_line_of_json(text: str, origin: float) -> None:
    said = RoomCaption(Speaker("s", text, text, text), caption(text), origin)
    written = dump(caption_values(said))
    assert "\n" not in written
    assert "\r" not in written
    assert json.loads(written)["text"] == text
