from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Convert = Callable[[Path, str], str]


@pytest.fixture(scope="session")
def ffmpeg() -> Convert:
    """Converts a subtitle file to another format, as text; fails on any remark of ffmpeg's."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("needs the Debian package ffmpeg")

    def convert(path: Path, to: str) -> str:
        command = [program, "-nostdin", "-v", "warning", "-i", str(path), "-f", to, "-"]
        ran = subprocess.run(command, capture_output=True, check=True, timeout=50)
        assert ran.stderr == b""
        return ran.stdout.decode()

    return convert


@pytest.fixture(scope="session")
def ffprobe() -> Callable[[Path], str]:
    """What a file is, and the start and length of its cues in seconds, a line each."""
    program = shutil.which("ffprobe")
    if program is None:
        pytest.skip("needs the Debian package ffmpeg")

    def probe(path: Path) -> str:
        shown = "format=format_name:packet=pts_time,duration_time"
        command = [program, "-v", "warning", "-show_entries", shown, "-of", "csv=p=0", str(path)]
        ran = subprocess.run(command, capture_output=True, check=True, timeout=50, text=True)
        assert ran.stderr == ""
        return ran.stdout

    return probe
