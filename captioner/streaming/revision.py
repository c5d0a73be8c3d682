"""What a final changes of the words that were committed before it.

A reader sees every correction as flicker, and an early one moves all that follows. So where the
decode of the whole utterance and the committed words differ, the committed words stay unless the
decode is clearly surer of its own. (The idea of weighing hypotheses word by word is ROVER's,
Fiscus 1997.)
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from captioner.asr.plausibility import bare
from captioner.streaming.words import SpelledWord

SURE = 0.5  # probability from which a word that only one side has is kept


def reconcile(
    committed: Sequence[SpelledWord],
    decoded: Sequence[SpelledWord],
    *,
    surer: float,
    per_word: float = 0.0,
) -> tuple[SpelledWord, ...]:
    """The words of a final: the decode's, but for committed words that it is not sure to better.

    Args:
        committed: the leading words of the utterance, as shown.
        decoded: all its words, from the decode of the whole utterance.
        surer: how much more probable the decode's words must be than those they replace.
        per_word: the same, for each word that follows and that the reader sees move.
    """
    old = [bare(spelled.word.text) for spelled in committed]
    new = [bare(spelled.word.text) for spelled in decoded]
    words: list[SpelledWord] = []
    reached = _reach(old, new)
    for tag, a, b, c, d in SequenceMatcher(None, old, new[:reached], autojunk=False).get_opcodes():
        needed = surer + per_word * (len(committed) - b)
        keep = tag != "equal" and _keeps(committed[a:b], decoded[c:d], needed)
        words += committed[a:b] if keep else decoded[c:d]
    return (*words, *decoded[reached:])


def _reach(old: Sequence[str], new: Sequence[str]) -> int:
    """How many of the decode's words stand for the committed ones; the rest came later."""
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    last = max((block for block in blocks if block.size), key=lambda block: block.a, default=None)
    if last is None:
        return min(len(old), len(new))
    after = len(old) - (last.a + last.size)
    return min(len(new), last.b + last.size + after)


def _keeps(committed: Sequence[SpelledWord], decoded: Sequence[SpelledWord], surer: float) -> bool:
    """Whether the committed words stay."""
    if not decoded:
        return _sureness(committed) >= SURE
    if not committed:
        return _sureness(decoded) < SURE
    return _sureness(decoded) < _sureness(committed) + surer


def _sureness(words: Sequence[SpelledWord]) -> float:
    return sum(spelled.word.probability for spelled in words) / len(words)
