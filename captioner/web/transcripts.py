"""What was said in a room as a file: segments on one line of time, and its name. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from captioner.rooms.captions import RoomCaption, RoomHistory
from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.formats import Format
from captioner.subtitles.profiles import Profile
from captioner.transcript import SAMPLE_RATE
from captioner.web.values import caption_id, display_name

PLAUSIBLE = 2 * 86_400.0  # seconds that the clock of a client may be away from ours
LONGEST_NAME = 60  # characters of a room in the name of a file


def render(
    history: RoomHistory, format_: Format, provenance: Provenance, *, profile: Profile
) -> bytes:
    """The file. Time 0 is the opening of the room, or the first word where that came before."""
    spoken = history.spoken()
    zero = min([history.since, *(_origin(said, history) + _start(said) for said in spoken)])
    segments = [_segment(said, _origin(said, history) - zero) for said in spoken]
    return format_.render(segments, provenance, profile=profile).encode()


def disposition(history: RoomHistory, format_: Format) -> str:
    """The value of a ``Content-Disposition`` header: RFC 6266, for old and new readers."""
    day = datetime.fromtimestamp(history.since, UTC).strftime("%Y-%m-%d")
    plain = unicodedata.normalize("NFKD", history.name).encode("ascii", "ignore").decode()
    rest = f"-{day}.{format_.name}"
    name = quote(_safe(history.name) + rest, safe="")
    return f"attachment; filename=\"{_safe(plain)}{rest}\"; filename*=UTF-8''{name}"


def _safe(room: str) -> str:
    """The name of a room with letters and digits only: no path, no hidden file, no option."""
    words = re.findall(r"\w+", unicodedata.normalize("NFC", room))
    return "-".join(words)[:LONGEST_NAME].strip("-_") or "captions"


def _origin(said: RoomCaption, history: RoomHistory) -> float:
    """Wall time of sample 0 of its session; that of the room where the client's clock is wrong."""
    plausible = abs(said.origin - history.since) <= PLAUSIBLE
    return said.origin if plausible else history.since


def _start(said: RoomCaption) -> float:
    return said.caption.start / SAMPLE_RATE


def _segment(said: RoomCaption, offset: float) -> Segment:
    caption, shift = said.caption, round(offset * SAMPLE_RATE)
    return Segment(
        id=caption_id(said.key),
        start=caption.start + shift,
        end=caption.end + shift,
        words=tuple(
            replace(word, start=word.start + shift, end=word.end + shift) for word in caption.words
        ),
        speaker=display_name(said.speaker),
        text=caption.text,
        language=caption.language,
    )
