"""How late an event loop runs what is due, and where the CPU time of a process goes.

The sampler is called each time the process has used 4 ms of CPU, and puts what each Python thread
has used since then to the part of the program that the thread is in. Python calls it between two
instructions, so time inside a library counts for the code that called the library.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import sysconfig
import threading
import time
from pathlib import Path
from types import FrameType

import captioner

PERIOD = 0.004  # seconds of CPU: the kernel's timer is no finer
LAG_PERIOD = 0.02  # seconds
LOOP = "loop"
WORKERS = "workers"
TRANSPORT = "gRPC and event loop"
MEASURING = "measuring"
OTHER = "other"

_PACKAGE = Path(captioner.__file__).parent
_BENCHMARKS = Path(__file__).parent
_TRANSPORT = (
    os.path.join(sysconfig.get_path("stdlib"), "asyncio"),  # noqa: PTH118 - compared as text
    os.path.join(sysconfig.get_path("stdlib"), "selectors"),  # noqa: PTH118
    os.path.join(sysconfig.get_path("purelib"), "grpc"),  # noqa: PTH118
)
_SESSIONS = ("service", "sessions", "events", "resume", "admission", "live")

Sample = tuple[float, str, str, float]
"""When (monotonic seconds), area ("loop: vad"), function ("loop: vad.silero.SileroModel.run"), and
CPU seconds."""


def area_of_file(filename: str) -> str:
    """The part of the program that a source file belongs to; empty when it is a library."""
    path = Path(filename)
    if path.is_relative_to(_PACKAGE):
        part = path.relative_to(_PACKAGE).parts[0].removesuffix(".py")
        return "sessions" if part in _SESSIONS else part
    if path.is_relative_to(_BENCHMARKS):
        return MEASURING
    return TRANSPORT if filename.startswith(_TRANSPORT) else ""


class Sampler:
    """Samples its process between ``start`` and ``stop``, on the main thread."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._areas: dict[str, str] = {}
        self._used: dict[int, float] = {}

    def start(self) -> None:
        """Begin, on the main thread."""
        signal.signal(signal.SIGPROF, self._on_signal)
        signal.setitimer(signal.ITIMER_PROF, PERIOD, PERIOD)

    def stop(self) -> None:
        """End; later signals change nothing."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)

    def _on_signal(self, _: int, frame: FrameType | None) -> None:
        self.take(frame)

    def take(self, main: FrameType | None) -> None:
        """Put what each thread has used since the last time to where it is now."""
        now = time.monotonic()
        frames = sys._current_frames()  # noqa: SLF001 - there is no other way to see them
        for thread in threading.enumerate():
            if thread.ident is None:
                continue
            is_main = thread is threading.main_thread()
            used = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
            spent = used - self._used.get(thread.ident, used)
            self._used[thread.ident] = used
            if spent > 0:
                area, function = self.place(main if is_main else frames.get(thread.ident))
                kind = LOOP if is_main else WORKERS
                self.samples.append((now, f"{kind}: {area}", f"{kind}: {function}", spent))
        # What was just spent here is not the program's.
        self._used[threading.main_thread().ident or 0] = time.thread_time()

    def place(self, frame: FrameType | None) -> tuple[str, str]:
        """The innermost part of the program in a stack, and its function there.

        The transport when there is none: its own code, or native code that it called.
        """
        fallback = OTHER
        while frame is not None:
            code = frame.f_code
            area = self._areas.get(code.co_filename)
            if area is None:
                area = self._areas[code.co_filename] = area_of_file(code.co_filename)
            if area == TRANSPORT:
                fallback = TRANSPORT
            elif area and not (area == MEASURING and fallback == TRANSPORT):
                return area, f"{_module(code.co_filename)}.{code.co_qualname}"
            frame = frame.f_back
        return fallback, fallback


def _module(filename: str) -> str:
    path = Path(filename).with_suffix("")
    root = _PACKAGE if path.is_relative_to(_PACKAGE) else path.parent
    return ".".join(path.relative_to(root).parts)


class LoopLag:
    """Notes how late the event loop runs a callback that is due every 20 ms."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []
        """When (monotonic seconds), and how many seconds late."""
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the loop that is to be watched."""
        self._wait(asyncio.get_running_loop())

    def stop(self) -> None:
        """End."""
        if self._handle is not None:
            self._handle.cancel()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + LAG_PERIOD
        self._handle = loop.call_at(due, self._due, loop, due)

    def _due(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self.seen.append((now, now - due))
        self._wait(loop)


def thread_names() -> dict[int, str]:
    """The Python threads of this process, by the number that the kernel gives them."""
    return {thread.native_id: thread.name for thread in threading.enumerate() if thread.native_id}
