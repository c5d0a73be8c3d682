"""Where French text may be broken: the rules of subtitlers, without a parser.

Lines end after punctuation or before a conjunction or preposition. What is read in one breath is
held together: article and noun, preposition and complement, pronoun and verb, auxiliary and
participle, negation and verb, first and last name, number and noun. The words that hold on to
their neighbours are a closed class; nouns and verbs are not told apart, so two words that the
lexicon does not know are broken at a middling cost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from captioner.subtitles.breaking import lexicon as lex
from captioner.subtitles.breaking.grammar import Sentence, read
from captioner.subtitles.breaking.stops import HELD, Stop

_STRONGEST = 4 * HELD  # article and noun, pronoun and verb: given up last
_PLAIN = Stop.NONE.cost
_OPENINGS = (
    (lex.SUBORDINATORS | lex.COORDINATORS, 0.5),
    (lex.SUBJECTS, 0.6),
    (lex.DE, 1.0),
    (lex.PREPOSITIONS, 0.7),
    (lex.DETERMINERS, 0.8),
    (lex.AUXILIARIES | lex.MODALS, 0.9),
)

_DIGITS = re.compile(r"\d[\d.,/\u202f]*(?:er|e)?$")
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d$")
_ROMAN_OR_LETTER = re.compile(r"(?:[IVXLC]+|[A-Z]\.?|[LRDA]\.?.*\d.*)$")
_VERB = re.compile(r".+(?:aient|[èiuî]rent|ront|rait|raient)$")
_PLURAL = ("s", "x")
_ADJECTIVE = re.compile(
    r"(?:iques?|[aei]le?s?|elles?|aux|ifs?|ives?|aires?|eux|euses?|[ai]bles?|ien(?:ne)?s?|"
    r"[ao]ise?s?|aine?s?|ées?|és?)$"
)


def break_costs(texts: Sequence[str]) -> list[float]:
    """The cost of a break after each text but the last; ``HELD`` or more where none should be.

    The texts are words as they are shown, punctuation attached and set.
    """
    sentence = read(texts)
    return [_cost(sentence, at) for at in sentence.lasts[:-1]]


def _cost(sentence: Sentence, at: int) -> float:
    """Of a break after the part there."""
    stop = sentence.stops[at]
    if stop is Stop.SENTENCE:
        return stop.cost
    if not sentence.word(at + 1):  # a mark that stands alone does not begin a line
        return _STRONGEST
    if stop not in (Stop.NONE, Stop.ASIDE):
        return stop.cost
    if not sentence.word(at):  # a dash, which may begin a turn
        return HELD if sentence.begins_clause(at) else Stop.ASIDE.cost
    held = _held_cost(sentence, at)
    return held or (stop.cost if stop is Stop.ASIDE else _loose_cost(sentence, at))


def _held_cost(sentence: Sentence, at: int) -> float | None:
    """Of a break between words that belong together."""
    if _holds_next(sentence, at):
        return _STRONGEST
    rules = (_is_negated, _is_compound_tense, _is_name, _is_number, _is_preposed)
    if at in sentence.held or any(rule(sentence, at) for rule in rules):
        return HELD
    return None


def _holds_next(sentence: Sentence, at: int) -> bool:
    word, after = sentence.word(at), sentence.word(at + 1)
    if word == "plus":
        return not _negation_before(sentence, at) and after not in lex.PREPOSITIONS
    if word in lex.SOME:
        return after in lex.DETERMINERS
    if word in lex.DEMONSTRATIVES:
        return sentence.begins_clause(at) and after not in lex.PREPOSITIONS
    return word in lex.HOLDERS and not _stands_alone(sentence, at)


def _stands_alone(sentence: Sentence, at: int) -> bool:
    """Whether a word that mostly holds the next one does not: ``avec nous``, ``le son``."""
    previous, word, after = sentence.word(at - 1), sentence.word(at), sentence.word(at + 1)
    if word in lex.STRESSED and previous in lex.PREPOSITIONS:
        object_ = _is_infinitive(after) or after in ("ne", "en", "y")
        return not object_ and (sentence.word(at - 2), previous) not in lex.ADVERBIALS
    noun = word in lex.NOUNS_TOO and previous in lex.ARTICLES_OF_NOUNS
    return noun or (previous, word) in lex.ADVERBIALS or sentence.parts[at].inverted


def _negation_before(sentence: Sentence, at: int) -> bool:
    """Whether a verb that ``ne`` comes before may be what the word there negates."""
    near = [word for word, _ in zip(sentence.before(at - 1), range(5), strict=False)]
    return "ne" in near and not any(word in lex.NEGATIONS for word in near[: near.index("ne")])


def _is_negated(sentence: Sentence, at: int) -> bool:
    word, after = sentence.word(at), sentence.word(at + 1)
    if after == "que" or after in lex.NEGATIONS:
        return after == "pas" or _negation_before(sentence, at + 1)
    if word not in lex.NEGATIONS:
        return False
    if after == "ne":  # "rien n'est", "personne ne sait"
        return sentence.begins_clause(at)
    if sentence.word(at - 1) == "ne":  # "ne pas sortir"
        return _is_infinitive(after) or after in lex.OBJECTS
    if word == "pas" and after == "de":  # "pas de temps", not "pas de la partie"
        return sentence.word(at + 2) not in lex.DETERMINERS
    return False


def _is_compound_tense(sentence: Sentence, at: int) -> bool:
    """``avons testé``, ``n'a pas encore été``: an auxiliary and its participle, adverbs between."""
    after, before = at + 1, at
    while _is_between(sentence, after):
        after += 1
    if after >= len(sentence.parts) or not _is_participle(sentence.word(after)):
        return False
    while before > 0 and _is_between(sentence, before):
        before -= 1
    together = all(stop is Stop.NONE for stop in sentence.stops[before:after])
    return together and sentence.word(before) in lex.AUXILIARIES


