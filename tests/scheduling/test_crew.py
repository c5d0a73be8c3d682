from __future__ import annotations

import asyncio
import threading

import pytest

from captioner.errors import EngineFault, InvalidRequest
from captioner.scheduling.crew import Crew


@pytest.fixture
def opened() -> threading.Event:
    return threading.Event()


async def test_a_call_runs_in_a_thread_and_answers_on_the_loop() -> None:
    crew = Crew(1, name="test")
    assert await crew.run(lambda: threading.current_thread().name) == "test-0"
    crew.dismiss()
    await crew.gone


async def test_as_many_calls_run_at_once_as_there_are_threads() -> None:
    crew = Crew(3, name="test")
    meeting = threading.Barrier(3)
    await asyncio.gather(*(crew.run(lambda: meeting.wait(timeout=30)) for _ in range(3)))
    crew.dismiss()
    await crew.gone


async def test_an_error_of_the_contract_passes_as_it_is() -> None:
    crew = Crew(1, name="test")
    error = InvalidRequest("bad")

    def fail() -> None:
        raise error

    with pytest.raises(InvalidRequest) as caught:
        await crew.run(fail)
    assert caught.value is error
    crew.dismiss()
    await crew.gone


async def test_any_other_error_becomes_an_engine_fault_that_does_not_quote_it() -> None:
    crew = Crew(1, name="test")
    spoken = {"bonjour": 1}
    with pytest.raises(EngineFault, match=r"^the engine raised KeyError$") as caught:
        await crew.run(lambda: spoken["secret"])
    assert isinstance(caught.value.__cause__, KeyError)
    crew.dismiss()
    await crew.gone


async def test_a_result_that_comes_after_the_call_was_given_up_goes_to_unwanted(
    opened: threading.Event,
) -> None:
    crew = Crew(1, name="test")
    unwanted: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def slow() -> str:
        opened.wait()
        return "late"

    call = crew.run(slow, unwanted=unwanted.set_result)
    call.cancel()
    opened.set()
    assert await unwanted == "late"
    crew.dismiss()
    await crew.gone


async def test_an_error_that_comes_after_the_call_was_given_up_is_ignored(
    opened: threading.Event,
) -> None:
    crew = Crew(1, name="test")

    def slow() -> None:
        opened.wait()
        raise InvalidRequest("late")

    call = crew.run(slow)
    call.cancel()
    opened.set()
    assert await crew.run(lambda: "next") == "next"
    assert call.cancelled()
    crew.dismiss()
    await crew.gone


async def test_the_last_act_comes_once_and_after_all_calls(opened: threading.Event) -> None:
    crew = Crew(2, name="test")
    acts: list[str] = []

    def slow() -> None:
        opened.wait()
        acts.append("call")

    call = crew.run(slow)
    crew.dismiss(lambda: acts.append("last"))
    assert not crew.gone.done()
    opened.set()
    await call
    await crew.gone
    assert acts == ["call", "last"]


async def test_a_crew_whose_call_hangs_never_gets_to_its_last_act(opened: threading.Event) -> None:
    crew = Crew(2, name="test")
    acts: list[str] = []
    call = crew.run(opened.wait)
    crew.dismiss(lambda: acts.append("last"))
    other = Crew(1, name="other")  # its answer comes after whatever the first one could do
    other.dismiss()
    await other.gone
    assert acts == []
    opened.set()
    await call
    await crew.gone
    assert acts == ["last"]


def test_a_call_that_outlives_its_loop_harms_nobody(opened: threading.Event) -> None:
    threads: list[threading.Thread] = []

    def slow() -> None:
        threads.append(threading.current_thread())
        opened.wait()

    async def leave() -> None:
        crew = Crew(1, name="test")
        crew.run(slow).cancel()
        crew.dismiss()

    asyncio.run(leave())
    opened.set()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()
