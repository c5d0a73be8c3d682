"""Hypotheses judged by their references, one pair after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from captioner.cli.pairing import Pair, Pairing
from captioner.cli.readable import name_speakers
from captioner.errors import CaptionerError
from captioner.evaluation.comparison import Comparison, compare, match_speakers
from captioner.evaluation.tally import Tally
from captioner.evaluation.utterances import Utterance


@dataclass(frozen=True, slots=True)
class Rules:
    """How texts are compared."""

    numbers: bool = False
    """Digits as words, in French."""
    by_speaker: bool = True
    """Each speaker apart, where both sides name them."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Speakers of hypotheses that have another name in the reference."""


@dataclass(slots=True)
class Verdict:
    """What was found, and what has to be told with it."""

    tally: Tally
    problems: list[str] = field(default_factory=list)
    """What could not be judged: the figures are not what was asked for."""
    remarks: list[str] = field(default_factory=list)
    """What a reader of the figures should know."""


def judge(
    pairing: Pairing,
    rules: Rules,
    *,
    show: Callable[[str, Comparison], None] = lambda _name, _comparison: None,
) -> Verdict:
    """Judge each pair and add the figures up; each comparison is shown and then forgotten.

    Raises:
        CaptionerError: the only pair cannot be read, like OSError. One of several is a problem.
    """
    verdict = Verdict(Tally.of_pairs(len(pairing.pairs)))
    verdict.problems += (f"{label}: there is no hypothesis for it" for label in pairing.missing)
    verdict.remarks += (f"{label}: there is no reference for it" for label in pairing.unjudged)
    said: set[str] = set()
    heard: set[str] = set()
    for pair in pairing.pairs:
        try:
            reference, hypothesis = _read(pair, rules)
        except (CaptionerError, OSError) as error:
            if len(pairing.pairs) == 1:
                raise
            verdict.problems.append(_reason(error))
            continue
        said |= _speakers(reference)
        heard |= _speakers(hypothesis)
        comparison, remarks = _compare(reference, hypothesis, rules)
        if comparison.words.reference and not comparison.words.hypothesis:
            remarks.append(f"{pair.hypothesis.label} has no words: all are deleted")
        verdict.remarks += (remark for remark in remarks if remark not in verdict.remarks)
        verdict.tally.add(pair.name, comparison, reference=pair.reference.label)
        show(pair.name, comparison)
    verdict.problems += _unknown("reference", rules.renamed.values(), said)
    verdict.problems += _unknown("hypothesis", rules.renamed, heard)
    return verdict


def _read(pair: Pair, rules: Rules) -> tuple[list[Utterance], list[Utterance]]:
    reference, hypothesis = pair.reference.read(), pair.hypothesis.read()
    said, heard = _speakers(reference), _speakers(hypothesis)
    return (
        name_speakers(reference, {*heard, *rules.renamed.values()}),
        name_speakers(hypothesis, {*said, *rules.renamed}),
    )


def _compare(
    reference: list[Utterance], hypothesis: list[Utterance], rules: Rules
) -> tuple[Comparison, list[str]]:
    """The comparison, and what should be known of its speakers."""
    said, heard = _speakers(reference), _speakers(hypothesis)
    if not rules.by_speaker or not said or not heard:
        return compare(reference, hypothesis, numbers=rules.numbers), []
    matched = match_speakers(said, heard, renamed=rules.renamed)
    comparison = compare(reference, hypothesis, numbers=rules.numbers, speakers=matched)
    if not matched:
        names = f"{_list(said)} in the reference, {_list(heard)} in the hypothesis"
        hint = "judged as one text; --speaker REF=HYP says who is who"
        return comparison, [f"no speaker has the same name on both sides ({names}): {hint}"]
    deleted, inserted = said - set(matched.values()), heard - set(matched)
    return comparison, [
        *(f"{name} is only in the reference: all deleted" for name in sorted(deleted)),
        *(f"{name} is only in the hypothesis: all inserted" for name in sorted(inserted)),
    ]


def _unknown(side: str, wanted: Iterable[str], found: set[str]) -> list[str]:
    known = {name.casefold() for name in found}
    return [
        f"--speaker: no {side} has a speaker {name!r}; found {_list(found) or 'no names'}"
        for name in wanted
        if name.casefold() not in known
    ]


def _speakers(utterances: Iterable[Utterance]) -> set[str]:
    return {utterance.speaker for utterance in utterances if utterance.speaker}


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _reason(error: CaptionerError | OSError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
