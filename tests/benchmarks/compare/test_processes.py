from __future__ import annotations

import re
import sys
from pathlib import Path

import psutil
import pytest
from compare.processes import free_port, last_words, peer_server
from compare.systems import Launch, peers

from captioner.cli.exits import Failed

PYTHON = Path(sys.executable)
SERVER = """
import http.server, os, subprocess, sys

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ready": true}')

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("Dropping 3.0s of audio", os.environ["OMP_NUM_THREADS"], child.pid, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


@pytest.mark.parametrize("health", ["", "/health"])
async def test_a_peer_is_waited_for_and_leaves_no_process_behind(health: str) -> None:
    port = free_port()
    launch = Launch(("-c", SERVER, str(port)), {"OMP_NUM_THREADS": "2"}, health)
    async with peer_server(PYTHON, launch, port) as running:
        assert running.count(re.compile(r"Dropping [\d.]+s")) == 1
        assert running.count(None) == 0
        child = psutil.Process(int(running.written().splitlines()[0].split()[-1]))
        assert child.ppid() == running.pid
    assert not psutil.pid_exists(running.pid)
    _, left = psutil.wait_procs([child], timeout=5)
    # One that has ended may still wait for somebody to ask how.
    assert all(process.status() == psutil.STATUS_ZOMBIE for process in left)


async def test_a_peer_that_does_not_start_is_told_with_its_last_words() -> None:
    launch = Launch(("-c", "raise SystemExit('no such model')"))
    with pytest.raises(Failed, match="ended with 1: no such model"):
        async with peer_server(PYTHON, launch, free_port()):
            pytest.fail("it did not start")


def test_of_an_error_the_stack_is_left_out() -> None:
    written = "one\ntwo\nTraceback:\n  File x\n    call()\nKeyError: 'model'\n\nExiting.\n"
    assert last_words(written) == "Traceback: / KeyError: 'model' / Exiting."
    assert last_words(f"no {Path.home()}/models") == "no ~/models"
    assert len(last_words("x" * 10_000)) == 600


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("whisper-live", "ERROR:root:[ERROR]: Dropping 12.3s of audio: batch inference gave none"),
        ("whisper-live", "ERROR:root:[ERROR]: Failed to transcribe audio chunk: list index"),
        ("realtimestt", "Audio queue size exceeds latency limit. Discarding old audio chunks."),
    ],
)
def test_what_a_peer_writes_when_it_drops_something_is_known(name: str, line: str) -> None:
    patterns = [peer.losses for peer in peers() if peer.name == name]
    assert len(patterns) == 2
    assert all(pattern is not None and pattern.search(line) for pattern in patterns)
