"""What is left to do of a job, going by what its folder knows of earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from captioner.batch.job import Document, Shard, Track
from captioner.batch.manifest import (
    Asked,
    Entry,
    History,
    Source,
    State,
    numbers_of,
    same_sources,
)
from captioner.batch.shards import Extent, estimated_seconds, into_shards


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that is asked for, and what its files are now."""

    document: Document
    sources: tuple[Source, ...]
    """One a track."""

    @classmethod
    def of(cls, document: Document) -> Candidate:
        """Look at the files of a document."""
        return cls(document, tuple(Source.of(track) for track in document.tracks))

    def extents(self) -> Iterable[Extent]:
        """How long each track may be, going by the size of its file."""
        share = Counter(source.path for source in self.sources)
        for track, source in zip(self.document.tracks, self.sources, strict=True):
            size = max(0, source.size) / share[source.path]
            yield Extent(track, estimated_seconds(track.path.suffix, round(size)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job does, and what it leaves as it is."""

    work: tuple[Candidate, ...]
    kept: tuple[Document, ...]
    """Done before, and still as they were."""
    shards: tuple[Shard, ...]
    """Some of their tracks may be of documents that are kept."""
    history: History
    """To begin with: what was kept, what waits, and what is known of other documents."""
    resumed: bool
    """Whether an interrupted job goes on."""
    changed: tuple[str, ...]
    """The options that differ from those of documents which are done again for that reason."""


def plan(
    candidates: Sequence[Candidate],
    history: History,
    asked: Asked,
    *,
    folder: Path,
    digest_of: Callable[[Path], str],
    skip_existing: bool = False,
) -> Plan:
    """Decide which documents are done, and which tracks are worked on together.

    An interrupted job goes on with its own shards, whole, so that its transcripts are those of one
    that was never interrupted. A job that came to its end, or other options, make new ones.
    """
    current, changed = _still_true(candidates, history, asked, digest_of)
    done = {
        each.document.name
        for each in candidates
        if _is_done(each.document, current.get(each.document.name), folder)
        or (skip_existing and all(output.exists() for output in each.document.outputs))
    }
    work = tuple(each for each in candidates if each.document.name not in done)
    earlier = {
        name: entry
        for name, entry in current.items()
        if not history.ended and len(entry.shards) == len(entry.tracks)
    }
    first = max(numbers_of(history.entries.values()), default=0) + 1
    shards = _shards(candidates, work, earlier, first=first)
    waiting = {entry.name: entry for entry in _waiting(work, shards, asked)}
    return Plan(
        work=work,
        kept=tuple(each.document for each in candidates if each.document.name in done),
        shards=tuple(shards),
        history=History(
            {**history.entries, **waiting}, {**history.asked, asked.key: asked}, ended=False
        ),
        resumed=bool(work and earlier),
        changed=tuple(changed),
    )


def _still_true(
    candidates: Iterable[Candidate],
    history: History,
    asked: Asked,
    digest_of: Callable[[Path], str],
) -> tuple[dict[str, Entry], dict[str, None]]:
    """The entries of documents that are the same and asked for alike; else what differs."""
    current: dict[str, Entry] = {}
    changed: dict[str, None] = {}
    for candidate in candidates:
        entry = history.entries.get(candidate.document.name)
        if entry is None or not same_sources(entry.tracks, candidate.sources, digest_of):
            continue
        if entry.asked == asked.key:
            current[entry.name] = entry
        elif entry.state is State.DONE and (before := history.asked.get(entry.asked)):
            changed.update(dict.fromkeys(asked.differences(before)))
    return current, changed


def _is_done(document: Document, entry: Entry | None, folder: Path) -> bool:
    """Whether all that is asked for was written, and is still there, edited perhaps."""
    if entry is None or entry.state is not State.DONE:
        return False
    written = {folder / output.path for output in entry.outputs}
    return all(output in written and output.exists() for output in document.outputs)


def _shards(
    candidates: Iterable[Candidate],
    work: Iterable[Candidate],
    earlier: Mapping[str, Entry],
    *,
    first: int,
) -> list[Shard]:
    """The shards of an earlier job in which there is work, whole; then new ones for the rest."""
    members: dict[int, list[Track]] = {}
    for candidate in candidates:
        if entry := earlier.get(candidate.document.name):
            for track, number in zip(candidate.document.tracks, entry.shards, strict=False):
                members.setdefault(number, []).append(track)
    wanted: set[int] = set()
    new: list[Extent] = []
    for candidate in work:
        known = earlier.get(candidate.document.name)
        if known:
            wanted.update(known.shards)
        else:
            new += candidate.extents()
    again = [Shard(number, tuple(members[number])) for number in sorted(wanted)]
    return again + into_shards(new, first=first)


def _waiting(work: Iterable[Candidate], shards: Iterable[Shard], asked: Asked) -> Iterable[Entry]:
    """An entry for each document that is to be done."""
    numbers = {track: shard.number for shard in shards for track in shard.tracks}
    for each in work:
        yield Entry(
            name=each.document.name,
            asked=asked.key,
            tracks=each.sources,
            shards=tuple(numbers[track] for track in each.document.tracks),
        )
