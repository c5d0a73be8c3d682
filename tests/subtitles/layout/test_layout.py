from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise, zip_longest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import SECOND, meeting, monologues, recordings, segment, speech

from captioner.subtitles.breaking.phrases import break_costs, split_phrases, split_words
from captioner.subtitles.breaking.stops import HELD
from captioner.subtitles.characters import count_characters, measure
from captioner.subtitles.cues import Cue, Segment, Turn
from captioner.subtitles.formats.timestamps import to_milliseconds
from captioner.subtitles.layout import lay_out
from captioner.subtitles.layout.lines import DASH
from captioner.subtitles.layout.script import write_script
from captioner.subtitles.profiles import ARCOM, LIVE, PROFILES, WEB, Profile

GOLDEN = Path(__file__).parent / "golden"
LONG = (
    "Nous avons trois sujets à l'ordre du jour, et je vous propose de commencer tout de suite. "
    "Le premier sujet concerne le déploiement de la visioconférence dans les ministères."
)

profiles = pytest.mark.parametrize("profile", [WEB, ARCOM, LIVE], ids=lambda profile: profile.name)
any_profile = st.sampled_from([WEB, ARCOM, LIVE])
anything = st.one_of(recordings, speech())


def shown(cues: Iterable[Cue]) -> str:
    return " ".join(line.removeprefix(DASH) for cue in cues for line in cue.lines)


def by_speaker(cues: Iterable[Cue]) -> dict[str, list[Cue]]:
    found: dict[str, list[Cue]] = {}
    for cue in cues:
        for speaker in {turn.speaker for turn in cue.turns}:
            found.setdefault(speaker, []).append(cue)
    return found


def describe(cue: Cue) -> str:
    speakers = ", ".join(turn.speaker for turn in cue.turns)
    times = f"{cue.start / SECOND:.3f} {cue.end / SECOND:.3f}"
    return "\n".join((f"{times} {cue.id} ({speakers})", *cue.lines, ""))


def parted(said: Sequence[Segment], profile: Profile) -> list[str]:
    """Words that belong together, but are on two lines or in two cues."""
    cues = lay_out(said, profile)
    found = []
    for speaker in {part.speaker for part in said}:
        lines = lines_of(speaker, cues)
        words, costs = [], []
        for part in said:
            if part.speaker == speaker:
                phrases = split_phrases(part)
                words += [phrase.text for phrase in phrases]
                costs += [*break_costs(phrases, part.language), 0.0]
        assert " ".join(lines) == " ".join(words)
        ends = accumulate(len(line.split(" ")) for line in lines)
        found += [words[end - 1] for end in ends if costs[end - 1] >= HELD]
    return found


def is_mixed(cue: Cue, before: Cue | None) -> bool:
    """Whether a part of a sentence is in a cue with something of another one."""
    text = " ".join(cue.lines)
    ends = [end.end() for end in re.finditer(r"[.!?…][»\u202f]*(?= [A-ZÀÉ«–]|$)", text)]
    begun = before is None or before.lines[-1][-1] in ".!?…»"
    whole = begun and ends[-1:] == [len(text)]
    return not whole and any(end < len(text) for end in ends)


def lines_of(speaker: str, cues: Iterable[Cue]) -> list[str]:
    return [
        line.removeprefix(DASH)
        for cue in cues
        for turn in cue.turns
        if turn.speaker == speaker
        for line in turn.lines
    ]


def test_a_short_segment_is_one_cue_with_its_id() -> None:
    cues = lay_out([segment("Bonjour à tous.", id="claire-4", speaker="Claire")])
    assert cues == [
        Cue("claire-4", 16_000, 16_000 + SECOND, (Turn("Claire", ("Bonjour à tous.",)),))
    ]


def test_a_long_segment_becomes_cues_timed_from_their_own_words() -> None:
    said = segment(LONG, id="4", pace=0.4)
    cues = lay_out([said])
    assert [cue.id for cue in cues] == ["4.1", "4.2", "4.3"]
    assert shown(cues) == LONG
    starts = {word.start: word.text for word in said.words}
    assert [starts[cue.start] for cue in cues] == [cue.lines[0].split()[0] for cue in cues]


