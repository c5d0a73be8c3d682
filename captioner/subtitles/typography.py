"""French typography: the spaces that belong to punctuation, numbers and abbreviations.

Applied when text is written for readers, after the rules of the Imprimerie nationale. Nothing is
broken at these spaces. Only spaces change: letters, digits and marks stay as they were recognised.
"""

from __future__ import annotations

import re
from collections.abc import Callable

NARROW = "\u202f"  # before ; ! ? %, inside quotation marks, between groups of three digits
WIDE = "\u00a0"  # before :, between a number and its unit, after an abbreviation

_GAP = f"[ {WIDE}{NARROW}]"
_SPACE = f"{_GAP}*"
# Only where a word ends: not in https://..., nor in 14:30, nor in (!).
_AFTER_TEXT = r"(?<=[^\s«(\[])"
_BEFORE_END = r"(?=[\s:»)\]\"'”’.,…]|$)"
_HIGH_MARKS = re.compile(rf"{_AFTER_TEXT}{_SPACE}([;!?]+){_BEFORE_END}")
_COLON = re.compile(rf"{_AFTER_TEXT}{_SPACE}(:+)(?=[\s»]|$)")
_OPENING = re.compile(rf"«{_SPACE}(?=\S)")
_CLOSING = re.compile(rf"(?<=\S){_SPACE}»")

_THOUSANDS = re.compile(rf"(?<![\w.,])[1-9]\d{{0,2}}(?:{_GAP}\d{{3}})+(?!{_GAP}?\d)")
_TELEPHONE = re.compile(rf"(?<![\w.,])0\d(?:{_GAP}\d\d){{4}}(?!{_GAP}?\d)")
_PERCENT = re.compile(rf"(?<=\d){_SPACE}([%‰])(?!\w)")
_MONEY = re.compile(rf"(?<=\d){_SPACE}((?:k|M|Md)?[€$£])(?!\w)")
_UNITS = (
    *("km/h", "km²", "km", "cm", "mm", "m²", "m³", "m", "kg", "mg", "g", "t", "l", "ha", "h"),
    *("min", "s", "ms", "kWh", "MWh", "GWh", "TWh", "kW", "MW", "GW", "W", "Hz", "kHz", "MHz"),
    *("GHz", "ko", "Ko", "Mo", "Go", "To", "Mbit/s", "Gbit/s", "dB", "°C", "°"),
)
_UNIT = re.compile(rf"(?<=\d){_GAP}({'|'.join(sorted(_UNITS, reverse=True))})(?![\w'’²³/])")
_CLOCK = re.compile(rf"(?<=\d)({_GAP}?(?:h|min)){_GAP}(?=\d{{1,2}}(?!\d))")
_MONTHS = "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
_DATE = re.compile(rf"(?<![\w.,/:])(1er|[0-3]?\d){_GAP}(?=(?:{_MONTHS})(?!\w))")
_NUMERO = re.compile(rf"(?<!\w)([nN]°s?|§§?){_SPACE}(?=\d)")
_REFERENCE = re.compile(
    rf"(?<!\w)([aA]rt\.|al\.|pp?\.|chap\.|fig\.|vol\.|ann\.|[LRDA]\.){_GAP}(?=[\dLRDA])"
)
_TITLE = re.compile(
    rf"(?<!\w)(MM?\.|Mmes?|Mlles?|Drs?|Prs?|Mes?|Mgr){_GAP}"
    rf"(?=[A-ZÀ-ÖØ-Þ]|l[ea]{_GAP}|l['’])(?!(?:Je|Tu|Ils?|Elles?|On|Nous|Vous|Ce|Cela|Et|Mais)\b)"
)
_CENTURY = re.compile(rf"(?<!\w)([IVXL]+e){_GAP}(?=siècles?(?!\w))")


def typeset(text: str) -> str:
    """Put the no-break spaces of French: punctuation, numbers, dates, units, abbreviations."""
    text = _HIGH_MARKS.sub(rf"{NARROW}\1", text)
    text = _COLON.sub(rf"{WIDE}\1", text)
    text = _OPENING.sub(f"«{NARROW}", text)
    text = _CLOSING.sub(f"{NARROW}»", text)
    if any(character.isdigit() for character in text):
        text = _typeset_numbers(text)
    text = _CENTURY.sub(rf"\1{WIDE}", text)
    return _TITLE.sub(rf"\1{WIDE}", text)


def untypeset(text: str) -> str:
    """The same text with plain spaces."""
    return text.replace(NARROW, " ").replace(WIDE, " ")


def _typeset_numbers(text: str) -> str:
    text = _THOUSANDS.sub(_with(NARROW), text)
    text = _TELEPHONE.sub(_with(WIDE), text)
    text = _PERCENT.sub(rf"{NARROW}\1", text)
    text = _MONEY.sub(rf"{WIDE}\1", text)
    text = _UNIT.sub(rf"{WIDE}\1", text)
    text = _CLOCK.sub(rf"\1{WIDE}", text)
    text = _DATE.sub(rf"\1{WIDE}", text)
    text = _NUMERO.sub(rf"\1{WIDE}", text)
    return _REFERENCE.sub(rf"\1{WIDE}", text)


def _with(space: str) -> Callable[[re.Match[str]], str]:
    return lambda found: re.sub(_GAP, space, found[0])
