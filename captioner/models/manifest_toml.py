"""Writing a manifest as TOML, so that ``parse_manifest`` reads the same values back."""

from __future__ import annotations

import json
from collections.abc import Iterator

from captioner.models.manifest import Manifest, Wheel


def format_manifest(manifest: Manifest) -> str:
    """The manifest as TOML text."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: Manifest) -> Iterator[str]:
    yield f"name = {_text(manifest.name)}"
    yield f"description = {_text(manifest.description)}"
    yield f"licence = {_text(manifest.licence)}"
    yield f"n_mels = {manifest.n_mels}"
    yield f"word_start_shift = {float(manifest.word_start_shift)!r}"
    yield f"word_end_shift = {float(manifest.word_end_shift)!r}"
    yield f"languages = [{', '.join(map(_text, manifest.languages))}]"
    yield ""
    yield "[window]"
    yield f"padded = {'true' if manifest.window.padded else 'false'}"
    yield f"silence = {float(manifest.window.silence)!r}"
    yield f"minimum = {float(manifest.window.minimum)!r}"
    if manifest.hub:
        yield ""
        yield "[hub]"
        yield f"repository = {_text(manifest.hub.repository)}"
        yield f"revision = {_text(manifest.hub.revision)}"
    for name, digest in manifest.files.items():
        yield ""
        yield f"[files.{_text(name)}]"
        yield f"sha256 = {_text(digest.sha256)}"
        yield f"bytes = {digest.size}"
    for wheel in manifest.wheels:
        yield from _wheel_lines(wheel)


def _wheel_lines(wheel: Wheel) -> Iterator[str]:
    yield ""
    yield "[[wheels]]"
    yield f"package = {_text(wheel.package)}"
    yield f"version = {_text(wheel.version)}"
    yield f"sha256 = {_text(wheel.digest.sha256)}"
    yield f"bytes = {wheel.digest.size}"
    yield ""
    yield "[wheels.members]"
    for member, file in wheel.members.items():
        yield f"{_text(member)} = {_text(file)}"


def _text(value: str) -> str:
    """A TOML basic string: JSON writes one that TOML reads, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
