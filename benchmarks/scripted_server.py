"""A caption server around an engine that computes nothing: everything else can then be measured.

Started by the benchmarks; serves until standard input closes, then writes what it saw of itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from announcer import announce
from sampler import LoopLag, Sampler, thread_names

from captioner.asr.scripted import ScriptedEngine
from captioner.cli.serve import welcome
from captioner.config import Settings
from captioner.lifecycle import Bound, Signals, serve
from captioner.logs import configure
from captioner.service import CaptionService

READ_SIZE = 4096  # bytes of what nobody reads


class SelfPortrait:
    """What a server sees of itself while it serves."""

    def __init__(self, *, profile: bool) -> None:
        self._lag = LoopLag()
        self._sampler = Sampler() if profile else None
        self._names: dict[int, str] = {}

    def start(self) -> None:
        """Begin, on the event loop."""
        self._names |= thread_names()
        self._lag.start()
        if self._sampler:
            self._sampler.start()

    def stop(self) -> None:
        """End, on the event loop."""
        if self._sampler:
            self._sampler.stop()
        self._lag.stop()
        self._names |= thread_names()

    def save(self, path: Path) -> None:
        """Write it for the benchmark to read."""
        samples = self._sampler.samples if self._sampler else []
        content = {"lag": self._lag.seen, "samples": samples, "threads": self._names}
        path.write_text(json.dumps(content), encoding="utf-8")


@click.command()
@click.argument("settings_json")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--profile", is_flag=True)
@click.option("--delay", type=float, default=0.0)
@click.option("--publish", type=float, default=0.0)
def main(
    settings_json: str, *, report: Path | None, profile: bool, delay: float, publish: float
) -> None:
    """Serve with these settings until standard input closes."""
    values = json.loads(settings_json) | {"listen": "127.0.0.1:0", "http_listen": "127.0.0.1:0"}
    settings = Settings.model_validate(values)
    configure("warning", "console")
    portrait = SelfPortrait(profile=profile)
    asyncio.run(_serve(settings, portrait, delay=delay, publish=publish))
    if report:
        portrait.save(report)


def scripted_engine(settings: Settings, *, delay: float) -> ScriptedEngine:
    """An engine that takes the same time for each batch."""
    return ScriptedEngine(
        workers=settings.workers or len(os.sched_getaffinity(0)),
        before=(lambda _: time.sleep(delay)) if delay else None,
    )


async def _serve(
    settings: Settings, portrait: SelfPortrait, *, delay: float, publish: float
) -> None:
    service = CaptionService(
        settings, engine_factory=lambda: scripted_engine(settings, delay=delay)
    )
    signals = Signals()
    announcing = asyncio.create_task(announce(service.rooms, publish))

    def started(bound: Bound) -> None:
        portrait.start()
        name = service.info.model
        click.echo(
            welcome(settings, grpc_port=bound.grpc_port, http_port=bound.http_port, engine=name)
        )

    def ending() -> None:
        portrait.stop()
        signals.receive()

    with signals.installed():
        _watch_stdin(ending)
        await serve(service, signals, started=started)
    announcing.cancel()


def _watch_stdin(ended: Callable[[], None]) -> None:
    """Call back when the benchmark is done, or gone."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, READ_SIZE):
            loop.remove_reader(descriptor)
            ended()

    loop.add_reader(descriptor, readable)


if __name__ == "__main__":
    main()
