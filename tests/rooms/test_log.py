"""The captions of one room as its followers read them."""

from __future__ import annotations

import pytest
from room_fakes import Person, caption

from captioner.rooms.captions import CaptionKey, RoomCaption
from captioner.rooms.log import RoomLog
from captioner.rooms.position import Position

EPOCH = "abc"


def said(number: int, text: str = "mot", *, final: bool = True, session: str = "s1") -> RoomCaption:
    return Person(session).says(caption(number, text, final=final)).said


def log_of(*sequences: int, floor: int = 0) -> RoomLog:
    log = RoomLog()
    log.begin(EPOCH, floor=floor)
    for number, sequence in enumerate(sequences, start=1):
        log.append(sequence, said(number), at=float(sequence))
    return log


def test_a_new_log_is_of_no_room() -> None:
    log = RoomLog()
    assert (log.epoch, len(log), log.last, log.interims) == ("", 0, 0, ())


def test_finals_are_kept_in_order() -> None:
    log = log_of(3, 5, 9)
    assert [kept.sequence for kept in log] == [3, 5, 9]
    assert (log.last, log.floor, log.end) == (9, 0, 3)


@pytest.mark.parametrize("sequence", [4, 5])
def test_a_sequence_that_does_not_grow_is_a_fault(sequence: int) -> None:
    with pytest.raises(ValueError, match=f"sequence {sequence} after 5"):
        log_of(3, 5).append(sequence, said(9), at=0.0)


def test_trimming_to_a_size_drops_the_oldest() -> None:
    log = log_of(3, 5, 9)
    log.trim(2, before=0.0)
    assert [kept.sequence for kept in log] == [5, 9]
    assert (log.floor, log.dropped, log.end, log.last) == (3, 1, 3, 9)


def test_trimming_by_time_drops_what_was_published_before_it() -> None:
    log = log_of(3, 5, 9)
    log.trim(10, before=9.0)
    assert [kept.sequence for kept in log] == [9]
    log.trim(10, before=9.1)
    assert (len(log), log.floor, log.last) == (0, 9, 9)


@pytest.mark.parametrize(
    ("after", "ordinal"), [(0, 0), (3, 1), (5, 2), (9, 3), (4, None), (10, None)]
)
def test_a_position_is_located_when_it_was_given_to_somebody(
    after: int, ordinal: int | None
) -> None:
    assert log_of(3, 5, 9).locate(Position(EPOCH, after)) == ordinal


@pytest.mark.parametrize(("after", "ordinal"), [(0, None), (3, None), (5, 2), (9, 3)])
def test_a_position_is_located_while_all_after_it_is_kept(after: int, ordinal: int | None) -> None:
    log = log_of(3, 5, 9)
    log.trim(1, before=0.0)
    assert log.locate(Position(EPOCH, after)) == ordinal


def test_a_position_of_another_epoch_is_not_located() -> None:
    assert log_of(3).locate(Position("def", 3)) is None


def test_a_log_can_begin_after_finals_that_it_never_had() -> None:
    log = log_of(8, floor=7)
    assert log.locate(Position(EPOCH, 7)) == 0
    assert log.locate(Position(EPOCH, 0)) is None


def test_the_latest_interim_of_a_caption_replaces_the_one_before() -> None:
    log = log_of()
    log.show(said(1, "a", final=False))
    log.show(said(1, "b", final=False, session="s2"))
    log.show(said(1, "a b", final=False))
    assert [shown.caption.text for shown in log.interims] == ["b", "a b"]


def test_a_final_takes_the_place_of_its_interim_and_none_comes_after_it() -> None:
    log = log_of()
    log.show(said(1, final=False))
    log.append(1, said(1), at=0.0)
    log.show(said(1, final=False))
    assert log.interims == ()


def test_interims_are_told_least_recently_changed_first() -> None:
    log = log_of()
    for session in ("s1", "s2", "s3"):
        log.show(said(1, final=False, session=session))
    log.show(said(1, "x", final=False, session="s1"))
    version, order = 0, []
    while showing := log.interim_after(version):
        version = showing.version
        order.append(showing.said.speaker.session)
    assert order == ["s2", "s3", "s1"]


def test_the_interims_of_a_session_are_retracted_and_no_others() -> None:
    log = log_of()
    log.show(said(1, final=False))
    log.show(said(1, final=False, session="s2"))
    log.retract("s1")
    assert [shown.key for shown in log.interims] == [CaptionKey("s2", 1)]


def test_beginning_afresh_keeps_only_what_is_final() -> None:
    log = log_of(3)
    log.show(said(2, final=False))
    log.ended = True
    before = log.incarnation
    log.begin("def")
    assert (log.epoch, len(log), log.last, log.interims, log.ended) == ("def", 0, 0, (), False)
    assert log.incarnation > before
    assert log.is_final(CaptionKey("s1", 1))
    log.forget_all_but(["s2"])
    assert not log.is_final(CaptionKey("s1", 1))
