"""Which text is judged by which reference: two files, or two folders of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from captioner.cli.readable import Track, read_tracks, read_utterances
from captioner.errors import InvalidRequest
from captioner.evaluation.utterances import Utterance

TRUTH = "truth.json"  # stands for its tracks in a folder of references
REPORT = "report.json"  # what `captioner transcribe` leaves beside its texts
# Of one text in several formats, the first is read: it tells the most (words and their times, then
# speakers, then times, then the text alone).
PREFERRED = ("json", "ttml", "vtt", "dfxp", "xml", "srt", "txt")
_SHOWN = 5  # names that an error lists


@dataclass(frozen=True, slots=True)
class Source:
    """A text that can be read."""

    label: str
    """What messages call it."""
    read: Callable[[], list[Utterance]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A hypothesis and the reference that it is judged by."""

    name: str
    reference: Source
    hypothesis: Source


@dataclass(frozen=True, slots=True)
class Pairing:
    """What is compared, and what cannot be."""

    pairs: tuple[Pair, ...]
    missing: tuple[str, ...] = ()
    """References that have no hypothesis."""
    unjudged: tuple[str, ...] = ()
    """Hypotheses that have no reference."""


def pair_up(reference: Path, hypothesis: Path) -> Pairing:
    """Find what is judged by what: two files, or those of the same name in two folders.

    Names are paths within the folder, without suffix. A ``truth.json`` stands for its tracks.

    Raises:
        InvalidRequest: a folder faces a single text; no name is on both sides; a ``truth.json``
            has no track of the hypothesis' name.
        OSError: a file or folder cannot be read.
    """
    if not hypothesis.is_dir():
        if reference.is_dir():
            raise InvalidRequest(f"{reference} is a folder but {hypothesis} is not")
        source = _reference_for(reference, hypothesis)
        return Pairing((Pair(hypothesis.name, source, _file(hypothesis)),))
    said, heard = _references_in(reference), _texts_in(hypothesis)
    names = [name for name in said if name in heard]
    if not names:
        raise InvalidRequest(
            f"no text in {hypothesis} has the name of a reference: "
            f"found {_some(heard)}, expected {_some(said)}"
        )
    return Pairing(
        tuple(Pair(name, said[name], heard[name]) for name in names),
        missing=tuple(source.label for name, source in said.items() if name not in heard),
        unjudged=tuple(source.label for name, source in heard.items() if name not in said),
    )


def _reference_for(path: Path, hypothesis: Path) -> Source:
    """A file; of a ``truth.json`` the track of the hypothesis' name, or the whole meeting."""
    tracks = read_tracks(path)
    sources = _by_name(tracks)
    if hypothesis.stem in sources:
        return sources[hypothesis.stem]
    if len(tracks) > 1 and not all(track.speaker for track in tracks):
        raise InvalidRequest(
            f"{path} has no track of the name {hypothesis.stem}: found {_some(sources)}"
        )
    return _file(path)


def _references_in(path: Path) -> Mapping[str, Source]:
    if path.is_dir():
        return _texts_in(path)
    if tracks := read_tracks(path):
        return _by_name(tracks)
    raise InvalidRequest(f"{path} is one text, but the hypotheses are a folder")


def _texts_in(folder: Path) -> Mapping[str, Source]:
    """The texts of a folder and of those in it, by name; hidden files are none."""
    paths = [path for path in folder.rglob("*") if _is_text(path.relative_to(folder))]
    found: dict[str, Source] = {}
    for path in sorted(paths, key=lambda path: (PREFERRED.index(_kind(path)), path)):
        tracks = read_tracks(path) if path.name == TRUTH else []
        texts = _by_name(tracks) if tracks else {path.stem: _file(path)}
        for name, source in texts.items():
            found.setdefault((path.parent.relative_to(folder) / name).as_posix(), source)
    if not found:
        raise InvalidRequest(f"{folder} has no text: expected files of {', '.join(PREFERRED)}")
    return dict(sorted(found.items()))


def _is_text(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return _kind(path) in PREFERRED and path.name != REPORT and not hidden


def _kind(path: Path) -> str:
    return path.suffix.removeprefix(".").lower()


def _by_name(tracks: Iterable[Track]) -> dict[str, Source]:
    return {track.name: Source(track.label, track.read) for track in tracks}


def _file(path: Path) -> Source:
    return Source(str(path), lambda: read_utterances(path))


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = [f"{len(known) - _SHOWN} more"] if len(known) > _SHOWN else []
    return ", ".join(known[:_SHOWN] + more)
