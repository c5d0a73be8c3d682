"""What of a text can be shown, and how much room it takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_BLANKS = re.compile("[^\\S\u00a0\u202f]+")
_BREAKING = {"Cc", "Zl", "Zp"}  # control characters, line and paragraph separators
_NO_WIDTH = {"Mn", "Me", "Cf"}  # combining accents and marks of direction: they take no place
# Not characters, for ever: XML forbids two of them, and ffmpeg drops the cues that have one.
_PLANES = "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
_NO_CHARACTERS = re.compile(f"[\ufdd0-\ufdef{_PLANES}]")


def flatten(text: str) -> str:
    """The text on one line: line ends, tabs and control characters become single spaces.

    No-break spaces stay. Half a surrogate pair, which no encoding can write, becomes U+FFFD.
    """
    shown = "".join(_showable(character) for character in text)
    return _BLANKS.sub(" ", shown).strip()


def printable(text: str) -> str:
    """The text on one line as every reader of a file takes it: U+FFFD for what is no character."""
    return _NO_CHARACTERS.sub("\ufffd", flatten(text))


def measure(text: str) -> int:
    """The columns that a text takes, whichever way its accents are encoded."""
    if text.isascii():
        return len(text)
    return sum(unicodedata.category(character) not in _NO_WIDTH for character in text)


def count_characters(lines: Iterable[str]) -> int:
    """The characters that readers see: spaces and punctuation count, the ends of lines do not."""
    return sum(measure(line) for line in lines)


def _showable(character: str) -> str:
    if character.isalnum() or character == " ":
        return character
    category = unicodedata.category(character)
    if category in _BREAKING:
        return " "
    return "\ufffd" if category == "Cs" else character
