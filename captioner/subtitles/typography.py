"""French typography: the spaces that belong to punctuation.

Applied when text is written for readers. Nothing is broken at these spaces.
"""

from __future__ import annotations

import re
import unicodedata

NARROW = "\u202f"  # before ; ! ? and inside quotation marks
WIDE = "\u00a0"  # before :

_SPACE = f"[ {WIDE}{NARROW}]*"
# Only where a word ends: not in https://..., nor in 14:30, nor in (!).
_AFTER_TEXT = r"(?<=[^\s«(\[])"
_BEFORE_END = r"(?=[\s:»)\]\"'”’.,…]|$)"
_HIGH_MARKS = re.compile(rf"{_AFTER_TEXT}{_SPACE}([;!?]+){_BEFORE_END}")
_COLON = re.compile(rf"{_AFTER_TEXT}{_SPACE}(:+)(?=[\s»]|$)")
_OPENING = re.compile(rf"«{_SPACE}(?=\S)")
_CLOSING = re.compile(rf"(?<=\S){_SPACE}»")

_BLANKS = re.compile(rf"[^\S{WIDE}{NARROW}]+")
_BREAKING = {"Cc", "Zl", "Zp"}  # control characters, line and paragraph separators


def typeset(text: str) -> str:
    """Put the no-break spaces of French before ``; ! ? :`` and inside ``« »``."""
    text = _HIGH_MARKS.sub(rf"{NARROW}\1", text)
    text = _COLON.sub(rf"{WIDE}\1", text)
    text = _OPENING.sub(f"«{NARROW}", text)
    return _CLOSING.sub(f"{NARROW}»", text)


def untypeset(text: str) -> str:
    """The same text with plain spaces."""
    return text.replace(NARROW, " ").replace(WIDE, " ")


def flatten(text: str) -> str:
    """The text on one line: line ends, tabs and control characters become single spaces.

    No-break spaces stay. Half a surrogate pair, which no encoding can write, becomes U+FFFD.
    """
    printable = "".join(_printable(character) for character in text)
    return _BLANKS.sub(" ", printable).strip()


def _printable(character: str) -> str:
    if character.isalnum() or character == " ":
        return character
    category = unicodedata.category(character)
    if category in _BREAKING:
        return " "
    return "\ufffd" if category == "Cs" else character
