"""SubRip: cues by number, no metadata, no markup that every player would know.

The format has neither comments nor escapes. What produced the file is told by its neighbours in
other formats; ``<`` and ``>``, which players take for markup, are replaced by look-alikes.
"""

from __future__ import annotations

from collections.abc import Iterable

from captioner.subtitles.cues import Cue, Provenance, Segment
from captioner.subtitles.layout import WEB, Profile, lay_out
from captioner.subtitles.timestamps import format_time
from captioner.subtitles.typography import flatten

_LOOK_ALIKES = str.maketrans("<>", "‹›")


def render(
    segments: Iterable[Segment],
    provenance: Provenance,  # noqa: ARG001 - the format has no place for it
    *,
    profile: Profile = WEB,
) -> str:
    """A whole file; the name of the speaker stands at the beginning of each turn."""
    cues = lay_out(segments, profile, labels=True)
    return "\n".join(_block(number, cue) for number, cue in enumerate(cues, start=1))


def _block(number: int, cue: Cue) -> str:
    times = " --> ".join(format_time(time, decimal=",") for time in (cue.start, cue.end))
    lines = (flatten(line).translate(_LOOK_ALIKES) for line in cue.lines)
    return "\n".join((str(number), times, *lines)) + "\n"
