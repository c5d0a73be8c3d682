"""Batches that were decoded, kept on disk until their job is over, so that none is decoded twice.

A record is found by what it is the answer to: the model and its settings, and every row of the
batch. So a journal can be wrong about nothing; at worst it knows nothing.

    file    := MAGIC record*
    record  := length u32 | CRC-32 of the payload u32 | payload
    payload := key, 32 bytes | hypotheses, JSON

A record that was cut off by a crash, and all that follows one that is damaged, is forgotten. When
the file has grown to half its bound it becomes the older of two, and a new one is begun.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import numpy as np
import structlog

from captioner import __version__
from captioner.asr.engine import DecodeRow, EngineInfo
from captioner.transcript import Hypothesis, Word
from captioner.transcription.decoding import DecodeBatch

MAGIC: Final = b"captioner journal 1\n"
MAX_BYTES: Final = 268_435_456  # 256 MiB: the words of some 400 hours of speech
OWNER_ONLY: Final = 0o600  # it holds what people said
_HEAD = struct.Struct("<II")
_KEY_BYTES: Final = 32

log = structlog.get_logger(__name__)


class Journal:
    """The journal of one job: a context manager that opens its files and closes them.

    Not for several threads or processes at once.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """Name the file; the older one beside it has ``.old`` after its name."""
        self.path = path
        self._older = path.with_name(f"{path.name}.old")
        self._max_bytes = max_bytes
        self._records: dict[bytes, tuple[BinaryIO, int, int]] = {}
        self._files: list[BinaryIO] = []
        self._writing: BinaryIO | None = None
        self._end = 0

    def __enter__(self) -> Self:
        """Open it, and read which batches it has.

        Raises:
            OSError: it cannot be read or made.
        """
        if self._older.exists():
            self._read(self._open(self._older))
        self._writing = self._open(self.path)
        self._end = self._read(self._writing)
        return self

    def __exit__(self, *_: object) -> None:
        """Close its files; they stay."""
        for file in self._files:
            file.close()
        self._files.clear()
        self._records.clear()
        self._writing = None

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: bytes) -> tuple[Hypothesis, ...] | None:
        """The hypotheses of a batch; None when it was not decoded, or the disk cannot read it."""
        if key not in self._records:
            return None
        file, offset, length = self._records[key]
        try:
            payload = os.pread(file.fileno(), length, offset)
        except OSError:
            return None
        return _hypotheses(payload[_KEY_BYTES:])

    def put(self, key: bytes, hypotheses: Sequence[Hypothesis]) -> None:
        """Keep the hypotheses of a batch.

        What cannot be written is not kept, and nothing after it: work goes on without.
        """
        payload = key + _text(hypotheses)
        record = _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        if self._writing is None:
            return
        try:
            if self._end + len(record) > self._max_bytes // 2:
                self._turn_over()
            _write_at(self._writing, record, self._end)
        except OSError as error:
            log.warning("journal_stopped", path=str(self.path), reason=error.strerror)
            self._writing = None
            return
        self._records[key] = (self._writing, self._end + _HEAD.size, len(payload))
        self._end += len(record)

    def remove(self) -> None:
        """Delete its files: the job is over."""
        self.__exit__()
        self.path.unlink(missing_ok=True)
        self._older.unlink(missing_ok=True)

    def _open(self, path: Path) -> BinaryIO:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        file = os.fdopen(descriptor, "r+b", buffering=0)
        self._files.append(file)
        return self._files[-1]

    def _read(self, file: BinaryIO) -> int:
        """Find the records of a file; return where the last good one ends."""
        file.seek(0)
        if file.read(len(MAGIC)) != MAGIC:
            os.ftruncate(file.fileno(), 0)
            _write_at(file, MAGIC, 0)
            return len(MAGIC)
        end = len(MAGIC)
        for offset, payload in _payloads(file):
            self._records[payload[:_KEY_BYTES]] = (file, offset, len(payload))
            end = offset + len(payload)
        os.ftruncate(file.fileno(), end)
        return end

    def _turn_over(self) -> None:
        """Begin a new file; what was the older one is forgotten."""
        self.path.replace(self._older)
        full = self._writing
        for file in [each for each in self._files if each is not full]:
            file.close()
        self._files = [file for file in self._files if file is full]
        self._records = {key: at for key, at in self._records.items() if at[0] is full}
        self._writing = self._open(self.path)
        self._end = self._read(self._writing)


def journaled(decode: DecodeBatch, journal: Journal, *, engine: bytes) -> DecodeBatch:
    """Decode through a journal: a batch that it has is read, any other is decoded and kept.

    Args:
        decode: what decodes batches.
        journal: opened, and closed by whoever opened it.
        engine: what is behind `decode`, from `engine_key`.
    """

    async def decode_once(rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        key = batch_key(engine, rows)
        known = journal.get(key)
        if known is not None:
            return known
        hypotheses = await decode(rows)
        journal.put(key, hypotheses)
        return hypotheses

    return decode_once


def engine_key(info: EngineInfo) -> bytes:
    """What stands for the model, how it is computed, and this version of the program."""
    return hashlib.sha256(_json([__version__, asdict(info)])).digest()


def batch_key(engine: bytes, rows: Sequence[DecodeRow]) -> bytes:
    """What stands for a batch: 32 bytes over the engine, and the audio and wishes of each row."""
    digest = hashlib.sha256(engine)
    for row in rows:
        wishes = {name: getattr(row, name) for name in DecodeRow.__slots__ if name != "features"}
        features = np.ascontiguousarray(row.features)
        head = _json([wishes, features.dtype.str, features.shape])
        digest.update(struct.pack("<I", len(head)) + head)
        digest.update(features.data)
    return digest.digest()


def _payloads(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The payloads from where the file stands, each with its place, up to the first bad one."""
    size = os.fstat(file.fileno()).st_size
    while True:
        offset = file.tell() + _HEAD.size
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        length, check = _HEAD.unpack(head)
        if length < _KEY_BYTES or offset + length > size:
            return
        payload = file.read(length)
        if len(payload) < length or zlib.crc32(payload) != check:
            return
        yield offset, payload


def _write_at(file: BinaryIO, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file.fileno(), view, offset)
        view, offset = view[written:], offset + written


def _text(hypotheses: Sequence[Hypothesis]) -> bytes:
    return _json(
        [
            {
                "words": [
                    [word.text, int(word.start), int(word.end), float(word.probability)]
                    for word in hypothesis.words
                ],
                "tokens": [list(map(int, tokens)) for tokens in hypothesis.word_tokens],
                "logprob": float(hypothesis.average_logprob),
                "no_speech": float(hypothesis.no_speech_probability),
                "language": hypothesis.language,
            }
            for hypothesis in hypotheses
        ]
    )


def _hypotheses(text: bytes) -> tuple[Hypothesis, ...]:
    return tuple(
        Hypothesis(
            words=tuple(Word(*word) for word in values["words"]),
            word_tokens=tuple(tuple(tokens) for tokens in values["tokens"]),
            average_logprob=values["logprob"],
            no_speech_probability=values["no_speech"],
            language=values["language"],
        )
        for values in json.loads(text)
    )


def _json(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    # ASCII: half a surrogate pair, which a model may emit, is escaped and comes back as it was.
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
