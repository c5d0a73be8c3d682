"""The environments that the peers run in: one each, with the versions of ``pins/``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from captioner.cli.exits import Failed

PINS = Path(__file__).with_name("pins")
MADE = "made.txt"  # the pins that an environment was made with
LAST_WORDS = 2000  # characters of what pip wrote
TORCH = "torch=="


def read_pins(peer: str) -> list[str]:
    """The packages of a peer's environment with their exact versions."""
    lines = (PINS / f"{peer}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def version_of(peer: str, package: str) -> str:
    """The version that a peer's environment has of a package.

    Raises:
        KeyError: it has none.
    """
    return dict(line.split("==") for line in read_pins(peer))[package]


def python_of(peer: str, folder: Path) -> Path:
    """Python of the environment of a peer below a folder; made first when it is not there.

    What the peer's package asks for without needing it here (a microphone, other engines) is left
    out, so nothing but PyTorch is resolved. PyTorch comes with what it needs: a build for CPU needs
    nothing more, others bring CUDA.

    Raises:
        Failed: it cannot be made; with the last words of pip.
    """
    place = folder / peer
    python = place / "bin" / "python"
    pins = read_pins(peer)
    made = place / MADE
    if made.exists() and made.read_text(encoding="utf-8").splitlines() == pins:
        return python
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    with_needs = [pin for pin in pins if pin.startswith(TORCH)]
    for arguments in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [*pip, *with_needs],
        [*pip, "--no-deps", *(pin for pin in pins if pin not in with_needs)],
    ):
        done = subprocess.run(arguments, capture_output=True, check=False, text=True)
        if done.returncode:
            raise Failed(f"{place} cannot be made: {done.stderr.strip()[-LAST_WORDS:]}")
    made.write_text("\n".join(pins) + "\n", encoding="utf-8")
    return python
