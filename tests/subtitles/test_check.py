from __future__ import annotations

import pytest
from hypothesis import given
from subtitle_samples import PROVENANCE, SECOND, meeting, monologues, recordings

from captioner.errors import InvalidRequest
from captioner.subtitles.check import Report, Rule, check, seconds_of
from captioner.subtitles.cues import Cue, Segment, Turn
from captioner.subtitles.document import Document
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.formats.parsing import document_of
from captioner.subtitles.profiles import ARCOM, LIVE, PROFILES, WEB, Profile
from captioner.subtitles.reading import parse

MILLISECOND = SECOND // 1000


def document(*cues: Cue, language: str = "fr") -> Document:
    return document_of(cues, PROVENANCE, languages=[language] * len(cues))


def cue(*lines: str, start: float = 0.0, end: float = 4.0, speaker: str = "") -> Cue:
    times = (round(start * SECOND), round(end * SECOND))
    return Cue(f"c{start:g}", *times, (Turn(speaker, lines),))


def broken(*cues: Cue, profile: Profile = WEB, language: str = "fr") -> list[tuple[object, ...]]:
    report = check(document(*cues, language=language), profile)
    return [(found.rule, found.measured, found.limit, found.unit) for found in report.violations]


def test_a_file_that_keeps_to_its_profile_has_no_violations() -> None:
    report = check(document(cue("Bonjour à tous."), cue("Oui.", start=5, end=6)), WEB)
    assert report == Report(cues=2, readable=2, violations=())
    assert report.counts() == {}


def test_lines_have_a_number_and_a_length() -> None:
    assert broken(cue("Oui,", "bien,", "merci.")) == [(Rule.LINES, 3, 2, "lines")]
    assert broken(cue("Oui,", "bien,", "merci."), profile=LIVE) == []
    wide = "a" * 20 + " " + "b" * 22
    assert broken(cue(wide), end_of := cue("Oui.", start=5, end=6)) == [
        (Rule.COLUMNS, 43, 42, "characters")
    ]
    assert broken(cue(wide[:-1]), end_of) == []
    assert broken(cue("a" * 43), end_of) == []  # no layout can break it


def test_accents_in_two_parts_and_marks_of_direction_take_no_columns() -> None:
    assert broken(cue("e\u0301\u200e" * 21 + " " + "a" * 20)) == []


@pytest.mark.parametrize(
    ("end", "found"),
    [
        (0.998, []),
        (0.997, [(Rule.SHORTEST, 0.997, 1.0, "s")]),
        (7.002, []),
        (7.003, [(Rule.LONGEST, 7.003, 7.0, "s")]),
    ],
)
def test_cues_stay_for_some_time_give_or_take_what_files_round(
    end: float, found: list[object]
) -> None:
    assert broken(cue("Oui.", end=end)) == found


def test_cues_stay_as_long_as_it_takes_to_read_them() -> None:
    line = "a" * 16 + " " + "b" * 17  # 34 characters, 2 s
    assert broken(cue(line, end=2.0)) == []
    assert broken(cue(line, end=1.9)) == [(Rule.READING_SPEED, 1.9, 2.0, "s")]
    (found,) = check(document(cue(line, end=1.9), cue(line, start=3, end=6)), WEB).violations
    assert found.cue == "c0"
    assert check(document(cue(line, end=1.9), cue(line, start=3, end=6)), WEB).readable == 1
    assert broken(cue(line, end=0.1), profile=LIVE) == []


def test_the_charter_grants_a_fifth() -> None:
    line = "a" * 10 + " " + "b" * 9  # 20 characters: 2 s, less a fifth
    assert broken(cue(line, end=1.6), profile=ARCOM) == []
    assert broken(cue(line, end=1.5), profile=ARCOM) == [(Rule.READING_SPEED, 1.5, 1.6, "s")]


def test_cues_of_one_speaker_leave_a_gap_and_do_not_overlap() -> None:
    def after(start: float, speaker: str = "A") -> list[tuple[object, ...]]:
        return broken(
            cue("un", end=4.0, speaker="A"), cue("deux", start=start, end=6.0, speaker=speaker)
        )

    assert after(4.08) == []
    assert after(4.04) == [(Rule.GAP, 0.04, 0.08, "s")]
    assert after(3.5) == [(Rule.OVERLAP, 0.5, 0.0, "s")]
    assert after(3.5, speaker="B") == []


