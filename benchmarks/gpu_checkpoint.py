"""Whisper checkpoints of true shapes and random weights, written in CTranslate2's format.

Speed depends on the shapes, not on what the weights say, and no weights have to be brought to the
machine that is measured. Neither PyTorch nor Transformers is needed: the file is written as
CTranslate2 reads it (``ctranslate2/specs/model_spec.py``, binary version 6), one variable after
the other, so that the largest checkpoint takes no memory to speak of.

Two things are not random. The tokens after the text (end of text, tasks, timestamps) have zero
embeddings, hence zero logits, and are never the likeliest of 50,000: a decode runs until it is
bounded, and benchmarks bound it as real speech would. And the vocabulary of the text has the
words that the benchmark's speakers say, spelled in as many tokens as Whisper spells French in.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from captioner.asr.model_files import FORMAT_VERSION
from captioner.models.manifest import Manifest, WindowRule, shipped_manifest

SPEC_REVISION = 3
DTYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
GELU = 3
DEVIATION = 0.02  # of the weights: activations then stay within float16 in every layer
POOL = 2**22  # random values, read round and round: drawing each would take longer than writing
ENCODER_POSITIONS = 1500  # frames of 20 ms
DECODER_POSITIONS = 448
KERNEL = 3
FEED_FORWARD = 4  # times the width
TIMESTAMPS = 1501  # <|0.00|> to <|30.00|>
SUPPRESSED = 88  # tokens that the published models never emit
SPELLED = 1250  # tokens that the speakers' words are spelled with: 4.9 a second, as Whisper's
WORD_STARTS = (3, 5)  # so many of so many other tokens begin a word

Float16 = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how fast a Whisper is."""

    name: str
    n_mels: int
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    languages: tuple[str, ...]
    alignment_heads: tuple[tuple[int, int], ...]
    """(layer, head) of the decoder's cross-attention."""
    text_tokens: int = 50257
    """The empty token, their last, included."""

    @property
    def end_of_text(self) -> int:
        """The first token that is not text."""
        return self.text_tokens

    @property
    def vocabulary_size(self) -> int:
        """All tokens: text, tasks, languages, timestamps."""
        return self.text_tokens + len(task_tokens(self.languages)) + TIMESTAMPS


def shape(name: str) -> Shape:
    """The shape of a published model, or ``toy``, for tests.

    Raises:
        KeyError: it has no shape here.
    """
    return _SHAPES[name]()


def names() -> tuple[str, ...]:
    """The shapes there are."""
    return tuple(_SHAPES)


def _turbo() -> Shape:
    heads = ((2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14))
    languages = shipped_manifest("large-v3-turbo").languages
    return Shape("large-v3-turbo", 128, 1280, 20, 32, 4, languages, heads)


def _large() -> Shape:
    heads = ((7, 0), (10, 17), (12, 18), (13, 12), (16, 1), (17, 14), (19, 11), (21, 4))
    languages = shipped_manifest("large-v3").languages
    return Shape("large-v3", 128, 1280, 20, 32, 32, languages, (*heads, (24, 1), (25, 6)))


def _small() -> Shape:
    heads = ((5, 3), (5, 9), (8, 0), (8, 4), (8, 7), (8, 8), (9, 0), (9, 7), (9, 9), (10, 5))
    return Shape("small", 80, 768, 12, 12, 12, shipped_manifest("small").languages, heads)


def _base() -> Shape:
    heads = ((3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6))
    return Shape("base", 80, 512, 8, 6, 6, shipped_manifest("base").languages, heads)


def _toy() -> Shape:
    return Shape("toy", 80, 64, 2, 1, 2, ("en", "fr"), ((0, 1), (1, 0)), text_tokens=2000)


_SHAPES = {
    "large-v3-turbo": _turbo,
    "large-v3": _large,
    "small": _small,
    "base": _base,
    "toy": _toy,
}


# --- A directory that the engine can load


