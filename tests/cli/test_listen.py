from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cli_program import Program, Running
from click.testing import CliRunner

from captioner.cli.exits import ExitCode
from captioner.cli.listen import described
from captioner.cli.microphone import Device
from captioner.cli.root import captioner

# What the package of that name is to this program, for as long as a test lasts.
SOUND_SYSTEM = """
import threading
from types import SimpleNamespace
PortAudioError = ValueError
default = SimpleNamespace(device=(1, 0))
def check_input_settings(**_): pass
class RawInputStream:
    def __init__(self, *, callback, **_):
        self.callback, self.stopped = callback, threading.Event()
        self.thread = threading.Thread(target=self.hear)
    def start(self): self.thread.start()
    def close(self): self.stopped.set(); self.thread.join()
    def hear(self):
        number = 0
        while not self.stopped.wait(0.02):
            number += 1
            sample = (number % 4).to_bytes(2, "little")
            self.callback(sample * 1600, 1600, None, None)
def query_devices():
    return [
        {"name": "Speakers", "max_input_channels": 0, "default_samplerate": 48000.0},
        {"name": "Headset", "max_input_channels": 1, "default_samplerate": 16000.0},
    ]
"""


@pytest.fixture
def sound_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text(SOUND_SYSTEM)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_device_is_one_line_with_a_mark_on_the_default() -> None:
    device = Device(3, "Headset", 1, 16_000, default=True)
    assert described(device) == "*  3  Headset  (16000 Hz)"


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = CliRunner().invoke(captioner, ["listen"])
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == (
        "Error: recording needs the package sounddevice: pip install 'captioner[mic]'\n"
    )


@pytest.mark.usefixtures("sound_system")
def test_microphones_are_listed() -> None:
    result = CliRunner().invoke(captioner, ["listen", "--list-devices"])
    assert (result.exit_code, result.stdout) == (0, "*  1  Headset  (16000 Hz)\n")


@pytest.mark.usefixtures("sound_system")
def test_an_unknown_microphone_is_one_line() -> None:
    result = CliRunner().invoke(captioner, ["listen", "--device", "webcam"])
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr == ("Error: no microphone is called 'webcam'; there are: 1 (Headset)\n")


@pytest.mark.usefixtures("sound_system")
async def test_a_microphone_is_captioned_until_ctrl_c(
    program: Program, running: Running, tmp_path: Path
) -> None:
    ran = await program(
        "listen", "--server", running.address, "--speaker", "Anne", "--save", "notes.txt",
        interrupt=lambda out: out.count("m1 m2 m3") == 2,
    )  # fmt: skip
    assert ran.code == ExitCode.OK, ran.err
    assert "Traceback" not in ran.err
    assert "[00:00] Anne: m1 m2 m3" in ran.out
    assert (tmp_path / "notes.txt").read_text().count("m1 m2 m3") >= 2


@pytest.mark.usefixtures("sound_system")
def test_nothing_is_recorded_when_no_server_is_there() -> None:
    result = CliRunner().invoke(captioner, ["listen", "--server", "127.0.0.1:1"])
    assert result.exit_code == ExitCode.UNREACHABLE
