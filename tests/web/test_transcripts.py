from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from room_fakes import Person, caption

from captioner.rooms.captions import Delivered, RoomHistory
from captioner.rooms.position import Position
from captioner.subtitles.cues import Provenance
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.profiles import WEB
from captioner.web.transcripts import PLAUSIBLE, disposition, render

PROVENANCE = Provenance("1.2", "base", "sha256:00")
OPENED = 1_795_449_600.0  # 2026-11-23T16:00:00Z


def history(*people: Person, name: str = "salle") -> RoomHistory:
    captions = tuple(
        Delivered(Position("ab", number), person.final(1, f"mot de {person.session}").said)
        for number, person in enumerate(people, start=1)
    )
    return RoomHistory(name, OPENED, None, Position("ab", 99), True, captions)


def segments(found: RoomHistory) -> list[dict[str, Any]]:
    written = json.loads(render(found, FORMATS["json"], PROVENANCE, profile=WEB))
    return written["segments"]  # type: ignore[no-any-return]


def test_tracks_are_on_one_line_of_time_from_the_opening_of_the_room() -> None:
    found = segments(history(Person("b", origin=OPENED + 60), Person("a", origin=OPENED)))
    assert [(it["id"], it["start"], it["end"]) for it in found] == [
        ("a-1", 1.0, 4.0),
        ("b-1", 61.0, 64.0),
    ]
    assert found[1]["words"][0]["start"] == 61.0
    assert found[1]["speaker"] == "Claire Dubois"


def test_words_from_before_the_opening_are_not_before_the_beginning() -> None:
    found = segments(history(Person("a", origin=OPENED - 10), Person("b", origin=OPENED)))
    assert [it["start"] for it in found] == [0.0, 10.0]


@pytest.mark.parametrize("origin", [0.0, OPENED - PLAUSIBLE - 1, OPENED + PLAUSIBLE + 1, 1e17])
def test_a_client_with_a_wrong_clock_does_not_stretch_the_file(origin: float) -> None:
    found = segments(history(Person("a", origin=origin), Person("b", origin=OPENED)))
    assert sorted(it["start"] for it in found) == [1.0, 1.0]


def test_empty_finals_are_left_out() -> None:
    found = history(Person("a", origin=OPENED))
    silence = Person("b", origin=OPENED).says(caption(1, final=True)).said
    empty = Delivered(Position("ab", 2), silence)
    assert len(segments(replace(found, captions=(*found.captions, empty)))) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_that_no_human_wrote_it(name: str) -> None:
    written = render(history(Person("a")), FORMATS[name], PROVENANCE, profile=WEB).decode()
    if name != "srt":  # which has no place for it
        assert "base" in written
        assert "sha256:00" in written


@pytest.mark.parametrize(
    ("room", "ascii_name", "name"),
    [
        ("salle", "salle-2026-11-23.vtt", "salle-2026-11-23.vtt"),
        ("Été 2026", "Ete-2026-2026-11-23.vtt", "%C3%89t%C3%A9-2026-2026-11-23.vtt"),
        ("../../etc/passwd", "etc-passwd-2026-11-23.vtt", "etc-passwd-2026-11-23.vtt"),
        ('a"; b\r\nX: y', "a-b-X-y-2026-11-23.vtt", "a-b-X-y-2026-11-23.vtt"),
        ("…", "captions-2026-11-23.vtt", "captions-2026-11-23.vtt"),
        (".rc", "rc-2026-11-23.vtt", "rc-2026-11-23.vtt"),
        ("會議", "captions-2026-11-23.vtt", "%E6%9C%83%E8%AD%B0-2026-11-23.vtt"),
    ],
)
def test_a_file_is_named_after_the_room_and_the_day(room: str, ascii_name: str, name: str) -> None:
    written = disposition(history(Person("a"), name=room), FORMATS["vtt"])
    assert written == f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{name}"


@given(st.text(min_size=1, max_size=128))
def test_no_name_of_a_room_is_dangerous_in_that_of_a_file(room: str) -> None:
    written = disposition(history(Person("a"), name=room), FORMATS["srt"])
    assert re.fullmatch(
        r'attachment; filename="[A-Za-z0-9_][A-Za-z0-9_-]*\.srt"; '
        r"filename\*=UTF-8''[A-Za-z0-9%_-]+\.srt",
        written,
    )
