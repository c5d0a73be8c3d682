"""What one follower is told next."""

from __future__ import annotations

from room_fakes import Person, Reader, caption

from captioner.rooms.captions import CaughtUp, Delivered, Reset, ResetReason, RoomEnded, RoomEvent
from captioner.rooms.cursor import Cursor
from captioner.rooms.log import RoomLog
from captioner.rooms.position import Position

CLAIRE = Person("s1")
PAUL = Person("s2")


def log_of(*finals: str) -> RoomLog:
    log = RoomLog()
    log.begin("abc")
    for number, text in enumerate(finals, start=1):
        log.append(number, CLAIRE.final(number, text).said, at=0.0)
    return log


def rest(cursor: Cursor) -> list[RoomEvent]:
    events = []
    while (event := cursor.next()) is not None:
        events.append(event)
    return events


def texts(events: list[RoomEvent]) -> list[str]:
    return [event.said.caption.text for event in events if isinstance(event, Delivered)]


def test_finals_come_first_then_interims_then_caught_up() -> None:
    log = log_of("un", "deux")
    log.show(CLAIRE.interim(3, "tr").said)
    events = rest(Cursor(log, None))
    assert texts(events) == ["un", "deux", "tr"]
    assert events[-1] == CaughtUp(Position("abc", 2))


def test_an_interim_newer_than_the_beginning_comes_after_caught_up() -> None:
    log = log_of("un")
    cursor = Cursor(log, None)
    log.show(CLAIRE.interim(2, "de").said)
    kinds = [type(event) for event in rest(cursor)]
    assert kinds == [Delivered, CaughtUp, Delivered]


def test_what_is_told_is_what_is_there_when_it_is_asked_for() -> None:
    log = log_of()
    cursor = Cursor(log, None)
    rest(cursor)
    log.show(CLAIRE.interim(1, "a").said)
    log.show(PAUL.interim(1, "b").said)
    first = cursor.next()
    log.show(CLAIRE.interim(1, "a a").said)
    log.append(1, PAUL.final(1, "b b").said, at=0.0)
    assert first is not None
    assert texts([first, *rest(cursor)]) == ["a", "b b", "a a"]


def test_an_interim_that_is_unchanged_is_told_once() -> None:
    log = log_of()
    log.show(CLAIRE.interim(1, "a").said)
    cursor = Cursor(log, None)
    assert len(rest(cursor)) == 2
    log.show(PAUL.interim(1, "b").said)
    assert texts(rest(cursor)) == ["b"]


def test_only_interims_that_were_told_are_retracted() -> None:
    log = log_of()
    cursor = Cursor(log, None)
    rest(cursor)
    log.show(CLAIRE.interim(1).said)
    log.retract("s1")
    assert rest(cursor) == []


def test_a_cursor_left_behind_starts_afresh_once() -> None:
    log = log_of("un", "deux", "trois")
    cursor = Cursor(log, None)
    cursor.next()
    log.trim(1, before=0.0)
    events = rest(cursor)
    assert events[0] == Reset(ResetReason.TRUNCATED)
    assert texts(events) == ["trois"]
    assert isinstance(events[-1], CaughtUp)


def test_a_cursor_that_was_told_nothing_has_nothing_to_forget() -> None:
    log = log_of("un", "deux")
    cursor = Cursor(log, None)
    log.trim(1, before=0.0)
    log.begin("def")
    log.append(1, PAUL.final(1, "neuf").said, at=0.0)
    events = rest(cursor)
    assert texts(events) == ["neuf"]
    assert not any(isinstance(event, Reset) for event in events)


def test_a_log_that_begins_anew_with_the_same_epoch_starts_its_cursors_afresh() -> None:
    log = log_of("un")
    cursor = Cursor(log, None)
    rest(cursor)
    log.begin("abc")
    assert rest(cursor)[0] == Reset(ResetReason.EPOCH)


def test_a_position_that_was_refused_and_a_new_epoch_make_one_reset() -> None:
    log = log_of("un")
    cursor = Cursor(log, Position("xyz", 7))
    log.begin("def")
    events = rest(cursor)
    assert [type(event) for event in events] == [Reset, CaughtUp]


def test_the_end_comes_last_and_once() -> None:
    log = log_of("un")
    log.ended = True
    cursor = Cursor(log, None)
    assert [type(event) for event in rest(cursor)] == [Delivered, CaughtUp, RoomEnded]
    assert cursor.over
    log.append(2, CLAIRE.final(2).said, at=0.0)
    assert rest(cursor) == []


def test_the_position_moves_with_finals_and_not_with_interims() -> None:
    log = log_of("un", "deux")
    cursor = Cursor(log, Position("abc", 1))
    assert cursor.position == Position("abc", 1)
    rest(cursor)
    assert cursor.position == Position("abc", 2)
    log.show(CLAIRE.says(caption(3, "tr")).said)
    rest(cursor)
    assert cursor.position == Position("abc", 2)


def test_a_cursor_holds_no_more_than_the_interims_that_are_open() -> None:
    log = log_of()
    cursor = Cursor(log, None)
    reader = Reader()
    for number in range(1, 200):
        for session in ("s1", "s2", "s3"):
            log.show(Person(session).interim(number).said)
        for event in rest(cursor):
            reader.take(event)
        for index, session in enumerate(("s1", "s2", "s3")):
            log.append(3 * number + index, Person(session).final(number).said, at=0.0)
    for event in rest(cursor):
        reader.take(event)
    assert not cursor._shown
    assert len(reader.finals) == 3 * 199
