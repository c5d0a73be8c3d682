"""How French text sounds, roughly, and how far apart two sounds are.

Spelling tells badly whether a name was heard right: *Vyncke* and *Vinc* share three letters of six
and every sound. So both are turned into strings of sounds by the regular rules of French spelling,
and compared by an edit distance in which sounds that are easily taken for one another are near.
The rules need not be right, only the same on both sides.

One letter a sound: ``A`` an, ``I`` in, ``O`` on, ``2`` eu, ``u`` ou, ``y`` u, ``S`` ch, ``Z`` j,
``N`` gn, ``j`` and ``w`` half-vowels; the others are themselves.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

_VOWEL = "aàâäeéèêëiîïoôöuùûüyœ"
_FRONT = "eéèêëiîïy"
_ORAL = rf"(?![{_VOWEL}nmh])"  # after a vowel and n or m: together they are a nasal vowel

# The first that fits is taken: longer spellings come before their beginnings.
_RULES: Final = (
    (r"tsch|tch|cz", "tS"),
    (r"sch|sh|sz|ch", "S"),
    (r"ph|pf|ff?", "f"),
    (rf"sc(?=[{_FRONT}])", "s"),
    (rf"cc(?=[{_FRONT}])", "ks"),
    (r"cqu|ck|kh|qu", "k"),
    (rf"c(?=[{_FRONT}])|ç", "s"),
    (r"cc?|q|kk?", "k"),
    (rf"gu(?=[{_FRONT}])|gh|gg", "g"),
    (r"gn", "N"),
    (rf"ge(?=[aoâô])|g(?=[{_FRONT}])|j", "Z"),
    (r"(?<=n)g$", ""),
    (r"g", "g"),
    (rf"(?<=[{_VOWEL}])s(?=[{_VOWEL}])", "z"),
    (r"(?<=..)(?:[tdp]s?|s|(?<=[aeiou])x|(?<=e)z)$", ""),
    (r"th|tt?", "t"),
    (r"ss?", "s"),
    (r"x", "ks"),
    (r"w", "v"),
    (r"h", ""),
    (r"(?<=v)ille", "il"),
    (r"(?:(?<=[ae])|(?<=[eo]u))(?:ill|il$)", "j"),
    (rf"ill(?=[{_VOWEL}])", "ij"),
    (r"eaux?|ault|aux?|ô|ö", "o"),
    (rf"oi[nm]{_ORAL}", "wI"),
    (rf"ou(?=[{_VOWEL}])", "w"),
    (r"o[uùû]", "u"),
    (rf"oy(?=[{_VOWEL}])", "waj"),
    (r"o[iîy]", "wa"),
    (rf"i[eé]n{_ORAL}", "jI"),
    (rf"(?:ai|ei|y|i|u)[nm]{_ORAL}", "I"),
    (rf"[aâe][nm]{_ORAL}", "A"),
    (rf"o[nm]{_ORAL}", "O"),
    (r"eu|œu|œ", "2"),
    (r"ay(?=[aeiou])", "ej"),
    (r"(?<=.)ier$", "je"),
    (r"(?<=..)(?:er|ez|et)$", "e"),
    (r"(?<=..)es?$", ""),
    (r"a[iîy]|e[iy]|[eéèêë]", "e"),
    (rf"[iïy](?=[{_VOWEL}])", "j"),
    (r"[iîïy]", "i"),
    (r"[uûüù]", "y"),
    (r"[aàâä]", "a"),
    (r"o", "o"),
    (r"bb?", "b"),
    (r"dd?", "d"),
    (r"ll?", "l"),
    (r"mm?", "m"),
    (r"nn?|ñ", "n"),
    (r"pp?", "p"),
    (r"rr?", "r"),
    (r"v", "v"),
    (r"zz?", "z"),
)
_SPELLING: Final = re.compile("|".join(f"({pattern})" for pattern, _ in _RULES))
_SOUNDS: Final = tuple(sound for _, sound in _RULES)

_NAMES: Final = "a be se de 2 ef Ze aS i Zi ka el em en o pe ky er es te y ve dublve iks igrek zed"
_LETTERS: Final = dict(zip("abcdefghijklmnopqrstuvwxyz", _NAMES.split(), strict=True))
_NEAR: Final = {  # pairs of sounds that are nearer than two others, which are 1 apart
    0.3: "pb td kg fv sz SZ ij uw oO aA e2 nN",
    0.5: "ei eI iI ea eA AO AI OI uo yu yi y2 o2 A2 wv bv mn lr sS zZ zS sZ kS",
}
_ALPHABET: Final = "abdefgijklmnoprstuvwyzAINOSZ2"
_SUBSTITUTION: Final = {
    sound: {
        other: 0.0 if sound == other else cost
        for cost, pairs in _NEAR.items()
        for other in _ALPHABET
        if sound == other or {sound + other, other + sound} & set(pairs.split())
    }
    for sound in _ALPHABET
}
_OFTEN_SILENT: Final = {"t": "t", "d": "d", "p": "p", "s": "s", "z": "z", "x": "ks"}
_LIGHT: Final = dict.fromkeys("2jweh", 0.5)  # sounds that are easily swallowed


@lru_cache(maxsize=4096)
def word_sounds(word: str) -> str:
    """The sounds of one word, which holds letters only."""
    found = (match.lastindex for match in _SPELLING.finditer(word.lower()))
    return "".join(_SOUNDS[index - 1] for index in found if index)


def sounds(text: str) -> str:
    """The sounds of a text, its words run together."""
    return "".join(word_sounds(word) for word in re.findall(r"[^\W\d_]+", text))


def readings(term: str) -> tuple[str, ...]:
    """The ways in which a key term may be said.

    Capitals at its beginning may be read letter by letter: all of them (SNCF) or the first ones
    (DGFiP). *ch* may be *k*, and a last consonant may be heard.
    """
    found = [sounds(term), sounds(re.sub("ch", "k", term, flags=re.IGNORECASE))]
    capitals = re.match(r"[A-Z]{2,}", term)
    if capitals and term.isalpha():
        found += [
            "".join(_LETTERS[letter] for letter in term[:count].lower()) + sounds(term[count:])
            for count in range(1, len(capitals[0]) + 1)
        ]
    last = term[-1:].lower()
    if last in _OFTEN_SILENT:
        found += [reading + _OFTEN_SILENT[last] for reading in found]
    return tuple(dict.fromkeys(reading for reading in found if reading))


def distance(heard: str, meant: str, *, limit: float = math.inf) -> float:
    """Edits between two strings of sounds; 1 for a sound that is altogether another.

    What exceeds the limit is not followed to its end, and told as infinite. The algorithm is that
    of Wagner and Fischer (1974).
    """
    row = _prefix_costs(meant)
    for sound in heard:
        drop = _LIGHT.get(sound, 1.0)
        near = _SUBSTITUTION[sound]
        left = row[0] + drop
        line = [left]
        for above, here, (other, skip) in zip(row, row[1:], _skips(meant), strict=False):
            changed = above + near.get(other, 1.0)
            dropped = here + drop
            left += skip
            if changed < left:  # noqa: PLR1730 - min() takes twice as long
                left = changed
            if dropped < left:  # noqa: PLR1730 - the same
                left = dropped
            line.append(left)
        if min(line) > limit:
            return math.inf
        row = line
    return row[-1] if row[-1] <= limit else math.inf


@lru_cache(maxsize=4096)
def _skips(text: str) -> tuple[tuple[str, float], ...]:
    return tuple((sound, _LIGHT.get(sound, 1.0)) for sound in text)


def _prefix_costs(text: str) -> list[float]:
    costs = [0.0]
    for sound in text:
        costs.append(costs[-1] + _LIGHT.get(sound, 1.0))
    return costs
