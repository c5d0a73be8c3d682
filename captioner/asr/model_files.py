"""The files of a CTranslate2 Whisper, with a part of the vocabulary.

The format is that of ``ctranslate2/specs/model_spec.py``, binary version 6: a header, then one
variable after the other (name, shape, type, bytes), then aliases of variables.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from captioner.asr.shortlist import Shortlist
from captioner.errors import ModelError

FORMAT_VERSION = 6
EMBEDDINGS, PROJECTION = "decoder/embeddings/", "decoder/projection/"  # a row for each token
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

    The second numbers of text are in the embeddings, but not in the projection: they can be said
    to the decoder, and never by it.

    Raises:
        ModelError: the directory does not hold a model in a format that is known.
    """
    names = [shortlist.vocabulary[token] for token in shortlist.kept]
    names += [f"<|{shortlist.vocabulary[token]}|>" for token in shortlist.text]
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        model = (directory / "model.bin").read_bytes()
        return {
            "model.bin": _shortened(_ModelFile.read(model), shortlist).written(),
            "vocabulary.json": json.dumps(names, ensure_ascii=False).encode(),
            "config.json": json.dumps(_renumbered(config, shortlist)).encode(),
        }
    except (OSError, ValueError, struct.error) as error:
        raise ModelError(f"cannot shorten the vocabulary of {directory}: {error}") from error


def _renumbered(config: dict[str, Any], shortlist: Shortlist) -> dict[str, Any]:
    changed = {name: shortlist.restrict(config.get(name, ())) for name in TOKENS_OF_CONFIG}
    return config | changed


def _shortened(model: _ModelFile, shortlist: Shortlist) -> _ModelFile:
    tokens = len(shortlist.vocabulary)
    said = list(shortlist.kept)
    variables: list[_Variable] = []
    for variable in model.variables:
        if not variable.is_by_token(tokens):
            variables.append(variable)
        elif variable.name.startswith(PROJECTION):
            variables.append(variable.rows(said))
        else:
            variables.append(variable.rows([*said, *shortlist.text]))
            projection = variable.name.replace(EMBEDDINGS, PROJECTION)
            if projection in model.aliases:
                variables.append(replace(variable.rows(said), name=projection))
    own = {variable.name for variable in variables}
    aliases = {name: of for name, of in model.aliases.items() if name not in own}
    return replace(model, variables=variables, aliases=aliases)


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    shape: tuple[int, ...]
    kind: int
    """The code of its type; empty of meaning here."""
    values: memoryview | bytes

    def is_by_token(self, tokens: int) -> bool:
        by_token = self.name.startswith((EMBEDDINGS, PROJECTION))
        return by_token and self.shape[:1] == (tokens,)

    def rows(self, chosen: Sequence[int]) -> _Variable:
        rows = np.frombuffer(self.values, np.uint8).reshape(self.shape[0], -1)[chosen]
        return replace(self, shape=(len(chosen), *self.shape[1:]), values=rows.tobytes())

    def written(self) -> bytes:
        shape = struct.pack(f"<B{len(self.shape)}I", len(self.shape), *self.shape)
        return _text(self.name) + shape + struct.pack("<BI", self.kind, len(self.values))


@dataclass(frozen=True, slots=True)
class _ModelFile:
    specification: str
    revision: int
    variables: Sequence[_Variable]
    aliases: Mapping[str, str]
    """The variable that stands for each."""

    @classmethod
    def read(cls, model: bytes) -> _ModelFile:
        reader = _Reader(model)
        if (version := reader.number("I")) != FORMAT_VERSION:
            raise ValueError(f"model.bin has format {version}, not {FORMAT_VERSION}")
        specification, revision = reader.text(), reader.number("I")
        variables = [reader.variable() for _ in range(reader.number("I"))]
        aliases = {reader.text(): reader.text() for _ in range(reader.number("I"))}
        return cls(specification, revision, variables, aliases)

    def written(self) -> bytes:
        parts: list[bytes | memoryview] = [
            struct.pack("<I", FORMAT_VERSION) + _text(self.specification),
            struct.pack("<II", self.revision, len(self.variables)),
        ]
        for variable in self.variables:
            parts += variable.written(), variable.values
        parts.append(struct.pack("<I", len(self.aliases)))
        parts += [_text(name) + _text(of) for name, of in self.aliases.items()]
        return b"".join(parts)


def _text(value: str) -> bytes:
    encoded = value.encode() + b"\0"
    return struct.pack("<H", len(encoded)) + encoded


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from(f"<{code}", self._data, self._at)
        self._at += struct.calcsize(f"<{code}")
        return int(value)

    def text(self) -> str:
        return bytes(self._take(self.number("H"))).rstrip(b"\0").decode()

    def variable(self) -> _Variable:
        name = self.text()
        shape = tuple(self.number("I") for _ in range(self.number("B")))
        kind, size = self.number("B"), self.number("I")
        return _Variable(name, shape, kind, self._take(size))

    def _take(self, size: int) -> memoryview:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise ValueError(f"model.bin ends at byte {len(self._data)}, before its variables do")
        self._at += size
        return part
