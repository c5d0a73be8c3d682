"""Writing the manifest of a model that has none: a fine-tuned or self-converted one."""

from __future__ import annotations

import json
import re
from pathlib import Path

from captioner.errors import ModelError
from captioner.models.digest import sha256_of
from captioner.models.manifest import FileDigest, Manifest, WindowRule, check_model_name
from captioner.models.weights import read_n_mels

REQUIRED = ("model.bin", "config.json", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
OPTIONAL = ("preprocessor_config.json",)

_LANGUAGE_TOKEN = re.compile(r"<\|([a-z]{2,3})\|>")


def describe_directory(
    directory: Path,
    name: str,
    *,
    licence: str,
    description: str,
    window: WindowRule,
) -> Manifest:
    """Describe a CTranslate2 Whisper directory as it is at this moment.

    Raises:
        ModelError: it lacks a file, or is not a multilingual Whisper model of CTranslate2.
    """
    check_model_name(name)
    vocabulary = _check_files(directory)
    n_mels = read_n_mels(directory / "model.bin")
    if n_mels not in (80, 128):
        raise ModelError(f"{directory / 'model.bin'} takes {n_mels} mel bands, not 80 or 128")
    present = [*REQUIRED, vocabulary.name, *(f for f in OPTIONAL if (directory / f).is_file())]
    return Manifest(
        name=name,
        description=description,
        languages=_languages(vocabulary),
        licence=licence,
        n_mels=n_mels,
        files={
            file: FileDigest(sha256_of(directory / file), (directory / file).stat().st_size)
            for file in sorted(present)
        },
        window=window,
    )


def _check_files(directory: Path) -> Path:
    """Return the vocabulary file; raise ModelError naming everything that is missing."""
    if not directory.is_dir():
        raise ModelError(f"{directory} is not a directory")
    missing = [file for file in REQUIRED if not (directory / file).is_file()]
    vocabularies = [directory / file for file in VOCABULARIES if (directory / file).is_file()]
    if not vocabularies:
        missing.append(" or ".join(VOCABULARIES))
    if missing:
        raise ModelError(
            f"{directory} is not a CTranslate2 Whisper model: it lacks {', '.join(missing)}"
        )
    return vocabularies[0]


def _languages(vocabulary: Path) -> tuple[str, ...]:
    try:
        text = vocabulary.read_text(encoding="utf-8")
        tokens = json.loads(text) if vocabulary.suffix == ".json" else text.splitlines()
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"{vocabulary} cannot be read: {error}") from error
    found = (_LANGUAGE_TOKEN.fullmatch(str(token)) for token in tokens)
    languages = tuple(match[1] for match in found if match)
    if not languages:
        raise ModelError(f"{vocabulary} has no language tokens: an English-only model")
    return languages
