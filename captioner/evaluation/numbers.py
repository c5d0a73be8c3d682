"""French numbers in words, so that digits and words can be compared.

Spelt as in France (``soixante et onze``, ``quatre-vingts``), masculine: ``21 voix`` becomes
``vingt et un voix``. Whoever needs the gender right must compare without this step.
"""

from __future__ import annotations

import re

LARGEST = 999_999_999  # larger integers stay in digits

_UNITS = (
    *("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"),
    *("onze", "douze", "treize", "quatorze", "quinze", "seize"),
)
_TENS = ("", "dix", "vingt", "trente", "quarante", "cinquante", "soixante")
_ORDINALS = {"1er": "premier", "1re": "première", "1ère": "première"}

_GAP = r"[\ \u00a0\u202f]?"
_WRITTEN = re.compile(
    rf"""
    (?<![\w,.])
    (?: (?P<ordinal> 1(?:er|re|ère) )
      | (?P<hours> [0-9]{{1,2}} ) {_GAP} h (?: {_GAP} (?P<minutes> [0-9]{{2}} ) )?
      | (?P<whole> [0-9]{{1,3}} (?: [\ \u00a0\u202f] [0-9]{{3}} )+ | [0-9]+ )  # 12 000 or 12000
        (?: , (?P<decimals> [0-9]+ ) )?
        (?: {_GAP} (?P<unit> [%€] ) )?
    )
    (?! \w | [,.][0-9] )  # neither a version, nor an address, nor a date
    """,
    re.VERBOSE,
)
_UNIT_NAMES = {"%": "pour cent", "€": "euros"}


def spell_numbers(text: str) -> str:
    """The text with its numbers in words.

    Known forms: integers up to ``LARGEST``, also in groups of three digits (``12 000``), decimals
    (``3,5``), ``%``, ``€``, hours (``14 h 30``, ``8h``), ``1er`` and ``1re``. The rest stays.
    """
    return _WRITTEN.sub(_spell_match, text)


def _spell_match(match: re.Match[str]) -> str:
    if match["ordinal"]:
        return _ORDINALS[match["ordinal"]]
    if match["hours"]:
        return _spell_hours(match["hours"], match["minutes"])
    whole = re.sub(r"[^0-9]", "", match["whole"])
    if len(whole) > len(str(LARGEST)):
        return match[0]
    spelt = [_spell_digits(whole)]
    if match["decimals"]:
        spelt += ["virgule", _spell_digits(match["decimals"])]
    if match["unit"]:
        spelt.append(_UNIT_NAMES[match["unit"]])
    return " ".join(spelt)


def _spell_hours(hours: str, minutes: str | None) -> str:
    count = "une" if int(hours) == 1 else spell(int(hours))
    name = "heure" if int(hours) <= 1 else "heures"
    return " ".join([count, name] + ([spell(int(minutes))] if minutes and int(minutes) else []))


def _spell_digits(digits: str) -> str:
    """A run of digits: the zeros that lead are said one by one."""
    rest = digits.lstrip("0") if len(digits) > 1 else digits
    zeros = ["zéro"] * (len(digits) - len(rest))
    if not rest:
        return " ".join(zeros)
    # Decimals may be longer than any number that has a name here.
    named = spell(int(rest)) if len(rest) <= len(str(LARGEST)) else rest
    return " ".join([*zeros, named])


def spell(number: int) -> str:
    """An integer in French words.

    Raises:
        ValueError: when it is negative or above ``LARGEST``.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{number} is outside 0 to {LARGEST}")
    millions, rest = divmod(number, 1_000_000)
    thousands, units = divmod(rest, 1000)
    parts: list[str] = []
    if millions:
        parts.append(f"{_below_thousand(millions)} million{'s' if millions > 1 else ''}")
    if thousands:
        # "mille" is an adjective: quatre-vingt mille, but quatre-vingts millions.
        count = "" if thousands == 1 else _below_thousand(thousands, plural=False) + " "
        parts.append(f"{count}mille")
    if units or not parts:
        parts.append(_below_thousand(units))
    return " ".join(parts)


def _below_thousand(number: int, *, plural: bool = True) -> str:
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return _below_hundred(rest, plural=plural)
    count = "" if hundreds == 1 else _UNITS[hundreds] + " "
    if not rest:
        return f"{count}cent{'s' if hundreds > 1 and plural else ''}"
    return f"{count}cent {_below_hundred(rest, plural=plural)}"


def _below_hundred(number: int, *, plural: bool) -> str:
    if number < len(_UNITS):
        return _UNITS[number]
    ten, unit = divmod(number, 10)
    if ten == 1:
        return f"dix-{_UNITS[unit]}"
    if ten < len(_TENS):
        return _twenty_to_seventy_nine(_TENS[ten], unit)
    if ten == 7:  # noqa: PLR2004 - soixante-dix
        return _twenty_to_seventy_nine("soixante", unit + 10)
    if number == 80:  # noqa: PLR2004 - the one that takes a plural
        return "quatre-vingts" if plural else "quatre-vingt"
    return f"quatre-vingt-{_below_hundred(number - 80, plural=False)}"


def _twenty_to_seventy_nine(ten: str, unit: int) -> str:
    if not unit:
        return ten
    joint = " et " if unit in (1, 11) else "-"
    return f"{ten}{joint}{_below_hundred(unit, plural=False)}"
