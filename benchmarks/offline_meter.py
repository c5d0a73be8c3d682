"""What a process and its descendants use: CPU and memory, watched from a thread."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import psutil
from meter import MEBIBYTE, Usage

PERIOD = 0.1  # seconds between two looks at the memory
LOOK_AROUND = 5  # looks between two searches for new descendants: each reads all of /proc


class TreeMeter:
    """A context manager: fills in ``usage`` with what a tree of processes uses meanwhile.

    CPU counts descendants that have ended, once their parent has waited for them. Memory is the
    largest sum of resident sets that was seen: pages that two processes share count twice.
    """

    def __init__(self, pid: int) -> None:
        self.usage = Usage()
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="tree-meter", daemon=True)

    def __enter__(self) -> Self:
        self._begin = time.monotonic()
        self._cpu = tree_cpu(self._process)
        self._watching.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._watching.join()
        self.usage.wall = time.monotonic() - self._begin
        self.usage.cpu = tree_cpu(self._process) - self._cpu

    def _watch(self) -> None:
        tree: list[psutil.Process] = []
        looks = 0
        while True:
            if looks % LOOK_AROUND == 0:
                tree = family(self._process)
            looks += 1
            self.usage.peak_memory = max(self.usage.peak_memory, tree_memory(tree))
            if self._over.wait(PERIOD):
                return


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and its living descendants; empty when it is gone."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def tree_cpu(process: psutil.Process) -> float:
    """CPU seconds of a process and its descendants so far, user and system."""
    seconds = 0.0
    for each in family(process):
        try:
            seconds += sum(each.cpu_times()[:4])  # its own, then those of children waited for
        except psutil.NoSuchProcess:
            continue
    return seconds


def tree_memory(tree: list[psutil.Process]) -> float:
    """Their resident sets together, in MiB."""
    size = 0
    for each in tree:
        try:
            size += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return size / MEBIBYTE
