from __future__ import annotations

import asyncio
import threading

import pytest
from web_calls import TIMEOUT

from captioner.errors import ResourceExhausted
from captioner.web import files
from captioner.web.files import Files


class Workshop:
    """Makes files when it is told to."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.at_work = 0
        self.may_go_on = threading.Event()

    def make(self, name: str) -> bytes:
        self.at_work += 1
        assert self.at_work == 1
        assert self.may_go_on.wait(TIMEOUT)
        self.made.append(name)
        self.at_work -= 1
        return name.encode()


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


def ask(found: Files, workshop: Workshop, name: str) -> asyncio.Task[bytes]:
    return asyncio.create_task(found.get(name, lambda: workshop.make(name)))


async def test_a_file_is_made_once_for_all_who_want_it(workshop: Workshop) -> None:
    found = Files()
    asked = [ask(found, workshop, "a") for _ in range(5)]
    workshop.may_go_on.set()
    assert [await task for task in asked] == [b"a"] * 5
    assert await ask(found, workshop, "a") == b"a"
    assert workshop.made == ["a"]


async def test_files_are_made_one_at_a_time(workshop: Workshop) -> None:
    found = Files()
    asked = [ask(found, workshop, name) for name in "abc"]
    workshop.may_go_on.set()
    assert [await task for task in asked] == [b"a", b"b", b"c"]


async def test_who_goes_away_does_not_take_a_file_from_the_others(workshop: Workshop) -> None:
    found = Files()
    first, second = ask(found, workshop, "a"), ask(found, workshop, "a")
    await asyncio.sleep(0)
    first.cancel()
    workshop.may_go_on.set()
    assert await second == b"a"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_no_more_than_a_few_may_wait(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WAITING", 2)
    found = Files()
    asked = [ask(found, workshop, name) for name in "abc"]
    with pytest.raises(ResourceExhausted, match="2 files are being made"):
        await asked[2]
    workshop.may_go_on.set()
    assert [await task for task in asked[:2]] == [b"a", b"b"]
    assert await ask(found, workshop, "c") == b"c"


async def test_a_file_that_could_not_be_made_is_tried_again() -> None:
    def fail() -> bytes:
        raise ValueError("broken")

    found = Files()
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await found.get("a", fail)
    assert await found.get("a", lambda: b"a") == b"a"


async def test_files_are_kept_for_a_moment_and_not_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "MOST_KEPT", 2)
    found = Files()
    for name in "abc":
        await found.get(name, name.encode)
    assert list(found._made) == ["b", "c"]
    monkeypatch.setattr(files, "KEPT", 0.0)
    await found.get("d", b"d".upper)
    await asyncio.sleep(0.001)
    assert list(found._made) == ["c"]
