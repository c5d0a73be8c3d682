"""The service of `rpc_fakes` as a process of its own, to be killed: `rpc_process.py ADDRESS`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class ServerProcess:
    """A server that signals can be sent to."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, address],
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = 0

    def welcome(self) -> None:
        """Wait until clients are welcome."""
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        code = self._process.wait(timeout=30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


@contextlib.contextmanager
def server_process(address: str = "127.0.0.1:0") -> Iterator[ServerProcess]:
    """A server process that does not outlive the test."""
    process = ServerProcess(address)
    try:
        process.welcome()
        yield process
    finally:
        process.send(signal.SIGKILL)
        process.wait()


async def main(address: str) -> None:
    from rpc_fakes import EchoService, settings_with

    from captioner import logs
    from captioner.lifecycle import Signals, serve

    logs.configure()
    signals = Signals()
    with signals.installed():
        await serve(
            EchoService(settings_with(listen=address)),
            signals,
            started=lambda bound: print(bound.grpc_port, flush=True),  # noqa: T201
        )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
