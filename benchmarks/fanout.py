"""How soon a caption reaches all readers of a room over HTTP, and what that costs the server.

    python benchmarks/fanout.py
    python benchmarks/fanout.py --readers 1000 --rate 5
    python benchmarks/fanout.py --profile

Captions are published inside the server; the readers are in this process, on the same machine. See
benchmarks/README.md for what the figures mean.
"""

from __future__ import annotations

import asyncio
import json
import math
import resource
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import numpy as np
from announcer import ROOM, Stamp, read_stamps
from machine import describe
from meter import Usage, metered
from reporting import RESULTS, Program, envelope, save_json
from rich.table import Table
from rich.text import Text
from servers import Target, scripted_server

from captioner.cli.exits import Failed
from captioner.cli.options import settings_options
from captioner.cli.terminal import messages, output
from captioner.config import Settings

GOAL = 100.0  # ms from publication to a reader, at the 99th percentile
WARM_UP = 2.0  # seconds after all readers have come
TAIL = 1.0  # seconds after counting ended, for what is on its way
CONNECTING = 50  # readers that connect at once
START_TIMEOUT = 30.0  # seconds
STALLED_BUFFER = 4096  # bytes that the kernel keeps for a reader that reads nothing
MILLISECONDS = 1e3
CLOSED = (7, 8)  # TCP_CLOSE and TCP_CLOSE_WAIT of linux/tcp_states.h
LOOK = 0.25  # seconds
LISTED = 25  # lines of a profile


@dataclass(slots=True)
class Received:
    """What one reader got: the stamp of each caption, and when it came."""

    captions: dict[int, tuple[Stamp, float]] = field(default_factory=dict)
    lost: bool = False
    """Whether the connection broke."""


class Reader(asyncio.Protocol):
    """One reader: no HTTP library, so that 500 of them cost little."""

    def __init__(self, path: str, host: str) -> None:
        self.received = Received()
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the captions."""
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note what came, when."""
        now = time.monotonic()
        lines, end, self._rest = (self._rest + data).rpartition(b"\n")
        for stamp in read_stamps(lines + end):
            self.received.captions[stamp.number] = stamp, now
        if not self.begun.done() and b"event: caught_up" in lines:
            self.begun.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        """The server, or the benchmark, has ended."""
        self.received.lost = True


@dataclass(frozen=True, slots=True)
class Fanout:
    """The figures of one run."""

    readers: int
    rate: float
    seconds: float
    latencies: tuple[float, ...]
    """Of each delivery, in ms."""
    last_reader: tuple[float, ...]
    """Of each caption, until the last reader had it, in ms."""
    published: int
    finals_missed: int
    """By all readers together."""
    interims_missed: int
    broken: int
    """Readers that lost their connection."""
    stalled_for: float | None
    """Seconds until the reader that reads nothing was cut off; None: it still was there."""
    server: Usage
    driver_cpu: float
    """CPU seconds of this process."""
    lag_p99: float
    """How late the server's event loop ran what is due, in ms."""

    @property
    def within_goal(self) -> bool:
        """Whether everybody got everything that must come, in time."""
        return not (self.finals_missed or self.broken) and _p(self.latencies, 99) <= GOAL

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "readers": self.readers,
            "events_per_second": self.rate,
            "seconds": self.seconds,
            "captions_published": self.published,
            "deliveries": len(self.latencies),
            "delivery_ms": _percentiles(self.latencies),
            "last_reader_ms": _percentiles(self.last_reader),
            "finals_missed": self.finals_missed,
            "interims_missed": self.interims_missed,
            "readers_broken": self.broken,
            "stalled_reader_cut_off_after_s": self.stalled_for,
            "server_cpu_share": round(self.server.cpu / self.server.wall, 3),
            "server_cpu_us_per_delivery": round(1e6 * self.server.cpu / len(self.latencies), 1),
            "server_memory_mib": round(self.server.peak_memory, 1),
            "loop_lag_p99_ms": round(self.lag_p99, 2),
            "driver_cpu_share": round(self.driver_cpu / self.server.wall, 3),
            "within_goal": self.within_goal,
        }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {
        name: round(_p(values, p), 2) for name, p in (("p50", 50), ("p90", 90), ("p99", 99))
    } | {"max": round(max(values), 2)}


