"""The real engine's answers, kept on disk: the same window is decoded once, however often asked."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from recordings import Take

from captioner.asr.engine import DecodeRow, Engine
from captioner.asr.plausibility import doubt
from captioner.asr.window import MEL_HOP
from captioner.errors import CaptionerError
from captioner.transcript import Hypothesis, Word

TOGETHER = 8  # rows decoded at a time, where several answers are missing


@dataclass(frozen=True, slots=True)
class Asked:
    """One row, and where it comes from."""

    row: DecodeRow
    take: Take
    start: int
    """Position of its window in the take."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One answer, and what it took."""

    hypothesis: Hypothesis
    steps: int
    """Steps of the decoder."""
    doubted: bool
    """Whether the row was decoded again on the padded window."""


class Answering(Protocol):
    """Whoever answers the rows of a simulated machine."""

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """The key of the rows that may share a batch with this one."""
        ...

    def decode(self, asked: Sequence[Asked]) -> list[Decoded]:
        """The answers to rows of one batch."""
        ...


class KeptEngine:
    """Answers from a file; what is not there is computed, and kept."""

    def __init__(self, path: Path, build: Callable[[], Engine]) -> None:
        """Open the file.

        Args:
            path: of a SQLite database, made when missing.
            build: loads the engine, when an answer is missing.
        """
        self._build = build
        self._engine: Engine | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(path, timeout=60.0)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT)")
        self.computed = 0
        """Rows that were not kept yet."""

    @property
    def engine(self) -> Engine:
        """The engine itself."""
        if self._engine is None:
            self._engine = self._build()
        return self._engine

    def group(self, row: DecodeRow) -> tuple[object, ...]:
        """As the engine groups."""
        return self.engine.group(row)

    def decode(self, asked: Sequence[Asked]) -> list[Decoded]:
        """The answers to rows of one batch."""
        rows = [each.row for each in asked]
        keys = [_key(row) for row in rows]
        found: dict[str, Decoded | None] = {key: self._read(key) for key in keys}
        missing = [(key, row) for key, row in zip(keys, rows, strict=True) if found[key] is None]
        for begin in range(0, len(missing), TOGETHER):
            part = missing[begin : begin + TOGETHER]
            answers = self._compute([row for _, row in part])
            for (key, _), computed in zip(part, answers, strict=True):
                found[key] = computed
                self._write(key, computed)
        return [answer for key in keys if (answer := found[key]) is not None]

    def _compute(self, rows: Sequence[DecodeRow]) -> list[Decoded]:
        self.computed += len(rows)
        answers = []
        first = self.engine.decode([replace(row, retry=False) for row in rows])
        for row, answer in zip(rows, first, strict=True):
            said = _heard(answer)
            doubted = row.retry and doubt(said, row.speech_frames * MEL_HOP) is not None
            steps = sum(len(tokens) for tokens in said.word_tokens) + 1
            (again,) = self.engine.decode([row]) if doubted else (answer,)
            answers.append(Decoded(_heard(again), steps, doubted))
        return answers

    def _read(self, key: str) -> Decoded | None:
        query = self._file.execute("SELECT value FROM answers WHERE key = ?", (key,)).fetchone()
        return _from_json(query[0]) if query else None

    def _write(self, key: str, answer: Decoded) -> None:
        value = json.dumps(asdict(answer), ensure_ascii=False)
        with self._file:
            self._file.execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, value))


def _heard(answer: Hypothesis | CaptionerError) -> Hypothesis:
    if isinstance(answer, Hypothesis):
        return answer
    raise answer


def _key(row: DecodeRow) -> str:
    features = np.asarray(row.features)
    known = hashlib.sha256(features.tobytes())
    rest = replace(row, features=features[:0])
    fields = [getattr(rest, name) for name in DecodeRow.__slots__ if name != "features"]
    known.update(repr((row.features.shape, fields)).encode())
    return known.hexdigest()


def _from_json(text: str) -> Decoded:
    value = json.loads(text)
    said = value["hypothesis"]
    said["words"] = tuple(Word(**word) for word in said["words"])
    said["word_tokens"] = tuple(tuple(tokens) for tokens in said["word_tokens"])
    return Decoded(Hypothesis(**said), value["steps"], value["doubted"])
