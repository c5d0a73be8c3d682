from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from captioner.asr.model_files import FORMAT_VERSION, read_vocabulary, shortened_files
from captioner.asr.shortlist import BYTES, Shortlist
from captioner.errors import ModelError

TASKS = ["<|startoftranscript|>", "<|notimestamps|>"]
VOCABULARY = [*(chr(0x100 + n) for n in range(BYTES)), "ab", "cd", "<|endoftext|>", *TASKS]
END_OF_TEXT = len(VOCABULARY) - 3
SHORTLIST = Shortlist(VOCABULARY, [BYTES + 1], end_of_text=END_OF_TEXT)
WEIGHTS = np.arange(len(VOCABULARY) * 3, dtype=np.float16).reshape(-1, 3)
SCALES = np.arange(len(VOCABULARY), dtype=np.float32)
OTHER = np.arange(len(VOCABULARY), dtype=np.float32)


TIED: dict[str, np.ndarray] = {
    "decoder/embeddings/weight": WEIGHTS,
    "decoder/embeddings/weight_scale": SCALES,
    "encoder/other": OTHER,
}
ALIASES = {
    "decoder/projection/weight": "decoder/embeddings/weight",
    "decoder/projection/weight_scale": "decoder/embeddings/weight_scale",
    "encoder/another": "encoder/other",
}
MODEL_CODES = {np.dtype(np.float32): 0, np.dtype(np.float16): 4}


def text(value: str) -> bytes:
    encoded = value.encode() + b"\0"
    return struct.pack("<H", len(encoded)) + encoded


def variable(name: str, values: np.ndarray) -> bytes:
    shape = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    kind = MODEL_CODES[values.dtype]
    return text(name) + shape + struct.pack("<BI", kind, values.nbytes) + values.tobytes()


def model_file(
    variables: Mapping[str, np.ndarray],
    aliases: Mapping[str, str],
    *,
    version: int = FORMAT_VERSION,
) -> bytes:
    head = struct.pack("<I", version) + text("WhisperSpec")
    parts = [variable(name, values) for name, values in variables.items()]
    others = [text(name) + text(of) for name, of in aliases.items()]
    return b"".join(
        [
            head + struct.pack("<II", 3, len(parts)),
            *parts,
            struct.pack("<I", len(others)),
            *others,
        ]
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(model_file(TIED, ALIASES))
    (tmp_path / "vocabulary.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    config = {"suppress_ids": [1, BYTES, END_OF_TEXT], "alignment_heads": [[0, 1]]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_what_can_be_said_has_a_row_and_text_a_second_one_behind_for_the_decoder_to_read(
    directory: Path,
) -> None:
    files = shortened_files(directory, SHORTLIST)

    said = list(SHORTLIST.kept)
    read = [*said, *SHORTLIST.text]
    assert files["model.bin"] == model_file(
        {
            "decoder/embeddings/weight": WEIGHTS[read],
            "decoder/projection/weight": WEIGHTS[said],
            "decoder/embeddings/weight_scale": SCALES[read],
            "decoder/projection/weight_scale": SCALES[said],
            "encoder/other": OTHER,
        },
        {"encoder/another": "encoder/other"},
    )


def test_a_projection_of_its_own_keeps_its_values(directory: Path) -> None:
    untied: dict[str, np.ndarray] = {
        "decoder/embeddings/weight": WEIGHTS,
        "decoder/projection/weight": WEIGHTS + 1,
    }
    (directory / "model.bin").write_bytes(model_file(untied, {}))

    files = shortened_files(directory, SHORTLIST)

    said = list(SHORTLIST.kept)
    assert files["model.bin"] == model_file(
        {
            "decoder/embeddings/weight": WEIGHTS[[*said, *SHORTLIST.text]],
            "decoder/projection/weight": WEIGHTS[said] + 1,
        },
        {},
    )


def test_tokens_of_the_config_and_the_vocabulary_follow(directory: Path) -> None:
    files = shortened_files(directory, SHORTLIST)

    config = json.loads(files["config.json"])
    assert config["suppress_ids"] == SHORTLIST.shorten([1, END_OF_TEXT])
    assert config["alignment_heads"] == [[0, 1]]
    names = json.loads(files["vocabulary.json"])
    assert names[: len(SHORTLIST.kept)] == [VOCABULARY[token] for token in SHORTLIST.kept]
    assert len(set(names)) == len(names) == len(SHORTLIST.kept) + len(SHORTLIST.text)


def test_both_kinds_of_vocabulary_are_read(directory: Path) -> None:
    assert read_vocabulary(directory) == VOCABULARY
    (directory / "vocabulary.json").write_text(json.dumps(["a", "b"]))
    assert read_vocabulary(directory) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.bin", model_file(TIED, ALIASES, version=5), "format 5, not 6"),
        ("model.bin", model_file(TIED, ALIASES)[:2000], "ends at byte 2000"),
        ("model.bin", b"", "requires a buffer"),
        ("config.json", b"{", "Expecting"),
    ],
)
def test_a_model_that_is_not_understood_is_refused(
    directory: Path, name: str, content: bytes, message: str
) -> None:
    (directory / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        shortened_files(directory, SHORTLIST)


def test_a_directory_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no vocabulary"):
        read_vocabulary(tmp_path)