def test_cues_end_where_a_sentence_or_a_clause_ends() -> None:
    ends = [cue.lines[-1][-1] for cue in lay_out([segment(LONG, pace=0.3)])]
    assert ends == [",", ".", "."]


def test_segments_of_one_speaker_share_a_cue_named_after_the_first() -> None:
    said = [segment("Merci.", id="7"), segment("C'est noté.", start=1.6, id="8")]
    assert [(cue.id, cue.lines) for cue in lay_out(said)] == [("7", ("Merci. C'est noté.",))]


def test_a_word_longer_than_a_line_stays_whole() -> None:
    word = "anticonstitutionnellement" * 3
    cues = lay_out([segment(f"il dit {word} puis rien")])
    assert any(word in line for cue in cues for line in cue.lines)


def test_a_word_that_lasts_too_long_has_a_cue_of_its_own() -> None:
    cues = lay_out([segment("oui non", pace=8.0)])
    assert [cue.lines for cue in cues] == [("oui",), ("non",)]


def test_quick_turns_share_a_cue_with_a_dash_before_each() -> None:
    said = [
        segment("Oui.", start=1.0, speaker="Claire", id="claire-1"),
        segment("Non.", start=1.4, speaker="Julien", id="julien-1"),
    ]
    (cue,) = lay_out(said)
    assert cue.id == "claire-1"
    assert cue.turns == (Turn("Claire", ("–\u00a0Oui.",)), Turn("Julien", ("–\u00a0Non.",)))


def test_shared_cues_name_each_speaker_where_asked_for() -> None:
    said = [
        segment("Oui.", start=1.0, speaker="Claire"),
        segment("Non.", start=1.4, speaker="Julien"),
    ]
    (cue,) = lay_out(said, labels=True)
    assert cue.lines == ("–\u00a0Claire\u00a0: Oui.", "–\u00a0Julien\u00a0: Non.")


def test_names_that_stand_in_the_text_begin_turns_and_stay_with_what_follows() -> None:
    said = [
        segment("Oui, très bien.", start=1.0, pace=0.6, id="1"),
        segment("Claire : Le premier sujet.", start=3.0, pace=0.6, id="2"),
        segment("Sophie Martin : Non.", start=6.2, pace=0.2, id="3"),
        segment("Claire : Si.", start=7.0, pace=0.2, id="4"),
    ]
    assert [cue.lines for cue in lay_out(said)] == [
        ("Oui, très bien.",),
        ("–\u00a0Claire\u00a0: Le premier sujet.", "–\u00a0Sophie Martin\u00a0: Non."),
        ("Claire\u00a0: Si.",),
    ]


def test_typography_does_not_stop_where_a_segment_ends() -> None:
    said = [segment("Le 24", id="1"), segment("novembre", start=1.8, id="2")]
    assert [cue.lines for cue in lay_out(said)] == [("Le 24\u00a0novembre",)]


def test_a_turn_begins_with_the_name_where_asked_for() -> None:
    turns = [
        segment("Oui.", start=1, speaker="Claire"),
        segment("Encore.", start=4, speaker="Claire"),
        segment("Non.", start=8, speaker="Julien"),
        segment("Peut-être.", start=12),
    ]
    assert [cue.lines for cue in lay_out(turns, labels=True)] == [
        ("Claire\u00a0: Oui.",),
        ("Encore.",),
        ("Julien\u00a0: Non.",),
        ("Peut-être.",),
    ]


@profiles
def test_the_meeting_is_laid_out_as_it_was_approved(profile: Profile) -> None:
    """To approve another layout, write ``expected`` from ``found``, and look at each line."""
    found = "\n".join(describe(cue) for cue in lay_out(meeting(), profile))
    expected = (GOLDEN / f"meeting-{profile.name}.txt").read_text("utf-8")
    assert found == expected