def _p(values: Sequence[float], percentile: float) -> float:
    return float(np.percentile(values, percentile)) if values else math.nan


@click.command(cls=Program)
@click.option("--readers", type=click.IntRange(min=1), default=500, show_default=True)
@click.option(
    "--rate",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    help="Captions published a second, one in ten a final.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long deliveries are counted.",
)
@click.option("--profile", is_flag=True, help="Also sample where the time goes; costs some itself.")
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Result file. [default: by date in benchmarks/results]",
)
@click.option("--no-save", is_flag=True, help="Print the table, write nothing.")
@settings_options("Model", "Rooms")
def main(
    settings: Settings,
    *,
    readers: int,
    rate: float,
    duration: float,
    profile: bool,
    target: Path | None,
    no_save: bool,
) -> None:
    """Measure the delivery of a room's captions to many readers, one of which reads nothing.

    The goal is 100 ms at the 99th percentile, for 500 readers and 10 captions a second.
    """
    machine = describe()
    found, functions = asyncio.run(
        measure(settings, readers=readers, rate=rate, duration=duration, profile=profile)
    )
    output().print(fanout_table(found))
    for name, share in functions.items():
        output().print(f"{100 * share:5.1f} %  {name}")
    if no_save:
        return
    content = envelope("fanout", settings, machine, None)
    content |= {"goal_ms": GOAL, "profile": profile, "runs": [found.to_json()]}
    path = target or RESULTS / f"fanout-{datetime.now(UTC):%Y%m%d-%H%M}.json"
    save_json(path, content)
    messages().print(f"saved {path}", soft_wrap=True)


async def measure(
    settings: Settings, *, readers: int, rate: float, duration: float, profile: bool = False
) -> tuple[Fanout, dict[str, float]]:
    """One run on a server of its own.

    Returns:
        Its figures, and with `profile` the share of the server's CPU by function.

    Raises:
        Failed: the server did not start, or did not serve the readers.
    """
    _allow_files(readers + 200)
    limit = max(settings.max_room_followers, readers + 1)
    settings = settings.model_copy(update={"max_room_followers": limit})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        async with scripted_server(
            settings, report=report, profile=profile, publish=rate
        ) as target:
            run = Run(target, readers)
            await run.connect()
            await asyncio.sleep(WARM_UP)
            await run.watch(duration)
            await asyncio.sleep(TAIL)
            run.close()
        seen = _read(report)
    lag = [late for at, late in seen["lag"] if run.first <= at <= run.last]
    return run.figures(rate, MILLISECONDS * _p(lag, 99)), _shares(seen["samples"], run)


def _read(report: Path) -> dict[str, list[tuple[Any, ...]]]:
    content: dict[str, list[tuple[Any, ...]]] = json.loads(report.read_text(encoding="utf-8"))
    return content


