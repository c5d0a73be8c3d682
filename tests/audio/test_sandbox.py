"""What is left of a process's rights, as it finds out by trying."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import json, os, resource, socket, sys, threading
from captioner.audio import sandbox
read_end, write_end = os.pipe()
file = open(sys.argv[1], "w+b", buffering=0)
granted = sandbox.restrict(memory=64 << 20)

def outcome(action):
    try:
        action()
        return "done"
    except (OSError, MemoryError, RuntimeError) as error:
        return type(error).__name__

print(json.dumps({
    "granted": granted,
    "open": outcome(lambda: open("/etc/hostname").read()),
    "list": outcome(lambda: os.listdir("/")),
    "write": outcome(lambda: file.write(b"x")),
    "socket": outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)),
    "unix": outcome(lambda: socket.socketpair()),
    "fork": outcome(lambda: os.fork() or os._exit(0)),
    "exec": outcome(lambda: os.execv("/bin/true", ["true"])),
    "kill": outcome(lambda: os.kill(os.getppid(), 0)),
    "thread": outcome(lambda: threading.Thread(target=print).start()),
    "memory": outcome(lambda: bytes(32 << 20)),
    "much memory": outcome(lambda: bytes(128 << 20)),
    "descriptors": outcome(lambda: [os.dup(0) for _ in range(20)]),
    "pipe": outcome(lambda: os.write(write_end, b"x") and os.read(read_end, 1)),
    "limits": [resource.getrlimit(getattr(resource, "RLIMIT_" + name))
               for name in ("CORE", "FSIZE", "NPROC")],
    "nice": os.nice(0),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("sandbox") / "file"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, file], check=True, capture_output=True, timeout=30
    )
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_what_decoding_needs_still_works(found: dict[str, Any]) -> None:
    assert found["pipe"] == "done"
    assert found["memory"] == "done"


def test_no_file_grows_and_no_core_is_dumped_anywhere(found: dict[str, Any]) -> None:
    assert found["write"] == "OSError"
    assert found["limits"] == [[0, 0]] * 3


def test_memory_and_descriptors_end(found: dict[str, Any]) -> None:
    assert found["much memory"] == "MemoryError"
    assert found["descriptors"] == "OSError"


def test_it_steps_back_behind_live_captions(found: dict[str, Any]) -> None:
    assert found["nice"] >= os.nice(0) + 1


def test_what_the_kernel_granted_is_what_is_barred(found: dict[str, Any]) -> None:
    barred = {
        "files": {"open": "PermissionError", "list": "PermissionError"},
        "calls": dict.fromkeys(("socket", "unix", "fork", "exec", "kill"), "PermissionError")
        | {"thread": "RuntimeError"},
    }
    assert set(found["granted"]) <= {"network", *barred}
    for name in found["granted"]:
        for action, outcome in barred.get(name, {}).items():
            assert found[action] == outcome, action


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs an x86-64 machine")
def test_a_kernel_with_seccomp_refuses_calls(found: dict[str, Any]) -> None:
    assert "calls" in found["granted"]


def test_a_network_of_its_own_is_another_one() -> None:
    program = (
        "import ctypes, os\nfrom captioner.audio import sandbox\n"
        "before = os.readlink('/proc/self/ns/net')\n"
        "left = sandbox._leave_network(ctypes.CDLL(None))\n"
        "assert left == (os.readlink('/proc/self/ns/net') != before)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_too_much_processor_time_is_the_end() -> None:
    program = (
        "from captioner.audio import sandbox\nsandbox.allow_processor(0.1)\n"
        "while True: pass\n"
    )  # fmt: skip
    ran = subprocess.run([sys.executable, "-c", program], check=False, timeout=30)
    assert ran.returncode == -signal.SIGXCPU


def test_progress_gives_more_processor_time() -> None:
    program = (
        "import time\nfrom captioner.audio import sandbox\n"
        "while time.process_time() < 2.5: sandbox.allow_processor(1)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=False, timeout=30)
    assert ran.returncode == 0
