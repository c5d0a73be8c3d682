from __future__ import annotations

from difflib import SequenceMatcher

from hypothesis import example, given
from hypothesis import strategies as st

from captioner.evaluation.matching import LastText, common_prefix

Words = tuple[str, ...]
words = st.lists(st.sampled_from("abc"), max_size=40).map(tuple)


@st.composite
def edited_copies(draw: st.DrawFn) -> tuple[Words, Words]:
    """A text, and what a display may have shown of it: a beginning with a few words changed."""
    last = draw(st.lists(st.sampled_from("abcdefgh"), max_size=60).map(tuple))
    shown = list(last[: draw(st.integers(0, len(last)))])
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(shown)))
        shown[at : at + draw(st.integers(0, 2))] = draw(
            st.lists(st.sampled_from("abcdefgh"), max_size=3)
        )
    return tuple(shown), last


def matched_by_difflib(shown: Words, last: Words) -> set[tuple[int, int]]:
    blocks = SequenceMatcher(None, shown, last, autojunk=False).get_matching_blocks()
    return {(a + k, b + k) for a, b, size in blocks for k in range(size)}


def check(shown: Words, last: Words) -> None:
    match = LastText(last).match(shown)
    pairs = [*((index, index) for index in range(match.prefix)), *match.rest]
    assert len(set(pairs)) == len(pairs)
    assert set(pairs) == matched_by_difflib(shown, last)
    assert all(a >= match.prefix and b >= match.prefix for a, b in match.rest)


@given(words, words)
@example(tuple("aaab"), tuple("aaacaaab"))  # the common beginning is not the longest run
@example(tuple("aabaab"), tuple("aabaaabaab"))
def test_any_two_texts_match_as_difflib_matches_them(shown: Words, last: Words) -> None:
    check(shown, last)


@given(edited_copies())
def test_a_display_of_a_text_matches_as_difflib_matches_it(texts: tuple[Words, Words]) -> None:
    check(*texts)


def test_a_long_repetition_is_matched_by_the_longest_run() -> None:
    last = tuple("ab" * 20 + "c" + "ab" * 30 + "d")
    check(tuple("ab" * 25 + "d"), last)
    check(tuple("ab" * 20 + "d"), last)


def test_a_word_may_contain_anything() -> None:
    check(("a\nb", "a"), ("a", "b", "a\nb"))


@given(st.integers(0, 600), st.integers(0, 600), st.integers(0, 600))
def test_the_common_beginning_is_counted_exactly(same: int, one: int, other: int) -> None:
    first = ("x",) * same + ("y",) * one
    second = ("x",) * same + ("z",) * other
    assert common_prefix(first, second) == same


@given(words, words)
def test_the_common_beginning_ends_at_the_first_difference(one: Words, other: Words) -> None:
    length = common_prefix(one, other)
    assert one[:length] == other[:length]
    assert one[length : length + 1] != other[length : length + 1] or length == len(one)
