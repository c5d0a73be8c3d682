"""What counts as a word when two French texts are compared.

Upper case, punctuation and the choice between ``l'État``, ``l’état`` and ``l' état`` are not
errors of recognition. Both sides are normalised before anything is counted.
"""

from __future__ import annotations

import re

from captioner.evaluation.numbers import spell_numbers

# What becomes a space besides apostrophes and hyphens. The no-break spaces of French typography
# (U+00A0, U+202F) are no word characters, so they fall here with the punctuation.
_PUNCTUATION = re.compile(r"[^\w'\- ]+")
_JOINTS = str.maketrans("'-", "  ")
_SAME_LETTERS = {"œ": "oe", "æ": "ae", "’": "'"}


def normalise(text: str, *, numbers: bool = False) -> tuple[str, ...]:
    """The words of a text: lower case, without punctuation, cut at apostrophes and hyphens.

    Ligatures are undone. With ``numbers``, integers, decimals, percentages, euros and hours in
    digits are spelt out first (``numbers.spell_numbers``), so that ``25 %`` and ``vingt-cinq pour
    cent`` are the same words; published figures say so when they use it. Text is taken to be in
    composed form (NFC), as recognisers write it.
    """
    if numbers:
        text = spell_numbers(text)
    text = text.lower()
    for written, plain in _SAME_LETTERS.items():
        text = text.replace(written, plain)
    return tuple(_PUNCTUATION.sub(" ", text).translate(_JOINTS).split())
