"""An engine under the control of the test: it blocks where a gate is closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest

from captioner.asr.engine import DecodeRow
from captioner.transcript import Hypothesis, Word

FEATURES = np.zeros((80, 1), np.float32)


class Gate:
    """The hook of a `ScriptedEngine`: tells of each call, and holds it while closed."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        """The names of the rows of each call, in the order of the calls."""
        self._open = threading.Event()
        self._open.set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._entered: asyncio.Queue[list[str]] = asyncio.Queue()

    def close(self) -> None:
        """Hold the calls that come."""
        self._open.clear()

    def open(self) -> None:
        """Let go of all calls."""
        self._open.set()

    async def entered(self) -> list[str]:
        """Wait for the next call; the names of its rows."""
        return await self._entered.get()

    def attach(self) -> None:
        """Tell the running loop of calls."""
        self._loop = asyncio.get_running_loop()

    def __call__(self, rows: Sequence[DecodeRow]) -> None:
        names = [row.key_terms[0] for row in rows]
        self.calls.append(names)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._entered.put_nowait, names)
        self._open.wait()


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    gate = Gate()
    gate.attach()
    yield gate
    gate.open()


@pytest.fixture
def row() -> Callable[..., DecodeRow]:
    def make(name: str, *, language: str = "fr") -> DecodeRow:
        return DecodeRow(FEATURES, speech_frames=1, language=language, key_terms=(name,))

    return make


@pytest.fixture
def echo() -> Callable[[DecodeRow], Hypothesis]:
    """Answer each row with its name, so that answers cannot be mixed up unnoticed."""

    def answer(row: DecodeRow) -> Hypothesis:
        return Hypothesis(
            words=(Word(row.key_terms[0], 0, 160, 1.0),),
            word_tokens=((1,),),
            average_logprob=-0.1,
            no_speech_probability=0.0,
            language=row.language,
        )

    return answer
