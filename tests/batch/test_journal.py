from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import SCRIPTED_INFO
from captioner.batch.journal import (
    MAGIC,
    Journal,
    batch_key,
    engine_key,
    journaled,
)
from captioner.transcript import Hypothesis, Word

ENGINE = engine_key(SCRIPTED_INFO)


def row(value: float = 0.0, **changes: object) -> DecodeRow:
    features = np.full((2, 3), value, np.float32)
    return replace(DecodeRow(features, 3, "fr", beam_size=5), **changes)  # type: ignore[arg-type]


def hypothesis(text: str, probability: float = 0.1) -> Hypothesis:
    words = tuple(Word(word, n, n + 1, probability) for n, word in enumerate(text.split()))
    tokens = tuple((n, n + 1) for n, _ in enumerate(words))
    return Hypothesis(words, tokens, -0.3, 1 / 3, "fr")


class Engine:
    """Decodes a row to the value of its features, and counts."""

    def __init__(self) -> None:
        self.batches = 0

    async def decode(self, rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        self.batches += 1
        return tuple(hypothesis(f"mot{np.asarray(row_.features)[0, 0]}") for row_ in rows)


async def run(path: Path, batches: int, engine: Engine) -> list[Sequence[Hypothesis]]:
    """A job that decodes batches of two rows."""
    with Journal(path) as journal:
        decode = journaled(engine.decode, journal, engine=ENGINE)
        return [await decode([row(n), row(n + 0.5)]) for n in range(batches)]


def test_what_was_put_is_found_again_as_it_was(tmp_path: Path) -> None:
    answers = [hypothesis("un deux", 1 / 3), hypothesis(""), hypothesis("é \ud800 \U0001f600")]
    with Journal(tmp_path / "j") as journal:
        journal.put(b"k" * 32, answers)
        assert journal.get(b"k" * 32) == tuple(answers)
    with Journal(tmp_path / "j") as journal:
        assert journal.get(b"k" * 32) == tuple(answers)
        assert journal.get(b"x" * 32) is None
        assert len(journal) == 1


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"):
        assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "other",
    [
        row(1.0),
        row(speech_frames=2),
        row(language="en"),
        row(beam_size=1),
        row(prefix=(1,)),
        row(key_terms=("DINUM",)),
        row(temperature=0.2),
        row(max_new_tokens=5),
        row(retry=False),
        row(features=np.zeros((3, 2), np.float32)),
    ],
)
def test_everything_about_a_row_counts(other: DecodeRow) -> None:
    assert batch_key(ENGINE, [row()]) == batch_key(ENGINE, [row()])
    assert batch_key(ENGINE, [other]) != batch_key(ENGINE, [row()])


def test_the_order_and_number_of_rows_count() -> None:
    first, second = row(1.0), row(2.0)
    keys = {
        batch_key(ENGINE, rows) for rows in ([first], [first, second], [second, first], [second])
    }
    assert len(keys) == 4


def test_the_model_and_how_it_is_computed_count() -> None:
    others = [replace(SCRIPTED_INFO, digest="1"), replace(SCRIPTED_INFO, compute_type="int8")]
    assert len({ENGINE, *map(engine_key, others)}) == 3


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.integers(1, 6), done=st.integers(0, 6), lost=st.integers(0, 2000))
async def test_interrupted_after_any_byte_only_missing_batches_are_decoded_again(
    tmp_path: Path, batches: int, done: int, lost: int
) -> None:
    path = tmp_path / "j"
    path.unlink(missing_ok=True)
    expected = await run(tmp_path / "other", batches, Engine())
    done = min(done, batches)
    await run(path, done, Engine())
    whole = path.stat().st_size
    record = (whole - len(MAGIC)) // max(1, done)
    os.truncate(path, max(0, whole - lost))
    lost_records = min(done, -(-lost // record)) if done else 0
    engine = Engine()
    assert await run(path, batches, engine) == expected
    assert engine.batches == batches - done + lost_records
    again = Engine()
    assert await run(path, batches, again) == expected
    assert again.batches == 0


async def test_what_follows_a_damaged_record_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "j"
    await run(path, 3, Engine())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    engine = Engine()
    await run(path, 3, engine)
    assert engine.batches == 2


@pytest.mark.parametrize(
    "data", [b"", b"captioner journal 2\n", MAGIC[:5], MAGIC + b"\xff" * 8, MAGIC + bytes(100)]
)
async def test_what_is_no_journal_of_ours_is_begun_anew(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "j"
    path.write_bytes(data)
    await run(path, 1, Engine())
    engine = Engine()
    await run(path, 1, engine)
    assert engine.batches == 0


def test_its_size_is_bounded_and_the_latest_stays(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Journal(path, max_bytes=2000) as journal:
        for number in range(100):
            journal.put(number.to_bytes(32, "big"), [hypothesis("un")])
            assert journal.get(number.to_bytes(32, "big"))
            assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 2000
    with Journal(path, max_bytes=2000) as journal:
        assert 0 < len(journal) < 20
        assert journal.get((99).to_bytes(32, "big")) == (hypothesis("un"),)
        assert journal.get((0).to_bytes(32, "big")) is None


def test_a_full_disk_stops_the_journal_and_not_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        real(descriptor, data[:3], offset)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Journal(tmp_path / "j") as journal:
        journal.put(b"a" * 32, [hypothesis("un")])
        monkeypatch.setattr(os, "pwrite", half)
        journal.put(b"b" * 32, [hypothesis("deux")])
        monkeypatch.undo()
        journal.put(b"c" * 32, [hypothesis("trois")])
        assert journal.get(b"a" * 32)
        assert journal.get(b"b" * 32) is None
    with Journal(tmp_path / "j") as journal:
        assert len(journal) == 1


def test_removed_it_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    with Journal(folder / "j", max_bytes=1000) as journal:
        for number in range(20):
            journal.put(number.to_bytes(32, "big"), [hypothesis("un")])
        assert len(list(folder.iterdir())) == 2
        journal.remove()
        assert not list(folder.iterdir())
    shutil.rmtree(folder)


async def test_a_decode_that_fails_leaves_no_record(tmp_path: Path) -> None:
    async def fail(rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        raise ValueError("no")

    with Journal(tmp_path / "j") as journal:
        decode = journaled(fail, journal, engine=ENGINE)
        with pytest.raises(ValueError, match="no"):
            await decode([row()])
        assert len(journal) == 0
