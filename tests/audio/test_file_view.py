from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from captioner.audio import file_view
from captioner.audio.file_view import FileView

CONTENT = bytes(range(100))


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        yield file.fileno()


def test_it_reads_like_a_file_that_begins_at_the_offset(descriptor: int) -> None:
    view, file = FileView(descriptor, 10, lambda: None), io.BytesIO(CONTENT[10:])
    steps: tuple[Callable[[Any], object], ...] = (
        lambda it: it.read(7), lambda it: it.tell(), lambda it: it.seek(-3, os.SEEK_END),
        lambda it: it.read(10), lambda it: it.seek(2, os.SEEK_CUR), lambda it: it.read(1),
        lambda it: it.seek(20), lambda it: it.seek(-5, os.SEEK_CUR), lambda it: it.read(),
    )  # fmt: skip
    for step in steps:
        assert step(view) == step(file)


def test_two_views_of_one_file_do_not_move_each_other(descriptor: int) -> None:
    first, second = (FileView(descriptor, 0, lambda: None) for _ in range(2))
    assert first.read(10) == second.read(10) == CONTENT[:10]
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0


def test_nothing_is_before_the_start(descriptor: int) -> None:
    with pytest.raises(ValueError, match="position -1 is before the start"):
        FileView(descriptor, 50, lambda: None).seek(-1)


def test_reading_is_progress_until_it_goes_round_in_circles(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_view, "_FREE_READING", 0)
    signs: list[int] = []
    view = FileView(descriptor, 0, lambda: signs.append(1))
    for _ in range(20):
        view.seek(0)
        view.read(100)
        view.read(1)  # at the end: no progress
    assert len(signs) == 7