def build(
    shape: Shape, directory: Path, *, texts: Sequence[str], rule: WindowRule | None = None
) -> Manifest:
    """Write a checkpoint; what is there is replaced.

    Args:
        shape: of the model.
        directory: is made.
        texts: what will be said.
        rule: how long its windows are; None: 30 s.

    Returns:
        The manifest to load it with.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = spelling(shape, texts)
    tokenizer.save(str(directory / "tokenizer.json"))
    _write_json(directory / "vocabulary.json", vocabulary(shape, tokenizer))
    _write_json(directory / "config.json", _config(shape, tokenizer))
    with (directory / "model.bin").open("wb") as file:
        write_weights(file, shape)
    return manifest(shape, rule or WindowRule())


def manifest(shape: Shape, rule: WindowRule) -> Manifest:
    """The manifest of a checkpoint: names no files, since nothing is to be verified."""
    return Manifest(
        name=shape.name,
        description="random weights",
        languages=shape.languages,
        licence="",
        n_mels=shape.n_mels,
        files={},
        window=rule,
    )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _config(shape: Shape, tokenizer: Tokenizer) -> dict[str, object]:
    languages = [tokenizer.token_to_id(f"<|{language}|>") for language in shape.languages]
    step = shape.text_tokens // SUPPRESSED
    return {
        "alignment_heads": [list(head) for head in shape.alignment_heads],
        "lang_ids": languages,
        "suppress_ids": [step * number for number in range(SUPPRESSED)],
        "suppress_ids_begin": [tokenizer.token_to_id("Ġ"), shape.end_of_text],
    }


# --- Vocabulary


def task_tokens(languages: Sequence[str]) -> list[str]:
    """The tokens between text and timestamps, in the order that CTranslate2 relies on."""
    return [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{language}|>" for language in languages),
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
    ]


def spelling(shape: Shape, texts: Sequence[str]) -> Tokenizer:
    """A tokenizer of bytes and pairs, learnt from what will be said and filled up to the shape."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=SPELLED, show_progress=False, initial_alphabet=alphabet
    )
    learner.train_from_iterator([f" {text}" for text in texts], trainer)
    content = json.loads(learner.to_str())
    known: dict[str, int] = content["model"]["vocab"]
    for number in range(len(known), shape.text_tokens - 1):
        begins = number % WORD_STARTS[1] < WORD_STARTS[0]
        known[f"Ġm{number}" if begins else f"m{number}"] = number
    known[""] = shape.text_tokens - 1
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.add_special_tokens(
        [AddedToken(token, normalized=False) for token in task_tokens(shape.languages)]
    )
    return tokenizer


def vocabulary(shape: Shape, tokenizer: Tokenizer) -> list[str]:
    """Every token of the model in order: those of the tokenizer, then the timestamps."""
    tokens = [str(tokenizer.id_to_token(number)) for number in range(tokenizer.get_vocab_size())]
    tokens += [f"<|{0.02 * number:.2f}|>" for number in range(TIMESTAMPS)]
    if len(tokens) != shape.vocabulary_size:
        raise AssertionError(f"{len(tokens)} tokens, expected {shape.vocabulary_size}")
    return tokens


