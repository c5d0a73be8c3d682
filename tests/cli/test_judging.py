from __future__ import annotations

import pytest

from captioner.cli.judging import Rules, judge
from captioner.cli.pairing import Pair, Pairing, Source
from captioner.errors import InvalidRequest
from captioner.evaluation.comparison import Comparison
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.utterances import Utterance


def source(label: str, *utterances: Utterance) -> Source:
    return Source(label, lambda: list(utterances))


def failing(label: str, error: Exception) -> Source:
    def read() -> list[Utterance]:
        raise error

    return Source(label, read)


def pair(name: str, reference: Source, hypothesis: Source) -> Pair:
    return Pair(name, reference, hypothesis)


def only(said: list[Utterance], heard: list[Utterance]) -> Pairing:
    return Pairing((pair("a", source("ref", *said), source("hyp", *heard)),))


ANNE, LUC = Utterance("bonjour", "Anne"), Utterance("oui", "Luc")
PLAIN = Utterance("oui")


def test_each_comparison_is_shown_and_added_up() -> None:
    shown: list[tuple[str, EditCounts]] = []

    def show(name: str, comparison: Comparison) -> None:
        shown.append((name, comparison.words))

    pairs = tuple(pair(n, source(n, PLAIN), source(n, Utterance(n))) for n in ("oui", "non"))
    verdict = judge(Pairing(pairs), Rules(), show=show)
    assert shown == [("oui", EditCounts(1, 0, 0, 0)), ("non", EditCounts(0, 1, 0, 0))]
    assert verdict.tally.total.words == EditCounts(1, 1, 0, 0)
    assert verdict.problems == verdict.remarks == []


def test_what_has_no_counterpart_is_told() -> None:
    verdict = judge(
        Pairing((pair("a", source("a", PLAIN), source("a", PLAIN)),), ("b.txt",), ("c.txt",)),
        Rules(),
    )
    assert verdict.problems == ["b.txt: there is no hypothesis for it"]
    assert verdict.remarks == ["c.txt: there is no reference for it"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidRequest("b.txt: found the byte 0x00"), "b.txt: found the byte 0x00"),
        (PermissionError(13, "Permission denied", "b.txt"), "b.txt: Permission denied"),
        (OSError("gone"), "gone"),
    ],
)
def test_a_file_that_cannot_be_read_does_not_stop_the_others(error: Exception, told: str) -> None:
    good = pair("a", source("a", PLAIN), source("a", PLAIN))
    bad = pair("b", source("b", PLAIN), failing("b.txt", error))
    verdict = judge(Pairing((bad, good)), Rules())
    assert verdict.problems == [told]
    assert list(verdict.tally.files) == ["a"]


def test_the_only_file_that_cannot_be_read_is_the_error() -> None:
    pairing = Pairing((pair("a", source("a", PLAIN), failing("b", InvalidRequest("no"))),))
    with pytest.raises(InvalidRequest, match="no"):
        judge(pairing, Rules())


def test_speakers_are_judged_apart_where_both_sides_name_them() -> None:
    verdict = judge(only([ANNE, LUC], [ANNE, Utterance("non", "LUC")]), Rules())
    assert verdict.tally.speakers["Luc"].words == EditCounts(0, 1, 0, 0)
    assert verdict.remarks == []


@pytest.mark.parametrize(
    ("said", "heard", "rules"),
    [
        ([ANNE, LUC], [Utterance("bonjour oui")], Rules()),
        ([Utterance("bonjour oui")], [ANNE, LUC], Rules()),
        ([ANNE, LUC], [ANNE, LUC], Rules(by_speaker=False)),
        ([ANNE, LUC], [], Rules()),
    ],
)
def test_otherwise_the_texts_are_judged_as_one(
    said: list[Utterance], heard: list[Utterance], rules: Rules
) -> None:
    assert judge(only(said, heard), rules).tally.speakers == {}


def test_speakers_of_other_names_are_judged_as_one_text_and_that_is_told() -> None:
    verdict = judge(only([ANNE], [Utterance("bonjour", "S0")]), Rules())
    assert verdict.tally.total.words.errors == 0
    assert verdict.tally.speakers == {}
    [remark] = verdict.remarks
    assert "(Anne in the reference, S0 in the hypothesis)" in remark
    assert "--speaker REF=HYP" in remark


def test_speakers_of_other_names_are_matched_as_told() -> None:
    heard = [Utterance("bonjour", "S0"), Utterance("oui", "S1")]
    rules = Rules(renamed={"S0": "Anne", "s1": "luc"})
    verdict = judge(only([ANNE, LUC], heard), rules)
    assert verdict.tally.total.words == EditCounts(2, 0, 0, 0)
    assert set(verdict.tally.speakers) == {"Anne", "Luc"}
    assert verdict.problems == []


def test_names_in_the_text_are_no_errors() -> None:
    heard = [Utterance("Anne : bonjour"), Utterance("Luc : oui")]
    assert judge(only([ANNE, LUC], heard), Rules()).tally.total.words == EditCounts(2, 0, 0, 0)
    assert judge(only(heard, [ANNE, LUC]), Rules()).tally.total.words == EditCounts(2, 0, 0, 0)
    labels = [Utterance("S0 : bonjour"), Utterance("S1 : oui")]
    rules = Rules(renamed={"S0": "Anne", "S1": "Luc"})
    assert judge(only([ANNE, LUC], labels), rules).tally.total.words == EditCounts(2, 0, 0, 0)


def test_whoever_is_only_on_one_side_is_named() -> None:
    verdict = judge(only([ANNE, LUC], [ANNE, Utterance("ah", "Zoé")]), Rules())
    assert verdict.remarks == [
        "Luc is only in the reference: all deleted",
        "Zoé is only in the hypothesis: all inserted",
    ]


def test_the_same_remark_on_several_files_is_made_once() -> None:
    pairs = tuple(pair(n, source(n, ANNE, LUC), source(n, ANNE)) for n in ("a", "b"))
    remarks = judge(Pairing(pairs), Rules()).remarks
    assert remarks == ["Luc is only in the reference: all deleted"]


@pytest.mark.parametrize(
    ("renamed", "told"),
    [
        ({"S9": "Anne"}, "--speaker: no hypothesis has a speaker 'S9'; found Anne"),
        ({"Anne": "Ann"}, "--speaker: no reference has a speaker 'Ann'; found Anne"),
    ],
)
def test_a_name_that_nobody_has_is_a_problem(renamed: dict[str, str], told: str) -> None:
    assert judge(only([ANNE], [ANNE]), Rules(renamed=renamed)).problems == [told]


def test_digits_are_words_when_asked_for() -> None:
    pairing = only([Utterance("douze")], [Utterance("12")])
    assert judge(pairing, Rules()).tally.total.words.errors == 1
    assert judge(pairing, Rules(numbers=True)).tally.total.words.errors == 0
