"""French words as the rules of line breaking see them: elisions undone, punctuation set aside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from captioner.subtitles.breaking import lexicon as lex
from captioner.subtitles.breaking.stops import Stop, find_stop

_ELISION = re.compile(r"(jusqu|lorsqu|puisqu|quoiqu|qu|l|d|j|n|s|c|t|m)['’](?=\S)")
_IN_FULL: Mapping[str, str] = MappingProxyType(
    {
        **{short: f"{short}e" for short in ("jusqu", "lorsqu", "puisqu", "quoiqu", "qu")},
        **{short: f"{short}e" for short in "ldjnsctm"},
    }
)
_CONTRACTED: Mapping[str, str] = MappingProxyType({"du": "de", "des": "de", "au": "à", "aux": "à"})
_WHOLE = frozenset(
    (
        *("aujourd'hui", "quelqu'un", "quelqu'une", "d'abord", "d'accord", "d'ailleurs"),
        *("d'habitude", "d'emblée", "d'office", "l'un", "l'une", "rendez-vous", "c'est-à-dire"),
    )
)
_INVERTED = re.compile(r"(.+?)(?:-t)?-(?:je|tu|il|elle|on|nous|vous|ils|elles)$")
_SPACES = re.compile("[ \u00a0]|\u202f(?!\\d{3})")  # but those between groups of digits
_EDGES = "«»\"“”'‘’()[]–—-…,;:!?"


@dataclass(frozen=True, slots=True)
class Part:
    """A word as grammar sees it: ``qu'il`` is two of them, ``24 novembre`` as well."""

    word: str
    """In lower case and in full, without punctuation; empty for a mark that stands alone."""
    raw: str = ""
    """As it was written, the elision before it taken off."""
    inverted: bool = False
    """Whether its subject follows it: ``avez-vous``."""

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.raw[:1].isupper()


@dataclass(frozen=True, slots=True)
class Sentence:
    """All words of a text in a row, with what ends after each."""

    parts: Sequence[Part]
    stops: Sequence[Stop]
    opens: Sequence[bool]
    """Whether a sentence begins with the part."""
    held: frozenset[int]
    """Parts that an expression holds to the next."""
    lasts: Sequence[int]
    """The last part of each word that was given."""

    def word(self, at: int) -> str:
        """The word there, empty beyond the ends."""
        return self.parts[at].word if 0 <= at < len(self.parts) else ""

    def before(self, at: int) -> Iterator[str]:
        """The words from there backwards, as far as there is no punctuation."""
        while at >= 0:
            yield self.parts[at].word
            at -= 1
            if at >= 0 and self.stops[at] is not Stop.NONE:
                return

    def begins_clause(self, at: int) -> bool:
        """Whether punctuation, a conjunction or nothing comes before the word there."""
        previous = self.word(at - 1)
        linked = previous in lex.COORDINATORS or previous in lex.SUBORDINATORS
        return at == 0 or self.stops[at - 1] is not Stop.NONE or linked


def read(texts: Sequence[str]) -> Sentence:
    """Take words apart as they are shown, punctuation attached and set."""
    parts: list[Part] = []
    stops: list[Stop] = []
    lasts = []
    for text, after in zip(texts, (*texts[1:], ""), strict=False):
        found = _take_apart(text)
        parts += found
        stops += [Stop.NONE] * (len(found) - 1) + [_stop_after(text, after)]
        lasts.append(len(parts) - 1)
    opens = [at == 0 or stops[at - 1] is Stop.SENTENCE for at in range(len(parts))]
    return Sentence(parts, stops, opens, frozenset(_held_by_expressions(parts, stops)), lasts)


@lru_cache(maxsize=20_000)
def _take_apart(text: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for piece in _SPACES.split(text):
        if piece[-1:] in ("'", "’") and (full := _IN_FULL.get(piece[:-1].lower())):
            parts.append(Part(full))  # cut off from its word by the recogniser
            continue
        raw = piece.strip(_EDGES).replace("’", "'")
        if raw.lower() not in lex.ABBREVIATIONS:
            raw = raw.rstrip(".")
        if raw:
            parts += _undo_elisions(raw)
    return tuple(parts) or (Part(""),)


def _undo_elisions(raw: str) -> Iterator[Part]:
    word = raw.lower()
    while word not in _WHOLE and (found := _ELISION.match(word)):
        rest = word[found.end() :]
        full = "si" if found[1] == "s" and rest in ("il", "ils") else _IN_FULL[found[1]]
        yield Part(full)
        word, raw = rest, raw[found.end() :]
    inverted = None if word in _WHOLE else _INVERTED.match(word)
    yield Part(inverted[1] if inverted else word, raw, inverted is not None)


def _stop_after(text: str, after: str) -> Stop:
    stop = find_stop(text, after)
    if text.endswith(".") and stop is not Stop.NONE:
        last = _SPACES.split(text)[-1].lstrip(_EDGES)
        if last.lower() in lex.ABBREVIATIONS or _is_initial(last, after):
            return Stop.NONE
    return stop


def _is_initial(text: str, after: str) -> bool:
    """``J.`` before a name, which ends no sentence."""
    name = after[:1].isupper() and after.lower() not in lex.FUNCTION_WORDS
    return name and len(text) == len("J.") and text[0].isupper()


def _held_by_expressions(parts: Sequence[Part], stops: Sequence[Stop]) -> Iterator[int]:
    words = [_CONTRACTED.get(part.word, part.word) for part in parts]
    for at, word in enumerate(words):
        for expression in _EXPRESSIONS.get(word, ()):
            end = at + len(expression)
            together = all(stop is Stop.NONE for stop in stops[at : end - 1])
            if together and words[at:end] == list(expression):
                yield from range(at, end - 1)


def _index_expressions() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for expression in lex.EXPRESSIONS:
        parts = [part.word for text in expression.split() for part in _take_apart(text)]
        words = tuple(_CONTRACTED.get(word, word) for word in parts)
        found[words[0]] = (*found.get(words[0], ()), words)
    return MappingProxyType(found)


_EXPRESSIONS = _index_expressions()  # first word -> the words of each
