from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from captioner.cli.files import spooled_input
from captioner.errors import InvalidRequest


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_standard_input_is_a_file_of_that_name_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x00\xffdata")))
    with spooled_input("talk.1") as path:
        assert path.stem == "talk.1"
        assert path.read_bytes() == b"\x00\xffdata"
        assert path.parent.stat().st_mode & 0o077 == 0
    assert not path.parent.exists()


def test_a_terminal_is_no_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(InvalidRequest, match="is a terminal"), spooled_input("talk"):
        pytest.fail(f"read {Path()}")
