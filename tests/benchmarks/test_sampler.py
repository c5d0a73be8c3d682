from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
import sampler
from sampler import LoopLag, Sampler, area_of_file, thread_names

import captioner
from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import ScriptedEngine
from captioner.scheduling.crew import Crew

PACKAGE = Path(captioner.__file__).parent
ROW = DecodeRow(features=np.zeros((80, 500), np.float32), speech_frames=100, language="fr")


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize(
    ("file", "area"),
    [
        (str(PACKAGE / "vad" / "silero.py"), "vad"),
        (str(PACKAGE / "rpc" / "generated" / "captioner.py"), "rpc"),
        (str(PACKAGE / "service.py"), "sessions"),
        (str(PACKAGE / "clock.py"), "clock"),
        (asyncio.events.__file__, sampler.TRANSPORT),
        (sampler.__file__, sampler.MEASURING),
        (np.__file__, ""),
        ("<frozen importlib._bootstrap>", ""),
    ],
)
def test_a_file_belongs_to_a_part_of_the_program(file: str, area: str) -> None:
    assert area_of_file(file) == area


def caller_of(enter: Callable[[Callable[[], None]], object]) -> FrameType:
    """The stack as seen by a callback."""
    frames: list[FrameType] = []
    enter(lambda: frames.append(sys._getframe()))
    return frames[0]


def test_a_stack_is_in_the_innermost_part_of_the_program() -> None:
    frame = caller_of(lambda see: ScriptedEngine(before=lambda _: see()).decode([ROW]))
    assert Sampler().place(frame) == ("asr", "asr.scripted.ScriptedEngine.decode")


async def test_a_stack_outside_the_program_is_in_the_transport() -> None:
    loop = asyncio.get_running_loop()
    frames: list[FrameType] = []
    seen = loop.create_future()

    def see() -> None:
        frames.append(sys._getframe())
        seen.set_result(None)

    loop.call_soon(see)
    await seen
    assert Sampler().place(frames[0]) == (sampler.TRANSPORT, sampler.TRANSPORT)


def test_no_stack_at_all_is_somewhere_else() -> None:
    assert Sampler().place(None) == (sampler.OTHER, sampler.OTHER)


async def test_what_each_thread_has_used_is_put_where_it_is() -> None:
    taker = Sampler()
    crew = Crew(1, name="crew")
    taker.take(sys._getframe())
    burn(0.01)
    await crew.run(lambda: burn(0.02))
    taker.take(sys._getframe())
    crew.dismiss()
    await crew.gone
    used = {"workers": 0.0, "loop": 0.0}
    for _, area, _, seconds in taker.samples:
        used[area.partition(":")[0]] += seconds
    assert used["workers"] >= 0.02
    assert used["loop"] >= 0.01
    assert {area for _, area, _, _ in taker.samples} >= {"workers: scheduling"}


def test_a_started_sampler_samples_until_it_is_stopped() -> None:
    taker = Sampler()
    taker.start()
    try:
        while not taker.samples:
            burn(0.005)
    finally:
        taker.stop()
    count = len(taker.samples)
    burn(0.02)
    assert len(taker.samples) == count


async def test_a_loop_that_is_held_up_is_seen_to_be_late() -> None:
    lag = LoopLag()
    lag.start()
    burn(0.1)  # nothing else gets its turn meanwhile
    for _ in range(2):  # what is due comes after what is ready
        await asyncio.sleep(0)
    lag.stop()
    assert lag.seen[0][1] >= 0.1 - sampler.LAG_PERIOD


def test_the_threads_that_python_knows_have_names() -> None:
    assert "MainThread" in thread_names().values()