def test_names_in_the_text_tell_speakers_apart() -> None:
    rules = [
        [rule for rule, *_ in broken(cue("Claire : oui.", end=4), cue(line, start=3, end=6))]
        for line in ("Julien : non.", "Claire : si.", "si.")
    ]
    assert rules == [
        [Rule.TYPOGRAPHY, Rule.TYPOGRAPHY],
        [Rule.TYPOGRAPHY, Rule.TYPOGRAPHY, Rule.OVERLAP],
        [Rule.TYPOGRAPHY, Rule.OVERLAP],
    ]


def test_a_long_cue_overlaps_all_that_lie_in_it() -> None:
    found = broken(cue("un", end=7), cue("deux", start=1, end=2), cue("trois", start=3, end=4))
    assert [rule for rule, *_ in found] == [Rule.OVERLAP, Rule.OVERLAP]


def test_lines_do_not_end_between_words_that_belong_together() -> None:
    bad = cue("Nous avons lu le", "rapport de la ville.")
    assert broken(bad) == [(Rule.BREAK, "le / rapport", "words that belong together", "")]
    assert broken(cue("Nous avons lu", "le rapport de la ville.")) == []
    assert broken(bad, language="en") == []
    assert broken(bad, profile=LIVE) == []


def test_turns_of_a_cue_may_end_with_any_word() -> None:
    turns = (Turn("A", ("– Et le",)), Turn("B", ("– Non.",)))
    assert broken(Cue("1", 0, 3 * SECOND, turns)) == []


@pytest.mark.parametrize(
    ("line", "proper"),
    [
        ("Ça va ?", "Ça va\u202f?"),
        ("Ça va?", "Ça va\u202f?"),
        ("Oui : moi.", "Oui\u00a0: moi."),
        ("Dit « oui ».", "Dit «\u202foui\u202f»."),
    ],
)
def test_french_punctuation_has_its_spaces(line: str, proper: str) -> None:
    assert broken(cue(line)) == [(Rule.TYPOGRAPHY, line, proper, "")]
    assert broken(cue(proper)) == []
    assert broken(cue(line), language="en") == []


def test_a_file_says_that_a_machine_made_it_where_it_can() -> None:
    unknown = document_of([cue("Oui.")], None, languages=["fr"])
    (found,) = check(unknown, WEB).violations
    assert (found.rule, found.cue, found.measured) == (Rule.NOTICE, "", "none")
    assert check(unknown, WEB, notice=False).violations == ()


def test_rules_may_be_left_out() -> None:
    bad = document(cue("Oui,", "bien,", "merci?", end=0.1))
    rules = {found.rule for found in check(bad, WEB).violations}
    assert rules == {Rule.LINES, Rule.SHORTEST, Rule.READING_SPEED, Rule.TYPOGRAPHY}
    left = check(bad, WEB, ignored=[Rule.LINES, Rule.TYPOGRAPHY])
    assert {found.rule for found in left.violations} == {Rule.SHORTEST, Rule.READING_SPEED}
    assert left.counts()[Rule.SHORTEST] == 1


def test_violations_come_in_the_order_of_time() -> None:
    found = check(document(cue("un", end=9), cue("deux?", start=2, end=3)), WEB).violations
    assert [seconds_of(violation) for violation in found] == [0.0, 2.0, 2.0]


def test_a_file_without_cues_cannot_be_checked_but_an_empty_one_can() -> None:
    text = FORMATS["json"].render([Segment("1", 0, SECOND, (), "", "Oui.")], PROVENANCE)
    with pytest.raises(InvalidRequest, match="found no cues: convert it to vtt, srt or ttml"):
        check(parse(text, "json"), WEB)
    assert check(parse(FORMATS["vtt"].render([], PROVENANCE), "vtt"), WEB).violations == ()


@pytest.mark.parametrize("name", ["vtt", "srt", "ttml"])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_layout_of_real_speech_lacks_nothing_but_time(name: str, profile: Profile) -> None:
    rules = set()
    for said in (meeting(), *([part] for part in monologues())):
        text = FORMATS[name].render(said, PROVENANCE, profile=profile)
        report = check(parse(text, name), profile, notice=name != "srt")
        rules |= set(report.counts())
    assert rules <= {Rule.READING_SPEED, Rule.SHORTEST}
    assert profile.reading or not rules


@given(recordings)
def test_what_is_laid_out_keeps_to_what_a_layout_can(said: list[Segment]) -> None:
    for profile in PROFILES.values():
        text = FORMATS["vtt"].render(said, PROVENANCE, profile=profile)
        rules = {found.rule for found in check(parse(text, "vtt"), profile).violations}
        assert rules.isdisjoint({Rule.LINES, Rule.COLUMNS, Rule.NOTICE})
