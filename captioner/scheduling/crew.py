"""The threads of the program: they wait inside the engine, so that the event loop does not.

They are daemons and nothing ever joins them: a call that hangs inside native code holds up neither
the service nor the end of the process. (The executor of the standard library joins its threads when
the interpreter exits, and would wait for such a call for ever.)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from captioner.errors import CaptionerError, EngineFault

T = TypeVar("T")
Job = Callable[[], None]


def _nothing() -> None:
    """Do nothing, as the last thing."""


class Crew:
    """A fixed number of threads that run blocking calls for the event loop that made them."""

    def __init__(self, size: int, *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._size = self._present = size
        self._last: Job = _nothing
        self.gone: asyncio.Future[None] = self._loop.create_future()
        """Settled when every thread has gone."""
        for number in range(size):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def run(
        self, call: Callable[[], T], *, unwanted: Callable[[T], None] | None = None
    ) -> asyncio.Future[T]:
        """Run a call in a free thread.

        Cancel the future to give up on the call: it goes on, and its result goes to ``unwanted``.

        Returns:
            A future of its result, or of its `CaptionerError`: whatever else it raises
            becomes an `EngineFault` with that as its cause.
        """
        future: asyncio.Future[T] = self._loop.create_future()

        def job() -> None:
            try:
                result = call()
            except CaptionerError as error:
                self._post(partial(_fail, future, error))
            except Exception as error:  # noqa: BLE001 - the engine's boundary: anything may come out
                # Not its text, which may hold speech: callers log what they know to be harmless.
                fault = EngineFault(f"the engine raised {type(error).__name__}")
                fault.__cause__ = error
                self._post(partial(_fail, future, fault))
            else:
                self._post(partial(_succeed, future, result, unwanted))

        self._jobs.put(job)
        return future

    def dismiss(self, last: Job = _nothing) -> None:
        """Let the threads go when their calls have returned; run none after.

        ``last`` runs in the last thread to go, and ``gone`` is settled after it: never, when a call
        never returns.
        """

        def farewell() -> None:
            try:
                last()
            finally:
                self._post(partial(_succeed, self.gone, None, None))

        self._last = farewell
        for _ in range(self._size):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # it holds a batch of features, which must not live until the next one
        with self._lock:
            self._present -= 1
            alone = self._present == 0
        if alone:
            self._last()

    def _post(self, callback: Job) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            # The loop is closed: the program ends and nobody waits for this call any more.
            return


def _succeed(future: asyncio.Future[T], result: T, unwanted: Callable[[T], None] | None) -> None:
    if not future.done():
        future.set_result(result)
    elif unwanted is not None:
        unwanted(result)


def _fail(future: asyncio.Future[T], error: CaptionerError) -> None:
    if not future.done():
        future.set_exception(error)
