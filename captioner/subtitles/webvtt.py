"""WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from captioner.subtitles.cues import Cue, Provenance, Segment, Turn
from captioner.subtitles.layout import WEB, Profile, lay_out
from captioner.subtitles.timestamps import format_time
from captioner.subtitles.typography import flatten

_NOTICE = "Sous-titres produits automatiquement : ils peuvent contenir des erreurs."
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render(segments: Iterable[Segment], provenance: Provenance, *, profile: Profile = WEB) -> str:
    """A whole file: provenance in a note, then one block for each cue, speakers as voices."""
    cues = lay_out(segments, profile)
    return header(provenance) + "".join(block(cue) for cue in cues)


def header(provenance: Provenance) -> str:
    """What a file begins with."""
    fields = (f"{key}: {_in_note(value)}" for key, value in provenance.fields().items())
    return "\n".join(("WEBVTT", "", "NOTE", _NOTICE, *fields)) + "\n"


def block(cue: Cue) -> str:
    """One cue, with the empty line that sets it apart from what precedes it."""
    times = " --> ".join(format_time(time, decimal=".") for time in (cue.start, cue.end))
    text = "\n".join(_turn(turn) for turn in cue.turns)
    return "\n".join(("", *_identifier(cue), times, text)) + "\n"


def escape(text: str) -> str:
    """Text of one line in which nothing is markup (and ``-->`` cannot occur)."""
    return flatten(text).translate(_ENTITIES)


def _turn(turn: Turn) -> str:
    return _voice(turn.speaker) + "\n".join(escape(line) for line in turn.lines)


def _voice(speaker: str) -> str:
    name = escape(speaker)
    if not name:
        return ""
    # A name may end in hyphens: the space, which readers drop, keeps them from making an arrow.
    return f"<v {name} >" if name.endswith("-") else f"<v {name}>"


def _identifier(cue: Cue) -> tuple[str, ...]:
    identifier = re.sub(r"-*>|\s+", "_", flatten(cue.id))
    return (identifier,) if identifier else ()


def _in_note(text: str) -> str:
    return flatten(text).replace("-->", "->")
