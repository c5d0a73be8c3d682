from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from captioner.asr.model_files import FORMAT_VERSION, read_vocabulary, shortened_files
from captioner.asr.shortlist import BYTES, Shortlist
from captioner.errors import ModelError

VOCABULARY = [*(chr(0x100 + number) for number in range(BYTES)), "ab", "cd", "<|endoftext|>"]
END_OF_TEXT = len(VOCABULARY) - 1
SHORTLIST = Shortlist(VOCABULARY, [BYTES + 1], end_of_text=END_OF_TEXT)
WEIGHTS = np.arange(len(VOCABULARY) * 3, dtype=np.float16).reshape(-1, 3)
SCALES = np.arange(len(VOCABULARY), dtype=np.float32)
OTHER = np.arange(len(VOCABULARY), dtype=np.float32)


def variable(name: str, values: np.ndarray, kind: int) -> bytes:
    encoded = name.encode() + b"\0"
    shape = struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    head = struct.pack("<H", len(encoded)) + encoded + shape
    return head + struct.pack("<BI", kind, values.nbytes) + values.tobytes()


def model_file(weights: np.ndarray, scales: np.ndarray, *, version: int = FORMAT_VERSION) -> bytes:
    spec = b"WhisperSpec\0"
    return b"".join(
        [
            struct.pack("<IH", version, len(spec)) + spec + struct.pack("<II", 3, 3),
            variable("decoder/embeddings/weight", weights, 4),
            variable("decoder/embeddings/weight_scale", scales, 0),
            variable("encoder/other", OTHER, 0),
            struct.pack("<I", 0),
        ]
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "model.bin").write_bytes(model_file(WEIGHTS, SCALES))
    (tmp_path / "vocabulary.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    config = {"suppress_ids": [1, BYTES, END_OF_TEXT], "alignment_heads": [[0, 1]]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


def test_variables_by_token_keep_the_rows_of_the_shortlist_and_others_all(directory: Path) -> None:
    files = shortened_files(directory, SHORTLIST)

    kept = list(SHORTLIST.kept)
    assert files["model.bin"] == model_file(WEIGHTS[kept], SCALES[kept])


def test_tokens_of_the_config_and_the_vocabulary_follow(directory: Path) -> None:
    files = shortened_files(directory, SHORTLIST)

    config = json.loads(files["config.json"])
    assert config["suppress_ids"] == [1, len(SHORTLIST.kept) - 1]
    assert config["alignment_heads"] == [[0, 1]]
    assert json.loads(files["vocabulary.json"]) == [VOCABULARY[token] for token in SHORTLIST.kept]


def test_both_kinds_of_vocabulary_are_read(directory: Path) -> None:
    assert read_vocabulary(directory) == VOCABULARY
    (directory / "vocabulary.json").write_text(json.dumps(["a", "b"]))
    assert read_vocabulary(directory) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.bin", model_file(WEIGHTS, SCALES, version=5), "format 5, not 6"),
        ("model.bin", model_file(WEIGHTS, SCALES)[:2000], "ends at byte 2000"),
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
