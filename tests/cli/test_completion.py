from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from captioner.cli.root import captioner


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    result = CliRunner().invoke(captioner, ["completion", shell])
    assert result.exit_code == 0
    assert f"_CAPTIONER_COMPLETE={shell}_complete" in result.output


def test_an_unknown_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(captioner, ["completion", "tcsh"]).exit_code == 2


def test_bash_accepts_its_script_and_completes_commands(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    program = tmp_path / "captioner"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m captioner "$@"\n')
    program.chmod(0o755)
    script = CliRunner().invoke(captioner, ["completion", "bash"]).output
    asked = (
        f"{script}\nCOMP_WORDS=(captioner tr); COMP_CWORD=1\n"
        "_captioner_completion captioner; echo ${COMPREPLY[@]}"
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([bash, "-c", asked], check=True, capture_output=True, env=environment)
    assert ran.stdout.split() == [b"transcribe"]