class Run:
    """Readers of one server, and what they saw in the time that counts."""

    def __init__(self, target: Target, readers: int) -> None:
        self._target = target
        address = urlsplit(target.http)
        assert address.hostname is not None
        assert address.port is not None
        self._host, self._port = address.hostname, address.port
        self._count = readers
        self.readers: list[Reader] = []
        self._transports: list[asyncio.BaseTransport] = []
        self._stalled: asyncio.Task[float] | None = None
        self._usage = Usage()
        self._broken = 0
        self._stalled_for: float | None = None
        self._driver_cpu = 0.0
        self.first = self.last = 0.0
        """When counting began and ended, in seconds of the monotonic clock."""

    async def connect(self) -> None:
        """Have all readers there, and one more that reads nothing."""
        self._stalled = asyncio.create_task(stall(self._host, self._port))
        while len(self.readers) < self._count:
            wanted = min(CONNECTING, self._count - len(self.readers))
            await asyncio.gather(*(self._connect() for _ in range(wanted)))

    async def _connect(self) -> None:
        path = f"/v1/rooms/{ROOM}/captions?history=none"
        loop = asyncio.get_running_loop()
        transport, reader = await loop.create_connection(
            lambda: Reader(path, self._host), self._host, self._port
        )
        self._transports.append(transport)
        self.readers.append(reader)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await reader.begun
        except TimeoutError:
            raise Failed(f"a reader was not served within {START_TIMEOUT:g} s") from None

    async def watch(self, seconds: float) -> None:
        """Count for so long."""
        before = time.process_time()
        async with metered(self._target.pid) as self._usage:
            self.first = time.monotonic()
            await asyncio.sleep(seconds)
            self.last = time.monotonic()
        self._driver_cpu = time.process_time() - before

    def close(self) -> None:
        """Let the readers go."""
        self._broken = sum(reader.received.lost for reader in self.readers)
        if self._stalled is not None and self._stalled.done():
            self._stalled_for = self._stalled.result()
        elif self._stalled is not None:
            self._stalled.cancel()
        for transport in self._transports:
            transport.close()

    def figures(self, rate: float, lag_p99: float) -> Fanout:
        """Put together what the readers saw of what was published in the time that counts."""
        counted = [self._counted(reader) for reader in self.readers]
        stamps = {number: stamp for each in counted for number, (stamp, _) in each.items()}
        missed = [
            stamp for each in counted for number, stamp in stamps.items() if number not in each
        ]
        latest = {
            number: max(each[number][1] for each in counted if number in each) - stamp.at
            for number, stamp in stamps.items()
        }
        return Fanout(
            readers=self._count,
            rate=rate,
            seconds=round(self.last - self.first, 1),
            latencies=tuple(
                MILLISECONDS * (came - stamp.at)
                for each in counted
                for stamp, came in each.values()
            ),
            last_reader=tuple(MILLISECONDS * late for late in latest.values()),
            published=len(stamps),
            finals_missed=sum(stamp.final for stamp in missed),
            interims_missed=sum(not stamp.final for stamp in missed),
            broken=self._broken,
            stalled_for=self._stalled_for,
            server=self._usage,
            driver_cpu=self._driver_cpu,
            lag_p99=lag_p99,
        )

    def _counted(self, reader: Reader) -> dict[int, tuple[Stamp, float]]:
        return {
            number: (stamp, came)
            for number, (stamp, came) in reader.received.captions.items()
            if self.first <= stamp.at <= self.last
        }


async def stall(host: str, port: int) -> float:
    """Ask for the captions and read nothing; the seconds until the server breaks the connection."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BUFFER)
        connection.setblocking(False)  # noqa: FBT003 - a name it does not have
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (host, port))
        request = f"GET /v1/rooms/{ROOM}/captions HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        await loop.sock_sendall(connection, request)
        began = time.monotonic()
        while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] not in CLOSED:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(LOOK)
        return round(time.monotonic() - began, 1)


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count <= hard or hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def _shares(samples: Sequence[Sequence[Any]], run: Run) -> dict[str, float]:
    """The share of the CPU that each function took, the largest first."""
    sums: dict[str, float] = {}
    for at, _, function, cpu in samples:
        if run.first <= at <= run.last:
            sums[function] = sums.get(function, 0.0) + cpu
    total = sum(sums.values())
    ranked = sorted(sums.items(), key=lambda item: -item[1])
    return {name: cpu / total for name, cpu in ranked[:LISTED]}


def fanout_table(found: Fanout) -> Table:
    """The figures of a run."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("readers", "captions/s", "p50, ms", "p99, ms", "max, ms", "last reader p99, ms"):
        table.add_column(name, justify="right")
    for name in (
        "server CPU",
        "µs/delivery",
        "MiB",
        "driver CPU",
        "interims missed",
        f"≤ {GOAL:g}",
    ):
        table.add_column(name, justify="right")
    values = found.to_json()
    delivery = values["delivery_ms"]
    verdict = Text("yes", "green") if found.within_goal else Text("no", "red")
    if found.finals_missed or found.broken:
        verdict = Text(f"{found.finals_missed} finals missed, {found.broken} broken", "red")
    table.add_row(
        str(found.readers),
        f"{found.rate:g}",
        *(f"{delivery[name]:.1f}" for name in ("p50", "p99", "max")),
        f"{values['last_reader_ms']['p99']:.1f}",
        f"{100 * values['server_cpu_share']:.0f} %",
        f"{values['server_cpu_us_per_delivery']:.0f}",
        f"{values['server_memory_mib']:.0f}",
        f"{100 * values['driver_cpu_share']:.0f} %",
        f"{found.interims_missed} of {found.published * found.readers}",
        verdict,
    )
    return table


if __name__ == "__main__":
    main()
