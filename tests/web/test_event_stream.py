from __future__ import annotations

from collections.abc import Callable

import pytest
from room_fakes import ROOM, Person
from rpc_fakes import EchoService

from captioner.rooms.captions import CaughtUp, Delivered, Reset, ResetReason
from captioner.rooms.position import Position
from captioner.web import event_stream
from captioner.web.event_stream import CHUNK, EventWriter, event_bytes

CLAIRE = Person("s1")


def writer_of(timers: list[tuple[float, Callable[[], None]]] | None = None) -> EventWriter:
    return EventWriter(lambda *timer: ([] if timers is None else timers).append(timer))


def test_an_event_has_a_name_data_and_perhaps_a_position() -> None:
    assert event_bytes("ended", {}) == b"event: ended\ndata: {}\n\n"
    assert event_bytes("caught_up", {}, position=Position("ab", 7)) == (
        b"event: caught_up\nid: ab-7\ndata: {}\n\n"
    )


def test_text_cannot_end_an_event_or_begin_another() -> None:
    text = "fin\n\nevent: ended\r\ndata: {}\u2028"
    written = writer_of().write(Delivered(Position("ab", 1), CLAIRE.final(1, text).said))
    assert written.count(b"\n\n") == 1
    assert written.count(b"\nevent:") == 0
    assert b"\r" not in written


def test_who_has_caught_up_in_a_room_without_words_has_no_position() -> None:
    assert writer_of().write(CaughtUp(None)) == b"event: caught_up\ndata: {}\n\n"


def test_a_caption_is_written_once_for_all_readers() -> None:
    writer, said = writer_of(), CLAIRE.final(1, "un").said
    first = writer.write(Delivered(Position("ab", 1), said))
    assert writer.write(Delivered(Position("ab", 1), said)) is first


def test_captions_with_the_same_number_are_not_taken_for_each_other() -> None:
    """A session that is resumed begins its caption again, at revision 1."""
    writer = writer_of()
    for text in ("un", "deux"):
        said = CLAIRE.interim(1, text, revision=1).said
        assert text.encode() in writer.write(Delivered(Position("ab", 1), said))


def test_what_is_remembered_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "REMEMBERED", 2)
    writer = writer_of()
    said = [CLAIRE.final(number).said for number in (1, 2, 3)]
    first, *_ = [writer.write(Delivered(Position("ab", 1), each)) for each in said]
    assert len(writer._written) == 2
    again = writer.write(Delivered(Position("ab", 1), said[0]))
    assert again == first
    assert again is not first


def test_nothing_is_remembered_longer_than_a_minute() -> None:
    timers: list[tuple[float, Callable[[], None]]] = []
    writer = writer_of(timers)
    for number in (1, 2, 3):
        writer.write(Delivered(Position("ab", number), CLAIRE.final(number).said))
    [(seconds, forget)] = timers
    assert seconds == 60
    forget()
    assert not writer._written
    writer.write(Delivered(Position("ab", 4), CLAIRE.final(4).said))
    assert len(timers) == 2


def test_nothing_of_a_room_that_was_deleted_is_remembered() -> None:
    writer = writer_of()
    writer.write(Delivered(Position("ab", 1), CLAIRE.final(1).said))
    writer.write(Reset(ResetReason.EPOCH))
    assert not writer._written


async def test_a_history_is_gathered_in_chunks() -> None:
    service, writer = EchoService(), writer_of()
    await service.rooms.publish([CLAIRE.final(n, "mot " * 50) for n in range(1, 201)])
    chunks = []
    with service.rooms.follow(ROOM) as follower:
        while chunk := writer.gather(follower):
            chunks.append(chunk)
    longest = max(map(len, (event for chunk in chunks for event in chunk.split(b"\n\n"))))
    assert len(chunks) > 2
    assert all(CHUNK <= len(chunk) < CHUNK + longest + 2 for chunk in chunks[:-1])
    assert b"".join(chunks).count(b"event: caption") == 200