# --- Weights


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of ``model.bin``."""

    name: str
    dimensions: tuple[int, ...] = ()
    fill: float | None = None
    """None: random."""
    dtype: str = "float16"
    random_rows: int | None = None
    """Only so many leading rows are random, the others zero; None: all."""


def variables(shape: Shape) -> list[Variable]:
    """All entries, sorted by name."""
    width = shape.width
    return sorted(
        [
            *_common("encoder", ENCODER_POSITIONS, shape),
            Variable("encoder/conv1/weight", (width, shape.n_mels, KERNEL)),
            Variable("encoder/conv1/bias", (width,), 0.0),
            Variable("encoder/conv2/weight", (width, width, KERNEL)),
            Variable("encoder/conv2/bias", (width,), 0.0),
            *_common("decoder", DECODER_POSITIONS, shape),
            Variable(
                "decoder/embeddings/weight",
                (shape.vocabulary_size, width),
                random_rows=shape.end_of_text,
            ),
            *_decoder_constants(),
            *(
                entry
                for number in range(shape.encoder_layers)
                for entry in _layer(f"encoder/layer_{number}", width, crosses=False)
            ),
            *(
                entry
                for number in range(shape.decoder_layers)
                for entry in _layer(f"decoder/layer_{number}", width, crosses=True)
            ),
        ],
        key=lambda entry: entry.name,
    )


def _common(part: str, positions: int, shape: Shape) -> Iterator[Variable]:
    yield Variable(f"{part}/num_heads", fill=shape.heads, dtype="int16")
    yield Variable(f"{part}/position_encodings/encodings", (positions, shape.width))
    yield from _norm(f"{part}/layer_norm", shape.width)


def _decoder_constants() -> Iterator[Variable]:
    yield Variable("decoder/activation", fill=GELU, dtype="int8")
    yield Variable("decoder/alibi", fill=0, dtype="int8")
    yield Variable("decoder/alignment_heads", fill=1, dtype="int16")
    yield Variable("decoder/alignment_layer", fill=-1, dtype="int16")
    yield Variable("decoder/pre_norm", fill=1, dtype="int8")
    yield Variable("decoder/scale_embeddings", fill=0, dtype="int8")
    yield Variable("decoder/start_from_zero_embedding", fill=0, dtype="int8")


def _layer(name: str, width: int, *, crosses: bool) -> Iterator[Variable]:
    yield from _norm(f"{name}/self_attention/layer_norm", width)
    yield from _linear(f"{name}/self_attention/linear_0", 3 * width, width)
    yield from _linear(f"{name}/self_attention/linear_1", width, width)
    if crosses:
        yield from _norm(f"{name}/attention/layer_norm", width)
        yield from _linear(f"{name}/attention/linear_0", width, width)
        yield from _linear(f"{name}/attention/linear_1", 2 * width, width)
        yield from _linear(f"{name}/attention/linear_2", width, width)
    yield from _norm(f"{name}/ffn/layer_norm", width)
    yield from _linear(f"{name}/ffn/linear_0", FEED_FORWARD * width, width)
    yield from _linear(f"{name}/ffn/linear_1", width, FEED_FORWARD * width)


def _norm(name: str, width: int) -> Iterator[Variable]:
    yield Variable(f"{name}/gamma", (width,), 1.0)
    yield Variable(f"{name}/beta", (width,), 0.0)


def _linear(name: str, outputs: int, inputs: int) -> Iterator[Variable]:
    yield Variable(f"{name}/weight", (outputs, inputs))
    yield Variable(f"{name}/bias", (outputs,), 0.0)


class _Noise:
    """Random values without end."""

    def __init__(self) -> None:
        values = np.random.default_rng(0).standard_normal(POOL, np.float32)
        self._pool: Float16 = (values * DEVIATION).astype(np.float16)
        self._at = 0

    def pieces(self, count: int) -> Iterator[Float16]:
        """So many values, in pieces."""
        while count:
            piece = self._pool[self._at : self._at + count]
            self._at = (self._at + len(piece)) % POOL
            count -= len(piece)
            yield piece


def write_weights(file: BinaryIO, shape: Shape) -> None:
    """Write ``model.bin``: weights in float16, the output layer tied to the embeddings."""
    noise, entries = _Noise(), variables(shape)
    file.write(struct.pack("<I", FORMAT_VERSION) + _text("WhisperSpec"))
    file.write(struct.pack("<II", SPEC_REVISION, len(entries)))
    for entry in entries:
        dtype, count = np.dtype(entry.dtype), int(np.prod(entry.dimensions, dtype=np.int64))
        rank = len(entry.dimensions)
        file.write(_text(entry.name) + struct.pack(f"<B{rank}I", rank, *entry.dimensions))
        file.write(struct.pack("<BI", DTYPES[entry.dtype], count * dtype.itemsize))
        if entry.fill is not None:
            file.write(np.full(count, entry.fill, dtype).tobytes())
            continue
        rows = entry.dimensions[0] if entry.random_rows is None else entry.random_rows
        drawn = rows * (count // entry.dimensions[0])
        file.writelines(piece.data for piece in noise.pieces(drawn))
        file.write(bytes((count - drawn) * dtype.itemsize))
    file.write(struct.pack("<I", 1))
    file.write(_text("decoder/projection/weight") + _text("decoder/embeddings/weight"))


def _text(value: str) -> bytes:
    encoded = value.encode() + b"\0"
    return struct.pack("<H", len(encoded)) + encoded
