"""What the GPU is, and how busy, as ``nvidia-smi`` tells; and what this process spends itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

SAMPLING = 200  # ms between two looks at the GPU
SAMPLED = ("utilization.gpu", "utilization.memory", "memory.used", "power.draw", "clocks.sm")
DESCRIBED = ("name", "driver_version", "memory.total", "power.limit", "compute_cap")
ASK_TIMEOUT = 30.0  # seconds
END_TIMEOUT = 5.0  # seconds that the sampler may take to end


@dataclass(frozen=True, slots=True)
class Reading:
    """Clocks of this process and of the thread that reads them, in seconds."""

    wall: float
    process_cpu: float
    loop_cpu: float

    @classmethod
    def now(cls) -> Reading:
        """Read them on the event loop's thread."""
        return cls(time.monotonic(), time.process_time(), time.thread_time())


@dataclass(frozen=True, slots=True)
class Gauge:
    """How busy the GPU was: means, and the most memory."""

    utilisation: float
    """Percent of the time in which any kernel ran: not how full the GPU was."""
    memory_utilisation: float
    """Percent of the time in which its memory was read or written."""
    memory_mib: float
    power_w: float
    clock_mhz: float


class Watcher:
    """What the sampler wrote so far."""

    def __init__(self, *, last: int) -> None:
        self._last = last
        self.text = ""

    def take(self, lines: IO[bytes]) -> None:
        """Read what there is, without moving the place at which the sampler writes."""
        number = lines.fileno()
        self.text = os.pread(number, os.fstat(number).st_size, 0).decode(errors="replace")

    def read(self) -> Gauge | None:
        """What was seen, once it is over; None without a GPU."""
        return gauge_of(self.text, last=self._last)


@contextlib.contextmanager
def gauge(seconds: float) -> Iterator[Watcher]:
    """Watch the GPU; what counts is the last so many seconds before leaving."""
    watcher = Watcher(last=max(1, round(seconds * 1000 / SAMPLING)))
    command = _command(SAMPLED)
    if command is None:
        yield watcher
        return
    with tempfile.TemporaryFile() as lines:
        sampler = subprocess.Popen(
            [*command, f"--loop-ms={SAMPLING}"], stdout=lines, stderr=subprocess.DEVNULL
        )
        try:
            yield watcher
        finally:
            sampler.terminate()
            sampler.wait(END_TIMEOUT)
            watcher.take(lines)


def gauge_of(text: str, *, last: int) -> Gauge | None:
    """The means of the sampler's last lines; None when there is no whole one."""
    rows = [row for line in text.splitlines() if (row := _numbers(line))][-last:]
    if not rows:
        return None
    columns = list(zip(*rows, strict=True))
    busy, memory_busy, memory, power, clock = columns
    mean = statistics.fmean
    return Gauge(mean(busy), mean(memory_busy), max(memory), mean(power), mean(clock))


def _numbers(line: str) -> Sequence[float]:
    """The values of a line; none when it was cut off, or the driver does not know one."""
    parts = line.split(",")
    try:
        return [float(part) for part in parts] if len(parts) == len(SAMPLED) else []
    except ValueError:
        return []


def describe_gpu() -> dict[str, Any] | None:
    """Name, driver, memory of the first GPU; None without one."""
    command = _command(DESCRIBED)
    if command is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_TIMEOUT, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return None
    values = (value.strip() for value in lines[0].split(","))
    return dict(zip(DESCRIBED, values, strict=True))


def _command(fields: Sequence[str]) -> list[str] | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    return [program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits", "--id=0"]
