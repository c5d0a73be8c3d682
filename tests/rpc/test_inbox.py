from __future__ import annotations

import asyncio

import pytest

from captioner import live
from captioner.errors import Unavailable
from captioner.rpc.inbox import Inbox
from captioner.transcript import Caption, Word


def caption(
    identifier: int, revision: int, *, final: bool = False, appended: str = ""
) -> live.Captioned:
    words = (Word("mot", 0, 1, 1.0),)
    return live.Captioned(Caption(identifier, revision, 0, 1, words, 0, final, "fr", appended))


def progress(received: int) -> live.Progress:
    return live.Progress(received, 0, 0.0, 0)


async def read(inbox: Inbox) -> list[live.Event]:
    await inbox.close()
    events = []
    while event := await inbox.get():
        events.append(event)
    return events


async def test_events_are_read_in_order() -> None:
    inbox = Inbox()
    events: list[live.Event] = [
        live.SpeechStarted(1),
        caption(1, 1, final=True),
        caption(2, 1),
        live.SpeechEnded(2),
    ]
    for event in events:
        await inbox.put(event)
    assert await read(inbox) == events


async def test_an_unread_interim_is_replaced_by_a_newer_one_and_by_the_final() -> None:
    inbox = Inbox()
    interims = caption(1, 1), caption(1, 2)
    for event in [*interims, caption(1, 3, final=True), caption(2, 1)]:
        await inbox.put(event)
    assert await read(inbox) == [caption(1, 3, final=True), caption(2, 1)]


async def test_words_to_append_are_never_replaced() -> None:
    inbox = Inbox()
    events = [caption(1, 1, appended="un"), caption(1, 2, appended=" deux")]
    for event in events:
        await inbox.put(event)
    assert await read(inbox) == events


async def test_unread_progress_is_replaced_by_newer_progress() -> None:
    inbox = Inbox()
    await inbox.put(progress(1))
    await inbox.put(progress(2))
    assert await read(inbox) == [progress(2)]


async def test_finals_wait_for_room_instead_of_being_dropped() -> None:
    inbox = Inbox(limit=2)
    await inbox.put(caption(1, 1, final=True))
    await inbox.put(caption(2, 1, final=True))
    third = asyncio.create_task(inbox.put(caption(3, 1, final=True)))
    await asyncio.wait([third], timeout=0.01)
    assert not third.done()
    assert await inbox.get() == caption(1, 1, final=True)
    await third
    assert await read(inbox) == [caption(2, 1, final=True), caption(3, 1, final=True)]


async def test_what_was_received_can_be_read_before_the_failure_is_raised() -> None:
    inbox = Inbox()
    await inbox.put(live.SpeechStarted(1))
    await inbox.close(Unavailable("gone"))
    assert await inbox.get() == live.SpeechStarted(1)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await inbox.get()


async def test_reading_waits_for_an_event() -> None:
    inbox = Inbox()
    reading = asyncio.create_task(inbox.get())
    await asyncio.wait([reading], timeout=0.01)
    assert not reading.done()
    await inbox.put(live.SpeechStarted(1))
    assert await reading == live.SpeechStarted(1)
