"""What the readers of all formats do: lines, fields, speakers, and errors with their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate, pairwise

from captioner.errors import InvalidRequest
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Cue, Provenance, Segment, Turn
from captioner.subtitles.document import Document

_MAX_SHOWN = 60  # characters of a file that an error repeats
# A dash that begins a turn, and not a negative number.
_DASH = re.compile(r"[-‐–—](?=[^\d\-‐–—])[^\S\n]*")


def malformed(line: int, found: str, expected: str) -> InvalidRequest:
    """The error for a line that is not what the format wants."""
    shown = found if len(found) <= _MAX_SHOWN else found[: _MAX_SHOWN - 1] + "…"
    return InvalidRequest(f"line {line}: found {shown!r}, expected {expected}")


def split_lines(text: str) -> list[str]:
    """The lines of a file, whatever ends them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def clean_lines(text: str) -> tuple[str, ...]:
    """The lines of a cue that hold something, each without what cannot be shown."""
    return tuple(line for raw in text.split("\n") if (line := flatten(raw)))


def read_fields(lines: Iterable[str]) -> list[tuple[str, str]]:
    """The ``key: value`` lines among these."""
    parts = (line.partition(": ") for line in lines)
    return [(key.strip(), value.strip()) for key, found, value in parts if found]


def gather_turns(pieces: Iterable[tuple[str, str]]) -> tuple[Turn, ...]:
    """The turns of a cue from pieces of its text, line ends in them, each with its speaker."""
    runs: list[tuple[str, list[str]]] = []
    for speaker, said in pieces:
        if runs and (runs[-1][0] == speaker or not said.strip()):
            runs[-1][1].append(said)
        elif said.strip():
            runs.append((speaker, [said]))
    turns = (Turn(name, clean_lines("".join(said))) for name, said in runs)
    return split_turns(turn for turn in turns if turn.lines)


def split_turns(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The turns of a cue: where nobody is named, dashes tell the speakers apart."""
    return tuple(part for turn in turns for part in _split_turn(turn))


def _split_turn(turn: Turn) -> Iterator[Turn]:
    lines = turn.lines
    begins = [number for number, line in enumerate(lines) if _DASH.match(line)]
    if turn.speaker or len(begins) < 2 or begins[0] != 0:  # noqa: PLR2004 - one is no change
        yield turn
        return
    for begin, end in pairwise((*begins, len(lines))):
        yield Turn("", lines[begin:end])


def document_of(
    cues: Iterable[Cue], provenance: Provenance | None, *, languages: Iterable[str]
) -> Document:
    """A document of cues that come in any order, each with its language.

    Cues without text are left out; ids that are missing or not unique become numbers.
    """
    pairs = [pair for pair in zip(cues, languages, strict=False) if pair[0].turns]
    pairs.sort(key=lambda pair: pair[0].start)
    ids = [cue.id for cue, _ in pairs]
    if not all(ids) or len(set(ids)) < len(ids):
        ids = [str(number) for number in range(1, len(ids) + 1)]
    ordered = [
        (replace(cue, id=id_), language) for (cue, language), id_ in zip(pairs, ids, strict=True)
    ]
    segments = (part for cue, language in ordered for part in _segments_of(cue, language))
    return Document(tuple(segments), provenance, tuple(cue for cue, _ in ordered))


def _segments_of(cue: Cue, language: str) -> Iterator[Segment]:
    """The turns of a cue without their dashes; they share its time by the length of their text."""
    several = len(cue.turns) > 1
    texts = [
        _DASH.sub("", joined, count=1) if several and _DASH.match(joined) else joined
        for joined in (" ".join(turn.lines) for turn in cue.turns)
    ]
    edges = [0, *accumulate(len(text) for text in texts)]
    times = [cue.start + (cue.end - cue.start) * edge // max(1, edges[-1]) for edge in edges]
    for number, (turn, text, (start, end)) in enumerate(
        zip(cue.turns, texts, pairwise(times), strict=True), start=1
    ):
        id_ = f"{cue.id}.{number}" if several else cue.id
        yield Segment(id_, start, end, (), turn.speaker, text, language)
