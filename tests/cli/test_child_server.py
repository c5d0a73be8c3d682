from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from captioner.cli import child_server as module
from captioner.cli.child_server import ChildServer, arguments, child_server, environment
from captioner.cli.exits import Failed
from captioner.config import Settings

# Stand-ins for a server: they write what one writes, and end when their standard input does.
LISTENS = (
    "print('Captioner\\n  gRPC   127.0.0.1:7\\n  HTTP   http://127.0.0.1:8  /metrics')\n"
    "print('  watch  http://127.0.0.1:8/  in a browser', flush=True)"
)
WAITS = "import sys; sys.stdin.read()"
FAILS = "import sys; print('noise', file=sys.stderr); sys.exit('Error: model x is missing')"
DIES = "import sys; sys.exit('Traceback: bad')"


StandIn = Callable[..., None]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Put a program of these lines in the place of the server."""

    def replace(*lines: str) -> None:
        command = [sys.executable, "-c", "\n".join(lines)]
        monkeypatch.setattr(module, "arguments", lambda _: command)

    return replace


def test_the_child_gets_the_model_and_caption_settings_that_differ(tmp_path: Path) -> None:
    settings = Settings(model="small", hop=0.7, models_dir=tmp_path, max_sessions=3)
    line = " ".join(arguments(settings))
    assert "--model small" in line
    assert "--hop 0.7" in line
    assert f"--models-dir {tmp_path}" in line
    assert "--max-sessions" not in line
    assert "--workers" not in line
    assert "--listen 127.0.0.1:0" in line


def test_the_child_takes_no_settings_from_the_environment() -> None:
    environ = {"CAPTIONER_LISTEN": "0.0.0.0:1", "PATH": "/bin", "_CAPTIONER_COMPLETE": "x"}
    assert environment(environ) == {"PATH": "/bin", "_CAPTIONER_COMPLETE": "x"}


async def test_the_addresses_are_where_the_child_says_it_listens(stand_in: StandIn) -> None:
    stand_in(LISTENS, WAITS)
    async with child_server(Settings()) as server:
        assert server == ChildServer("127.0.0.1:7", "http://127.0.0.1:8/")


async def test_the_child_ends_with_the_context(stand_in: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "ended"
    stand_in(LISTENS, WAITS, f"open({str(file)!r}, 'w').close()")
    async with child_server(Settings()):
        started = os.path.exists(file)  # noqa: ASYNC240, PTH110 - once, in a test
    assert (started, os.path.exists(file)) == (False, True)  # noqa: ASYNC240, PTH110


async def test_a_child_that_does_not_start_is_told_in_its_own_words(stand_in: StandIn) -> None:
    stand_in(FAILS)
    with pytest.raises(Failed, match=r"^the server did not start: model x is missing$"):
        async with child_server(Settings()):
            pass


async def test_a_child_that_dies_is_told_with_the_end_of_its_log(stand_in: StandIn) -> None:
    stand_in(DIES)
    with pytest.raises(Failed, match="did not start: Traceback: bad"):
        async with child_server(Settings()):
            pass


async def test_a_child_that_hangs_at_the_start_is_given_up(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_TIMEOUT", 0.1)
    stand_in(WAITS)
    with pytest.raises(Failed, match=r"did not start within 0\.1 s"):
        async with child_server(Settings()):
            pass


async def test_a_child_that_does_not_end_is_killed(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STOP_TIMEOUT", 0.1)
    stand_in(LISTENS, "import time; time.sleep(600)")
    async with asyncio.timeout(20), child_server(Settings()):
        pass