@profiles
@pytest.mark.parametrize("said", [meeting(), monologues()], ids=["meeting", "monologues"])
def test_real_speech_is_never_broken_between_words_that_belong_together(
    said: list[Segment], profile: Profile
) -> None:
    apart = [said] if said[0].speaker else [[part] for part in said]  # monologues overlap
    assert [word for part in apart for word in parted(part, profile)] == []


@pytest.mark.parametrize("profile", [WEB, ARCOM], ids=lambda profile: profile.name)
def test_sentences_that_do_not_fit_into_a_cue_do_not_share_one(profile: Profile) -> None:
    apart = (meeting(), *([part] for part in monologues()))  # monologues overlap
    cues = [cue for said in apart for cue in lay_out(said, profile)]
    mixed = [cue.lines for before, cue in pairwise([None, *cues]) if cue and is_mixed(cue, before)]
    # The first sentence lasts half a second: nobody could read it alone.
    assert [lines[0][:6] for lines in mixed] == ["Merci."]


@profiles
def test_the_meeting_keeps_to_the_profile(profile: Profile) -> None:
    cues = lay_out(meeting(), profile)
    for cue in cues:
        assert len(cue.lines) <= profile.lines
        assert all(len(line) <= profile.columns for line in cue.lines)
        assert profile.shortest <= (cue.end - cue.start) / SECOND <= profile.longest


@given(profile=any_profile, said=anything, labels=st.booleans())
def test_any_recording_keeps_to_the_profile(
    profile: Profile, said: list[Segment], labels: bool
) -> None:
    cues = lay_out(said, profile, labels=labels)
    for cue in cues:
        assert 1 <= len(cue.lines) <= profile.lines
        assert all(line.strip() for line in cue.lines)
        assert all(measure(line) <= profile.columns or " " not in line for line in cue.lines)
        assert to_milliseconds(cue.start) < to_milliseconds(cue.end)
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)
    for own in by_speaker(cues).values():
        assert all(before.end <= after.start for before, after in pairwise(own))


@given(profile=any_profile, said=anything)
def test_a_cue_lasts_too_long_only_where_a_word_does(profile: Profile, said: list[Segment]) -> None:
    slow = [
        group.end - group.start
        for group in write_script(said, profile, labels=False)
        if " " not in group.text
    ]
    longest = max([profile.longest * SECOND, *slow])
    assert all(cue.end - cue.start <= longest for cue in lay_out(said, profile))


@given(profile=st.sampled_from([WEB, ARCOM]), said=anything)
def test_a_cue_is_shown_as_long_as_it_takes_to_read_unless_another_follows(
    profile: Profile, said: list[Segment]
) -> None:
    cues = lay_out(said, profile)
    for cue, after in zip_longest(cues, cues[1:]):
        reading = profile.reading_time(count_characters(cue.lines))
        wanted = min(max(profile.shortest, reading), profile.longest)
        followed = after is not None and after.start - cue.end <= round(profile.gap * SECOND)
        assert followed or cue.end - cue.start >= wanted * SECOND


@given(profile=any_profile, said=anything)
def test_no_word_of_any_recording_is_lost_or_said_twice(
    profile: Profile, said: list[Segment]
) -> None:
    words = "".join(word.text for part in said for word in split_words(part))
    cues = lay_out(said, profile)
    assert sorted("".join(words.split())) == sorted("".join(shown(cues).split()))


@given(said=speech())
def test_each_speaker_is_read_in_the_order_of_what_they_said(said: list[Segment]) -> None:
    cues = lay_out(said)
    for speaker in {part.speaker for part in said}:
        own = [part for part in said if part.speaker == speaker]
        if all(before.end <= after.start for before, after in pairwise(own)):
            words = " ".join(word.text for part in own for word in split_words(part))
            assert "".join(" ".join(lines_of(speaker, cues)).split()) == "".join(words.split())


def test_every_profile_has_a_golden_file() -> None:
    assert {f"meeting-{name}.txt" for name in PROFILES} == {path.name for path in GOLDEN.iterdir()}
