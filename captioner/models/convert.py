"""Making a CTranslate2 model from a Transformers checkpoint, with the converter of CTranslate2."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from captioner.errors import ModelError

NEEDED = ("transformers", "torch")
COPIED = ("tokenizer.json", "preprocessor_config.json")


def convert(source: str, destination: Path, *, quantization: str = "float16") -> None:
    """Convert a checkpoint (a directory, or a repository of the hub) into ``destination``.

    The converter runs in a process of its own, whose memory (several times the model) goes with
    it; what it prints goes to the terminal.

    Raises:
        ModelError: the ``convert`` extra is not installed, the destination is there already, or
            the converter failed.
    """
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        raise ModelError(
            f"converting needs {' and '.join(missing)}: pip install 'captioner[convert]'"
        )
    if destination.exists():
        raise ModelError(f"{destination} exists already")
    copied = [
        name for name in COPIED if not Path(source).is_dir() or (Path(source) / name).exists()
    ]
    command = [sys.executable, "-m", "ctranslate2.converters.transformers", "--model", source]
    command += ["--output_dir", str(destination), "--quantization", quantization]
    command += ["--copy_files", *copied] if copied else []
    finished = subprocess.run(command, check=False)  # noqa: S603  # no shell
    if finished.returncode != 0:
        raise ModelError(f"the converter failed on {source} (exit code {finished.returncode})")
