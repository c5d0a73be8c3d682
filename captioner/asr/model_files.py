"""The files of a CTranslate2 Whisper, with a part of the vocabulary.

The format is that of ``ctranslate2/specs/model_spec.py``, binary version 6: a header, then one
variable after the other (name, shape, type, bytes), then aliases of variables.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from captioner.asr.shortlist import Shortlist
from captioner.errors import ModelError

FORMAT_VERSION = 6
BY_TOKEN = ("decoder/embeddings/", "decoder/projection/")  # variables with a row for each token
TOKENS_OF_CONFIG = ("suppress_ids", "suppress_ids_begin", "lang_ids")


def read_vocabulary(directory: Path) -> list[str]:
    """The tokens of a model, in order.

    Raises:
        ModelError: there are none.
    """
    listed, lines = directory / "vocabulary.json", directory / "vocabulary.txt"
    try:
        if listed.is_file():
            return [str(token) for token in json.loads(listed.read_text(encoding="utf-8"))]
        return lines.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise ModelError(f"{directory} holds no vocabulary: {error}") from error


def shortened_files(directory: Path, shortlist: Shortlist) -> dict[str, bytes]:
    """The files that CTranslate2 loads, their vocabulary cut to a shortlist of it.

    Raises:
        ModelError: the directory does not hold a model in a format that is known.
    """
    kept = [shortlist.vocabulary[token] for token in shortlist.kept]
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        model = (directory / "model.bin").read_bytes()
        return {
            "model.bin": _with_rows(model, shortlist.kept, len(shortlist.vocabulary)),
            "vocabulary.json": json.dumps(kept, ensure_ascii=False).encode(),
            "config.json": json.dumps(_renumbered(config, shortlist)).encode(),
        }
    except (OSError, ValueError, struct.error) as error:
        raise ModelError(f"cannot shorten the vocabulary of {directory}: {error}") from error


def _renumbered(config: dict[str, Any], shortlist: Shortlist) -> dict[str, Any]:
    changed = {name: shortlist.restrict(config.get(name, ())) for name in TOKENS_OF_CONFIG}
    return config | changed


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self.at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from(f"<{code}", self._data, self.at)
        self.at += struct.calcsize(f"<{code}")
        return int(value)

    def take(self, size: int) -> memoryview:
        if self.at + size > len(self._data):
            raise ValueError(f"model.bin ends at byte {len(self._data)}, before its variables do")
        part = self._data[self.at : self.at + size]
        self.at += size
        return part

    def since(self, start: int) -> memoryview:
        return self._data[start : self.at]

    def text(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode()


def _with_rows(model: bytes, kept: Sequence[int], tokens: int) -> bytes:
    """A model file whose variables by token have the rows that are kept, in their order."""
    reader = _Reader(model)
    if (version := reader.number("I")) != FORMAT_VERSION:
        raise ValueError(f"model.bin has format {version}, not {FORMAT_VERSION}")
    reader.text()
    reader.number("I")  # revision of the specification
    count = reader.number("I")
    parts: list[bytes | memoryview] = [reader.since(0)]
    for _ in range(count):
        parts += _variable(reader, kept, tokens)
    parts.append(reader.take(len(model) - reader.at))
    return b"".join(parts)


def _variable(
    reader: _Reader, kept: Sequence[int], tokens: int
) -> tuple[bytes | memoryview, bytes | memoryview]:
    """The next variable, as the bytes before its values and these."""
    start = reader.at
    name = reader.text()
    named = reader.since(start)
    shape = [reader.number("I") for _ in range(reader.number("B"))]
    kind, size = reader.number("B"), reader.number("I")
    header = reader.since(start)
    values = reader.take(size)
    if not name.startswith(BY_TOKEN) or not shape or shape[0] != tokens:
        return header, values
    rows = np.frombuffer(values, np.uint8).reshape(tokens, -1)[list(kept)].tobytes()
    shape[0] = len(kept)
    described = struct.pack(f"<B{len(shape)}IBI", len(shape), *shape, kind, len(rows))
    return bytes(named) + described, rows
