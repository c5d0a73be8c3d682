from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.evaluation.display import Display, Screen


def test_a_display_holds_normalised_words() -> None:
    display = Display.of_text(1.5, "L’État, dit-il.", stable=2, final=0)
    assert display == Display(1.5, ("l", "état", "dit", "il"), 2, 0)


def test_an_interim_counts_only_its_committed_words_as_stable() -> None:
    screen = Screen()
    shown = screen.show(1, ["C'est", "l'heure", "de"], at=1.0, committed=1, final=False)
    assert shown == Display(1.0, ("c", "est", "l", "heure", "de"), stable=2, final=0)


def test_a_revision_takes_the_place_of_the_one_before() -> None:
    screen = Screen()
    screen.show(1, ["Bon"], at=1.0, committed=0, final=False)
    shown = screen.show(1, ["Bonjour", "à"], at=1.5, committed=1, final=False)
    assert shown == Display(1.5, ("bonjour", "à"), stable=1, final=0)


def test_a_final_is_final_as_a_whole_and_stays() -> None:
    screen = Screen()
    screen.show(1, ["Bonjour."], at=1.0, committed=0, final=True)
    shown = screen.show(2, ["Merci"], at=2.0, committed=0, final=False)
    assert shown == Display(2.0, ("bonjour", "merci"), stable=1, final=1)


def test_a_final_behind_an_interim_is_not_final_yet() -> None:
    screen = Screen()
    screen.show(1, ["un", "deux"], at=1.0, committed=1, final=False)
    early = screen.show(2, ["trois"], at=2.0, committed=0, final=True)
    assert early == Display(2.0, ("un", "deux", "trois"), stable=1, final=0)
    done = screen.show(1, ["un"], at=3.0, committed=0, final=True)
    assert done == Display(3.0, ("un", "trois"), stable=2, final=2)


def test_an_empty_final_takes_its_interim_away() -> None:
    screen = Screen()
    screen.show(1, ["mm"], at=1.0, committed=0, final=False)
    assert screen.show(1, [], at=2.0, committed=0, final=True) == Display(2.0, (), 0, 0)


def test_a_caption_that_changes_after_its_final_is_refused() -> None:
    screen = Screen()
    screen.show(1, ["un"], at=1.0, committed=0, final=True)
    with pytest.raises(ValueError, match=r"caption 1 changed at 2\.00 s"):
        screen.show(1, ["une"], at=2.0, committed=0, final=True)
    screen.show(3, ["trois"], at=3.0, committed=0, final=True)
    with pytest.raises(ValueError, match="caption 1"):
        screen.show(1, ["une"], at=4.0, committed=0, final=False)


def test_numbers_can_be_spelt_out() -> None:
    shown = Screen(numbers=True).show(1, ["25", "%"], at=0.0, committed=2, final=False)
    assert shown.words == ("vingt", "cinq", "pour", "cent")
    assert shown.stable == 4


@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.sampled_from("abc"), max_size=3))))
def test_the_first_words_of_every_display_are_the_finals(
    revisions: list[tuple[int, list[str]]],
) -> None:
    screen = Screen()
    for time, (caption, texts) in enumerate(revisions):
        shown = screen.show(caption, texts, at=float(time), committed=len(texts), final=False)
        assert 0 == shown.final <= shown.stable <= len(shown.words)
    for caption in (1, 2, 3):
        shown = screen.show(caption, ["x"], at=99.0, committed=0, final=True)
        assert shown.words[:caption] == ("x",) * caption
        assert shown.final == caption
