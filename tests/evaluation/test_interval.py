from __future__ import annotations

import random

import pytest
from comparison_samples import said
from hypothesis import given
from hypothesis import strategies as st

from captioner.evaluation.comparison import compare
from captioner.evaluation.interval import (
    FEWEST,
    LONGEST,
    Block,
    cut_blocks,
    draw_difference,
    draw_interval,
)
from captioner.evaluation.utterances import Utterance

blocks_of_any = st.lists(
    st.builds(Block, st.integers(0, 40), st.integers(0, LONGEST)), min_size=FEWEST, max_size=60
)


def test_each_utterance_is_a_block_and_long_ones_are_several() -> None:
    long = " ".join(["oui"] * (2 * LONGEST + 5))
    comparison = compare(said("le chat dort", long), said("le chien dort", long))
    assert cut_blocks(comparison) == [
        Block(1, 3),
        Block(0, LONGEST),
        Block(0, LONGEST),
        Block(0, 5),
    ]


def test_insertions_count_with_the_word_before_them_or_the_first() -> None:
    comparison = compare(said("le chat", "dort"), said("eh le chat ne dort bien ici"))
    assert cut_blocks(comparison) == [Block(2, 2), Block(2, 1)]


def test_the_errors_of_a_speaker_whom_the_reference_does_not_have_are_kept() -> None:
    reference = [Utterance("un deux", "Anne"), Utterance("trois", "Luc")]
    hypothesis = [Utterance("un deux", "Anne"), Utterance("quatre cinq", "Zoé")]
    comparison = compare(reference, hypothesis, speakers={"Anne": "Anne"})
    assert cut_blocks(comparison) == [Block(0, 2), Block(3, 1)]


def test_blocks_have_all_errors_and_all_words() -> None:
    comparison = compare(said("a b c", "d e"), said("a x c c", "e f g"))
    blocks = cut_blocks(comparison)
    assert sum(block.errors for block in blocks) == comparison.words.errors
    assert sum(block.words for block in blocks) == comparison.words.reference


def test_too_few_blocks_say_nothing() -> None:
    assert draw_interval([Block(1, 10)] * (FEWEST - 1)) is None
    assert draw_interval([Block(1, 10)] * FEWEST) is not None


def test_blocks_that_are_all_alike_leave_no_doubt() -> None:
    interval = draw_interval([Block(1, 10)] * 20)
    assert interval
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.1))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    # 100 tests of 60 blocks whose words are wrong with a chance of 0.15.
    chance = random.Random(11)
    held = 0
    for _ in range(100):
        blocks = [Block(sum(chance.random() < 0.15 for _ in range(20)), 20) for _ in range(60)]
        interval = draw_interval(blocks)
        assert interval
        held += interval.low <= 0.15 <= interval.high
    assert 88 <= held <= 100


def test_the_same_blocks_give_the_same_interval() -> None:
    blocks = [Block(number % 3, 10) for number in range(20)]
    assert draw_interval(blocks) == draw_interval(blocks)
    assert draw_interval(blocks) != draw_interval(blocks, seed=1)


@given(blocks_of_any.filter(lambda blocks: any(block.words for block in blocks)))
def test_the_interval_lies_within_the_rates_of_the_blocks(blocks: list[Block]) -> None:
    interval = draw_interval([*blocks, *([Block(1, 10)] * FEWEST)])
    assert interval
    assert 0 <= interval.low <= interval.high


def test_a_hypothesis_does_not_differ_from_itself() -> None:
    blocks = [Block(number % 4, 10) for number in range(20)]
    difference = draw_difference(blocks, blocks)
    assert difference
    assert (difference.low, difference.high) == (0.0, 0.0)


def test_what_is_hard_for_both_drops_out_of_the_difference() -> None:
    # One error less in each block: sure, although the blocks differ wildly.
    old = [Block(1 + number, 30) for number in range(20)]
    new = [Block(number, 30) for number in range(20)]
    difference, alone = draw_difference(new, old), draw_interval(new)
    assert difference
    assert alone
    assert (difference.low, difference.high) == pytest.approx((-1 / 30, -1 / 30))
    assert alone.high - alone.low > 0.1


def test_blocks_of_different_references_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="same reference"):
        draw_difference([Block(0, 5)] * FEWEST, [Block(0, 6)] * FEWEST)
