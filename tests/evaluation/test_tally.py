from __future__ import annotations

import pytest
from comparison_samples import said

from captioner.evaluation.comparison import compare
from captioner.evaluation.edits import EditCounts
from captioner.evaluation.interval import FEWEST
from captioner.evaluation.tally import Tally
from captioner.evaluation.truth import TimedWord
from captioner.evaluation.utterances import Utterance


def test_the_rate_of_all_is_that_of_all_words_not_the_mean_of_rates() -> None:
    tally = Tally.of_pairs(2)
    tally.add("short", compare(said("oui"), said("non")), reference="short")
    tally.add("long", compare(said("a b c d e f g h i"), said("a b c d e f g h i")), reference="l")
    assert tally.total.words == EditCounts(9, 1, 0, 0)
    assert tally.total.words.rate == pytest.approx(0.1)
    assert tally.files["short"].words.rate == 1.0


def test_what_was_heard_where_nothing_was_said_counts() -> None:
    tally = Tally.of_pairs(2)
    tally.add("silence", compare([], said("merci beaucoup")), reference="silence")
    tally.add("speech", compare(said("a b c d"), said("a b c d")), reference="speech")
    assert tally.total.words.rate == 0.5


def test_speakers_are_added_up_over_files() -> None:
    tally = Tally.of_pairs(2)
    for name in ("one", "two"):
        reference = [Utterance("bonjour à tous", "Anne"), Utterance("oui", "Luc")]
        heard = [Utterance("bonjour", "Anne"), Utterance("à tous oui", "Luc")]
        speakers = {"Anne": "Anne", "Luc": "Luc"}
        tally.add(name, compare(reference, heard, speakers=speakers), reference=name)
    assert tally.speakers["Anne"].words == EditCounts(2, 0, 4, 0)
    assert tally.speakers["Luc"].words == EditCounts(2, 0, 0, 4)
    assert tally.regardless == EditCounts(8, 0, 0, 0)


def test_files_judged_as_one_text_have_no_speakers() -> None:
    tally = Tally.of_pairs(1)
    tally.add("a", compare([Utterance("oui", "Anne")], said("non")), reference="a")
    assert tally.speakers == {}
    assert tally.regardless == EditCounts(0, 1, 0, 0)


@pytest.mark.parametrize(("files", "blocks"), [(FEWEST - 1, 2), (FEWEST, 1)])
def test_intervals_are_drawn_from_files_where_there_are_enough(files: int, blocks: int) -> None:
    tally = Tally.of_pairs(files)
    for number in range(files):
        tally.add(f"{number}", compare(said("a b", "c"), said("a b x")), reference=f"{number}")
    assert {len(found) for found in tally.blocks.values()} == {blocks}
    assert tally.interval() is not None


def test_the_difference_is_over_the_references_that_both_have() -> None:
    new, old = Tally.of_pairs(12), Tally.of_pairs(12)
    for number in range(12):
        new.add(f"n{number}", compare(said("a b c d"), said("a b c d")), reference=f"{number}")
    for number in range(1, 12):
        old.add(f"o{number}", compare(said("a b c d"), said("a b c x")), reference=f"{number}")
    difference, interval = new.difference(old)
    assert difference == -0.25
    assert interval
    assert (interval.low, interval.high) == (-0.25, -0.25)


def test_hypotheses_without_a_reference_in_common_have_no_difference() -> None:
    new, old = Tally.of_pairs(1), Tally.of_pairs(1)
    new.add("n", compare(said("a"), said("a")), reference="one")
    old.add("o", compare(said("a"), said("a")), reference="other")
    with pytest.raises(ValueError, match="no reference is common"):
        new.difference(old)


def test_word_times_of_all_files_are_put_together() -> None:
    tally = Tally.of_pairs(2)
    assert tally.word_times() is None
    for shift in (0.1, 0.3):
        truth = [Utterance("oui", words=(TimedWord("oui", 1.0, 2.0),))]
        heard = [Utterance("oui", words=(TimedWord("oui", 1.0 + shift, 2.0),))]
        tally.add(str(shift), compare(truth, heard), reference=str(shift))
    times = tally.word_times()
    assert times
    assert times.start.count == 2
    assert times.start.p50 == pytest.approx(0.2)


def test_confusions_of_all_files_are_put_together() -> None:
    tally = Tally.of_pairs(2)
    for name in ("one", "two"):
        tally.add(name, compare(said("et puis"), said("est puis")), reference=name)
    assert tally.confusions == {("et", "est"): 2}
