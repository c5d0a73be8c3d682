from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from subtitle_samples import SECOND, recordings, segment, speech

from captioner.subtitles.breaking.phrases import break_costs, split_phrases
from captioner.subtitles.breaking.stops import HELD
from captioner.subtitles.cues import Segment
from captioner.subtitles.layout.script import Group, next_starts, write_script
from captioner.subtitles.profiles import ARCOM, WEB
from captioner.transcript import Word


def script(*said: Segment, labels: bool = False) -> list[Group]:
    return write_script(said, WEB, labels=labels)


def texts(groups: list[Group]) -> list[str]:
    return [group.text for group in groups]


def test_words_that_belong_together_are_one_group_with_the_times_of_all_of_them() -> None:
    first, second = script(segment("Nous avons testé cette solution.", start=0.0, pace=0.5))
    assert texts([first, second]) == ["Nous avons testé", "cette solution."]
    assert (second.start, second.end) == (3 * SECOND // 2, 5 * SECOND // 2)
    assert (first.width, second.width) == (16, 15)


def test_a_group_wider_than_a_line_is_broken_where_it_harms_least() -> None:
    names = "Jean-Christophe Alexandre Maximilien de Sainte-Croix-Villeneuve"
    groups = script(segment(f"J'ai vu {names}"))
    assert texts(groups)[-2:] == [
        "Jean-Christophe Alexandre Maximilien",
        "de Sainte-Croix-Villeneuve",
    ]


def test_a_group_that_would_last_too_long_is_broken() -> None:
    assert texts(script(segment("le la un", pace=3.0))) == ["le la", "un"]


def test_a_word_alone_may_be_as_wide_and_last_as_long_as_it_wants() -> None:
    (group,) = script(segment("anti" * 20, pace=9.0))
    assert group.width == 80


def test_a_sentence_that_goes_on_in_the_next_segment_is_not_cut_there() -> None:
    groups = script(segment("Nous avons", id="1"), segment("testé.", start=1.7, id="2"))
    assert texts(groups) == ["Nous avons testé."]
    assert groups[0].segment == "1"


def test_a_long_silence_is_in_no_cue() -> None:
    first, second = script(segment("Nous avons"), segment("testé.", start=3.2))
    assert first.apart
    assert not second.cost
    assert [first.turn, second.turn] == [0, 0]


def test_each_change_of_speaker_begins_a_turn() -> None:
    said = [
        segment("Oui.", start=at, speaker=name)
        for at, name in enumerate(["Claire", "Claire", "Julien", "Claire"])
    ]
    assert [group.turn for group in script(*said)] == [0, 0, 1, 2]


def test_a_turn_begins_with_the_name_where_asked_for() -> None:
    said = [
        segment("Oui. Bon.", start=1.0, speaker="Claire"),
        segment("Encore.", start=2.0, speaker="Claire"),
        segment("Non.", start=3.0, speaker="Julien"),
        segment("Hm.", start=4.0),
    ]
    assert texts(script(*said, labels=True)) == [
        "Claire\u00a0: Oui.",
        "Bon.",
        "Encore.",
        "Julien\u00a0: Non.",
        "Hm.",
    ]


def test_a_break_that_leaves_a_word_of_a_clause_on_a_line_costs_more() -> None:
    stub, whole = (
        script(segment(text))[1].cost
        for text in (
            "Bien, venez pendant les vacances.",
            "Bien, mes collègues viendront pendant les vacances.",
        )
    )
    assert stub > whole


def test_times_that_go_backwards_are_put_in_order() -> None:
    words = (
        Word("un,", 900, 1000, 1.0),
        Word("deux,", 100, 200, 1.0),
        Word("trois", 50, 5000, 1.0),
    )
    groups = script(Segment("1", 0, 5000, words, "", ""))
    assert [(group.start, group.end) for group in groups] == [(900, 1000), (900, 1000), (900, 5000)]


def test_what_is_said_next_begins_after_the_group_whoever_says_it() -> None:
    said = [
        segment("Un, deux.", start=1.0, pace=2.0, speaker="Claire"),
        segment("Oui.", start=2.0, speaker="Julien"),
    ]
    assert next_starts(script(*said)) == [2 * SECOND, None, 3 * SECOND]


@given(recordings | speech())
def test_groups_fit_on_a_line_unless_a_single_word_does_not(said: list[Segment]) -> None:
    for profile in (WEB, ARCOM):
        for group in write_script(said, profile, labels=True):
            if " " in group.text:
                assert group.width <= profile.columns
                assert group.end - group.start <= profile.longest * SECOND


@given(speech())
def test_words_that_belong_together_are_parted_only_where_they_do_not_fit(
    said: list[Segment],
) -> None:
    for part in said:
        phrases = split_phrases(part)
        costs = [*break_costs(phrases, "fr"), 0.0]
        text = ""
        together, begun = [], phrases[0].start
        for phrase, cost in zip(phrases, costs, strict=True):
            text = f"{text} {phrase.text}".strip()
            if cost < HELD:
                fits = len(text) <= WEB.columns
                if fits and phrase.end - begun <= WEB.longest * SECOND:
                    together.append(text)
                text, begun = "", phrase.end
        shown = f" {'|'.join(texts(script(part)))} "
        assert all(text in shown for text in together)


@given(recordings)
def test_the_groups_of_a_segment_are_in_order(said: list[Segment]) -> None:
    for part in said:
        groups = write_script([part], WEB, labels=False)
        assert all(before.start <= after.start for before, after in pairwise(groups))
        assert all(group.start <= group.end for group in groups)
