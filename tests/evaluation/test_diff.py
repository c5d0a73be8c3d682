from __future__ import annotations

from comparison_samples import drawn, hypothesis_of, reference_of, said, words
from hypothesis import given
from hypothesis import strategies as st

from captioner.evaluation.comparison import compare
from captioner.evaluation.diff import Passage, select_passages
from captioner.evaluation.truth import TimedWord
from captioner.evaluation.utterances import Utterance


def references(passages: list[Passage]) -> list[str]:
    return [" ".join(reference_of(passage.columns)) for passage in passages]


def test_some_words_around_an_error_are_shown() -> None:
    parts = compare(said("a b c d e f g h"), said("a b c x e f g h")).parts
    [passage] = select_passages(parts, context=2)
    assert drawn(passage.columns) == [("b", "b"), ("c", "c"), ("d", "x"), ("e", "e"), ("f", "f")]
    assert (passage.cut_before, passage.cut_after) == (True, True)


def test_errors_close_to_each_other_share_a_passage_and_others_do_not() -> None:
    text = "a b c d e f g h i j"
    near = compare(said(text), said("x b c x e f g h i j")).parts
    assert references(select_passages(near, context=1)) == ["a b c d e"]
    far = compare(said(text), said("x b c d e f g h i x")).parts
    assert references(select_passages(far, context=1)) == ["a b", "i j"]


def test_without_context_the_errors_stand_alone() -> None:
    parts = compare(said("a b c"), said("a x c")).parts
    assert [drawn(p.columns) for p in select_passages(parts, context=0)] == [[("b", "x")]]


def test_context_ends_with_the_utterance() -> None:
    parts = compare(said("a b", "c d", "e f"), said("a x c d e x")).parts
    passages = select_passages(parts, context=9)
    assert references(passages) == ["a b", "e f"]
    assert not any(passage.cut_before or passage.cut_after for passage in passages)


def test_texts_that_agree_have_nothing_to_show_unless_all_is_wanted() -> None:
    parts = compare(said("a b", "c"), said("a b c")).parts
    assert select_passages(parts, context=9) == []
    assert references(select_passages(parts, context=None)) == ["a b", "c"]


def test_a_passage_starts_when_its_first_word_or_its_utterance_does() -> None:
    timed = Utterance("a b", start=1.0, words=(TimedWord("a", 1.0, 2.0), TimedWord("b", 2.0, 3.0)))
    parts = compare([timed, Utterance("c d", start=5.0)], said("a x", "c x")).parts
    assert [p.start for p in select_passages(parts, context=0)] == [2.0, 5.0]


def test_the_passages_of_several_speakers_are_in_the_order_of_time() -> None:
    reference = [Utterance("a", "A", 0), Utterance("b", "B", 2), Utterance("c", "A", 4)]
    heard = [Utterance("x", "A", 0), Utterance("x", "B", 2), Utterance("y", "Z", 3)]
    parts = compare(reference, heard, speakers={"A": "A", "B": "B"}).parts
    passages = select_passages(parts, context=0)
    assert [(p.speaker, p.start) for p in passages] == [("A", 0), ("B", 2), ("Z", 3), ("A", 4)]


def test_speakers_follow_one_another_where_times_are_unknown() -> None:
    reference = [Utterance("a", "A"), Utterance("b", "B"), Utterance("c", "A")]
    parts = compare(reference, [Utterance("z", "A")], speakers={"A": "A"}).parts
    assert [p.speaker for p in select_passages(parts, context=9)] == ["A", "A", "B"]


def test_speakers_of_the_reference_are_told_where_texts_are_judged_as_one() -> None:
    parts = compare([Utterance("a", "A"), Utterance("b", "B")], said("x b")).parts
    assert [p.speaker for p in select_passages(parts, context=0)] == ["A"]


@given(words, words, st.integers(0, 20))
def test_every_error_is_shown_once(one: list[str], other: list[str], context: int) -> None:
    parts = compare(said(*one), said(*other)).parts
    passages = select_passages(parts, context=context)
    shown = [column for passage in passages for column in passage.columns]
    errors = [column for column in parts[0].columns if column.operation != "equal"]
    assert [column for column in shown if column.operation != "equal"] == errors


@given(words, words)
def test_everything_is_both_texts(one: list[str], other: list[str]) -> None:
    passages = select_passages(compare(said(*one), said(*other)).parts, context=None)
    shown = [column for passage in passages for column in passage.columns]
    assert (reference_of(shown), hypothesis_of(shown)) == (one, other)
