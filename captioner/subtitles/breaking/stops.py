"""How bad it is to break a text after each of its words: what punctuation says, in any language."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import pairwise

HELD = 10.0
"""A break that costs this much or more is made only where a line could not be kept otherwise."""

_CLOSERS = "»\"'”’)] \u00a0\u202f"
_OPENERS = "«\"'“‘([- \u00a0\u202f–—…"


class Stop(Enum):
    """What ends with a word; its value is the cost of a break there."""

    SENTENCE = 0.0
    STRONG = 0.15
    COMMA = 0.3
    ASIDE = 0.5
    NONE = 1.2

    @property
    def cost(self) -> float:
        """Of a break there."""
        return float(self.value)


def punctuation_costs(texts: Sequence[str]) -> list[float]:
    """The cost of a break after each text but the last."""
    return [find_stop(text, after).cost for text, after in pairwise(texts)]


def find_stop(text: str, after: str) -> Stop:
    """What ends with the text, seen from the text after it."""
    bare = text.rstrip(_CLOSERS)
    match bare[-1:]:
        case "." | "!" | "?" | "…":
            # "euh… donc", "« Vraiment ? » dit-elle", "etc. pour": the sentence goes on.
            return Stop.COMMA if after.lstrip(_OPENERS)[:1].islower() else Stop.SENTENCE
        case ";" | ":":
            return Stop.STRONG
        case ",":
            return Stop.COMMA
        case _:
            closed = text != bare and text[-1] in "»”)]"
            return Stop.ASIDE if closed or after[:1] in "«“([" else Stop.NONE
