"""Text that every reader of a file takes as it is."""

from __future__ import annotations

import re

from captioner.subtitles.typography import flatten

# Not characters, for ever: XML forbids two of them, and ffmpeg drops the cues that have one.
_PLANES = "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
_NO_CHARACTERS = re.compile(f"[\ufdd0-\ufdef{_PLANES}]")


def printable(text: str) -> str:
    """The text on one line, with U+FFFD for what is no character."""
    return _NO_CHARACTERS.sub("\ufffd", flatten(text))