def _is_between(sentence: Sentence, at: int) -> bool:
    """Whether the part may stand between an auxiliary and its participle."""
    word = sentence.word(at)
    return word in lex.ADVERBS or _is_manner(word) or at - 1 in sentence.held


def _is_name(sentence: Sentence, at: int) -> bool:
    part, after = sentence.parts[at], sentence.parts[at + 1]
    if after.capital:
        shouted = all(len(text) > 1 and text.isupper() for text in (part.raw, after.raw))
        both = part.capital and not shouted and not sentence.opens[at]
        return both or part.word in lex.ROLES
    titled = part.word in lex.TITLES
    if titled and after.word in ("le", "la", "les"):  # "monsieur le maire"
        return True
    particle = after.word in lex.PARTICLES and at + 2 < len(sentence.parts)
    if not particle or not sentence.parts[at + 2].capital:
        return False
    return titled or (part.capital and not sentence.opens[at])


def _is_number(sentence: Sentence, at: int) -> bool:
    part, after = sentence.parts[at], sentence.parts[at + 1]
    if after.word in ("n°", "n°s"):
        return True
    if _is_figure(after.word):
        year = part.word in lex.MONTHS and _YEAR.match(after.word) is not None
        return year or _is_figure(part.word) or part.word in lex.NUMBERED
    if part.word in lex.QUANTITIES and after.word == "de":
        return True
    if _is_figure(part.word):
        return _is_counted(sentence, at)
    return part.word in lex.REFERENCES and _ROMAN_OR_LETTER.match(after.raw) is not None


def _is_counted(sentence: Sentence, at: int) -> bool:
    """Whether the figure there tells how many there are of what comes after it."""
    word, after = sentence.word(at), sentence.word(at + 1)
    if after == "pour":
        return sentence.word(at + 2) == "cent"
    counts = _YEAR.match(word) is None and sentence.word(at - 1) not in lex.REFERENCES
    return counts and after not in lex.KNOWN


def _is_preposed(sentence: Sentence, at: int) -> bool:
    """An adjective before its noun: ``la prochaine séance``, ``une bonne idée``."""
    word, after = sentence.word(at), sentence.word(at + 1)
    adjective = word in lex.PREPOSED or word.endswith(("ième", "ièmes"))
    return adjective and sentence.word(at - 1) in lex.ANNOUNCING and after not in lex.KNOWN


def _loose_cost(sentence: Sentence, at: int) -> float:
    """Of a break that no rule forbids."""
    holding, opening = _holding_cost(sentence, at), _opening_cost(sentence, at + 1)
    if holding is not None:
        return holding
    word, after = sentence.word(at), sentence.word(at + 1)
    if opening < _PLAIN or after in lex.KNOWN:
        return opening
    if word in lex.SOME or word in lex.ADVERBS:
        return 1.7
    if word.endswith(_PLURAL) and after.endswith(_PLURAL):  # "les cartes graphiques"
        return 3.5 if sentence.word(at - 1) in lex.PLURALS else 1.8
    return 1.8 if _ADJECTIVE.search(after) else opening


def _holding_cost(sentence: Sentence, at: int) -> float | None:
    """Where the word before the break wants the next one, though not as much as a holder."""
    part, word, after = sentence.parts[at], sentence.word(at), sentence.word(at + 1)
    infinitive = _is_infinitive(after) or (
        after in lex.OBJECTS and _is_infinitive(sentence.word(at + 2))
    )
    if word in lex.MODALS and infinitive:
        return 3.5
    if part.capital and sentence.parts[at + 1].capital:
        return 2.5
    copula = word in lex.AUXILIARIES and not part.inverted
    if copula and after in lex.LINKS:  # "il était en retard"
        return _PLAIN
    if copula or (word in lex.PREPOSED and after not in lex.KNOWN):
        return 2.0
    return 1.5 if word in lex.FAIRE and after in lex.DETERMINERS else None  # "faire un point"


def _opening_cost(sentence: Sentence, at: int) -> float:
    """How well a line begins with the word there."""
    word, after = sentence.word(at), sentence.word(at + 1)
    if word in ("le", "la", "les") and (after in lex.AUXILIARIES or after in lex.MODALS):
        return _PLAIN  # a pronoun
    for words, cost in _OPENINGS:
        if word in words:
            return cost
    if _is_figure(word):
        return 0.8
    if word == "ne" or _VERB.match(word):
        return 0.9
    # An adverb belongs to the verb before it.
    return 1.5 if word in lex.ADVERBS or _is_manner(word) else _PLAIN


def _is_figure(word: str) -> bool:
    return word in lex.NUMBERS or _DIGITS.match(word) is not None


def _is_infinitive(word: str) -> bool:
    return lex.INFINITIVE.match(word) is not None and word not in lex.NO_INFINITIVES


def _is_participle(word: str) -> bool:
    known = word in lex.NO_PARTICIPLES or word in lex.FUNCTION_WORDS
    return not known and (word in ("fait", "dit", "mort") or lex.PARTICIPLE.match(word) is not None)


def _is_manner(word: str) -> bool:
    return len(word) > 6 and word.endswith("ment")  # noqa: PLR2004 - "clairement", not "dément"
