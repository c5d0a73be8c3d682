"""A real redis-server on a Unix socket."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

STARTS_WITHIN = 20.0  # seconds


@dataclass
class RedisServer:
    """A server with its files in a folder, empty at first."""

    folder: Path
    persistent: bool = False
    password: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed: apt-get install redis-server")
        options = ["--port", "0", "--unixsocket", str(self.folder / "redis.sock")]
        options += ["--dir", str(self.folder), "--save", "", "--logfile", "redis.log"]
        if self.persistent:
            options += ["--appendonly", "yes", "--appendfsync", "always"]
        if self.password:
            options += ["--requirepass", self.password]
        self.process = subprocess.Popen([program, *options])
        deadline = time.monotonic() + STARTS_WITHIN
        while self.run("ping") != "PONG":
            assert time.monotonic() < deadline, (self.folder / "redis.log").read_text()

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def run(self, *command: str) -> str:
        """What redis-cli answers."""
        password = ["-a", self.password, "--no-auth-warning"] if self.password else []
        program = ["redis-cli", "-s", str(self.folder / "redis.sock"), *password, *command]
        answer = subprocess.run(program, capture_output=True, text=True, check=False)
        return answer.stdout.strip()
