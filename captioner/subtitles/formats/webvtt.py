"""WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

from captioner.subtitles.characters import flatten, printable
from captioner.subtitles.cues import Cue, Provenance, Segment, Turn
from captioner.subtitles.document import Document
from captioner.subtitles.formats.parsing import (
    document_of,
    gather_turns,
    malformed,
    read_fields,
    split_lines,
)
from captioner.subtitles.formats.timestamps import format_time, parse_times
from captioner.subtitles.layout import lay_out
from captioner.subtitles.profiles import WEB, Profile

_NOTICE = "Sous-titres produits automatiquement : ils peuvent contenir des erreurs."
_SIGNATURE = "WEBVTT"
_NO_CUE = re.compile(r"(NOTE|STYLE|REGION)(?=\s|$)")
_TAG = re.compile(r"<(/?[A-Za-z][^<>]*|[\d:.]+)>")
_VOICE_TAG = re.compile(r"v(?:\.\S*)?\s+(.*)", re.DOTALL)
_ARROW = "-->"
_EXPECTED_TIMES = "times such as 00:00:01.000 --> 00:00:02.000"
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render(
    segments: Iterable[Segment], provenance: Provenance | None, *, profile: Profile = WEB
) -> str:
    """A whole file: provenance in a note, then one block for each cue, speakers as voices."""
    cues = lay_out(segments, profile)
    return header(provenance) + "".join(block(cue) for cue in cues)


def header(provenance: Provenance | None) -> str:
    """What a file begins with."""
    return f"{_SIGNATURE}\n{_note(provenance)}"


def _note(provenance: Provenance | None) -> str:
    if provenance is None:
        return ""
    fields = (f"{key}: {_in_note(value)}" for key, value in provenance.fields().items())
    return "\n".join(("", "NOTE", _NOTICE, *fields)) + "\n"


def block(cue: Cue) -> str:
    """One cue, with the empty line that sets it apart from what precedes it."""
    times = " --> ".join(format_time(time, decimal=".") for time in (cue.start, cue.end))
    end = "</v>" if len(cue.turns) > 1 else ""  # one voice for a whole cue needs no end
    text = "\n".join(_turn(turn, end) for turn in cue.turns)
    return "\n".join(("", *_identifier(cue), times, text)) + "\n"


def escape(text: str) -> str:
    """Text of one line in which nothing is markup (and ``-->`` cannot occur)."""
    return printable(text).translate(_ENTITIES)


def _turn(turn: Turn, end: str) -> str:
    voice = _voice(turn.speaker)
    return voice + "\n".join(escape(line) for line in turn.lines) + (voice and end)


def _voice(speaker: str) -> str:
    name = escape(speaker)
    if not name:
        return ""
    # A name may end in hyphens: the space, which readers drop, keeps them from making an arrow.
    return f"<v {name} >" if name.endswith("-") else f"<v {name}>"


def _identifier(cue: Cue) -> tuple[str, ...]:
    identifier = re.sub(r"-*>|\s+|^(?=NOTE|STYLE|REGION)", "_", printable(cue.id))
    return (identifier,) if identifier else ()


def _in_note(text: str) -> str:
    return printable(text).replace("-->", "->")


def parse(text: str, *, language: str) -> Document:
    """Read a file, whoever wrote it; styles, regions, positions and other markup are dropped.

    Raises:
        InvalidRequest: it does not begin as WebVTT does, or has a block that is no cue.
    """
    lines = split_lines(text)
    if lines[0].partition(" ")[0].partition("\t")[0] != _SIGNATURE:
        raise malformed(1, lines[0], _SIGNATURE)
    cues: list[Cue] = []
    provenance = None
    for number, block_lines in _blocks(lines):
        if _NO_CUE.match(block_lines[0]) and _ARROW not in block_lines[0]:
            provenance = provenance or Provenance.from_fields(dict(read_fields(block_lines)))
        else:
            cues += _parse_cues(number, block_lines)
    return document_of(cues, provenance, languages=repeat(_language(lines) or language))


def _language(lines: Sequence[str]) -> str:
    """What a header says, as those of some sites do: ``Language: fr``."""
    header_lines = lines[1 : lines.index("")] if "" in lines else lines[1:]
    return dict(read_fields(header_lines)).get("Language", "").partition("-")[0].lower()


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """What stands between empty lines, with the number of its first line; not the header."""
    found: list[str] = []
    in_header = True
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip() and (not in_header or _ARROW in line):
            in_header = False
            found.append(line)
        elif not line.strip():
            in_header = False
            if found:
                yield number - len(found), found
                found = []


def _parse_cues(number: int, lines: Sequence[str]) -> Iterator[Cue]:
    """The cue of a block; a second arrow begins another one, as in players."""
    arrows = [at for at, line in enumerate(lines) if _ARROW in line]
    if not arrows or arrows[0] > 1:
        raise malformed(number, lines[0], f"{_EXPECTED_TIMES}, or NOTE")
    for begin, end in zip(arrows, [*arrows[1:], len(lines)], strict=True):
        times = parse_times(lines[begin])
        if times is None:
            raise malformed(number + begin, lines[begin], _EXPECTED_TIMES)
        if times[1] < times[0]:
            raise malformed(number + begin, lines[begin], "an end that is not before the start")
        identifier = flatten(lines[0]) if begin == 1 else ""
        turns = gather_turns(_pieces("\n".join(lines[begin + 1 : end])))
        yield Cue(identifier, *times, turns)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """The text of a cue between its tags, each piece with its speaker."""
    speaker, end = "", 0
    for tag in _TAG.finditer(text):
        yield speaker, html.unescape(text[end : tag.start()])
        end = tag.end()
        speaker = _speaker_after(tag[1], speaker)
    yield speaker, html.unescape(text[end:])


def _speaker_after(tag: str, speaker: str) -> str:
    if tag == "/v":
        return ""
    voice = _VOICE_TAG.fullmatch(tag)
    return flatten(html.unescape(voice[1])) if voice else speaker
