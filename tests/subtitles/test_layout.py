from __future__ import annotations

import json
from itertools import pairwise, zip_longest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import SECOND, recordings, segment

from captioner.subtitles.cues import Cue, Segment, Turn
from captioner.subtitles.layout import break_lines, lay_out
from captioner.subtitles.phrases import split_phrases
from captioner.subtitles.profiles import WEB, count_characters
from captioner.subtitles.timestamps import to_milliseconds
from captioner.transcript import Word

MEETING = Path(__file__).parents[2] / "examples" / "audio" / "meeting" / "truth.json"
LONG = (
    "Nous avons trois sujets à l'ordre du jour, et je vous propose de commencer tout de suite. "
    "Le premier sujet concerne le déploiement de la visioconférence dans les ministères."
)


def shown(cues: list[Cue]) -> str:
    return " ".join(line for cue in cues for line in cue.lines)


def meeting() -> list[Segment]:
    truth = json.loads(MEETING.read_text("utf-8"))
    found = []
    for name, track in truth.items():
        for number, utterance in enumerate(track["utterances"], start=1):
            words = tuple(
                Word(w["word"], round(w["start"] * SECOND), round(w["end"] * SECOND), 1.0)
                for w in utterance["words"]
            )
            found.append(
                Segment(
                    f"{name}-{number}",
                    words[0].start,
                    words[-1].end,
                    words,
                    name.title(),
                    utterance["text"],
                )
            )
    return found


def test_a_short_segment_is_one_cue_with_its_id() -> None:
    cues = lay_out([segment("Bonjour à tous.", id="claire-4", speaker="Claire")])
    assert cues == [
        Cue("claire-4", 16_000, 16_000 + SECOND, (Turn("Claire", ("Bonjour à tous.",)),))
    ]


def test_a_long_segment_becomes_cues_timed_from_their_own_words() -> None:
    said = segment(LONG, id="4", pace=0.3)
    cues = lay_out([said])
    assert [cue.id for cue in cues] == ["4.1", "4.2", "4.3"]
    assert shown(cues) == LONG
    starts = {word.start: word.text for word in said.words}
    assert [starts[cue.start] for cue in cues] == [cue.lines[0].split()[0] for cue in cues]


def test_cues_end_where_a_sentence_or_a_clause_ends() -> None:
    ends = [cue.lines[-1][-1] for cue in lay_out([segment(LONG, pace=0.3)])]
    assert ends == [",", ".", "."]


def test_a_line_does_not_end_with_an_article() -> None:
    text = "Il faudrait pouvoir fournir à chacun une liste de noms"
    lines = break_lines(text.split(), WEB)
    assert not lines[0].endswith((" une", " à", " de"))


def test_two_lines_are_of_similar_length() -> None:
    lines = break_lines(["mot"] * 12, WEB)
    assert [len(line) for line in lines] == [23, 23]


def test_a_text_that_fits_on_one_line_stays_on_one() -> None:
    assert break_lines(["x" * 20, "y" * 21], WEB) == ("x" * 20 + " " + "y" * 21,)
    assert len(break_lines(["x" * 20, "y" * 22], WEB)) == 2


def test_a_word_longer_than_a_line_stays_whole() -> None:
    word = "anticonstitutionnellement" * 3
    cues = lay_out([segment(f"il dit {word} puis rien")])
    assert any(word in line for cue in cues for line in cue.lines)


def test_a_word_that_lasts_too_long_has_a_cue_of_its_own() -> None:
    cues = lay_out([segment("oui non", pace=8.0)])
    assert [cue.lines for cue in cues] == [("oui",), ("non",)]


def test_a_short_cue_stays_long_enough_to_be_read() -> None:
    quick = segment("incontestablement " * 2 + "extraordinairement", start=2.0, pace=0.2)
    (cue,) = lay_out([quick])
    reading = WEB.reading_time(count_characters(cue.lines))
    assert (cue.end - cue.start) / SECOND == pytest.approx(reading, abs=0.001)


def test_a_cue_is_not_prolonged_over_the_next_one() -> None:
    first, second = segment("Oui.", start=1.0), segment("Non.", start=1.5, speaker="Julien")
    cue, _ = lay_out([second, first])
    assert cue.end == round((1.5 - WEB.gap) * SECOND)


def test_speech_of_two_speakers_at_once_stays_at_once() -> None:
    long = segment("un deux trois quatre", start=1.0, pace=1.0, speaker="Claire")
    short = segment("oui", start=2.0, speaker="Julien", id="2")
    first, _ = lay_out([long, short])
    assert first.end == long.end


def test_cues_of_one_speaker_leave_a_gap() -> None:
    cues = lay_out([segment(LONG, pace=0.3)])
    for before, after in pairwise(cues):
        assert after.start - before.end >= round(WEB.gap * SECOND)


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


def test_a_meeting_keeps_to_the_profile() -> None:
    said = meeting()
    cues = lay_out(said)
    for cue in cues:
        assert len(cue.lines) <= WEB.lines
        assert all(len(line) <= WEB.columns for line in cue.lines)
        assert cue.end - cue.start <= WEB.longest * SECOND
    quick = [cue for cue in cues if cue.end - cue.start < WEB.shortest * SECOND]
    assert len(quick) < 0.05 * len(cues)


@given(recordings, st.booleans())
def test_any_recording_keeps_to_the_profile(said: list[Segment], labels: bool) -> None:
    cues = lay_out(said, labels=labels)
    for cue in cues:
        assert 1 <= len(cue.lines) <= WEB.lines
        assert all(line.strip() for line in cue.lines)
        assert all(len(line) <= WEB.columns or " " not in line for line in cue.lines)
        assert to_milliseconds(cue.start) < to_milliseconds(cue.end)
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)


@given(recordings)
def test_a_cue_is_shown_as_long_as_it_takes_to_read_unless_another_follows(
    said: list[Segment],
) -> None:
    cues = lay_out(said)
    for cue, after in zip_longest(cues, cues[1:]):
        reading = WEB.reading_time(count_characters(cue.lines))
        wanted = min(max(WEB.shortest, reading), WEB.longest)
        followed = after is not None and after.start - cue.end <= round(WEB.gap * SECOND)
        assert followed or cue.end - cue.start >= wanted * SECOND


@given(recordings)
def test_no_word_of_any_recording_is_lost(said: list[Segment]) -> None:
    phrases = [phrase for part in said for phrase in split_phrases(part)]
    cues = lay_out(said)
    assert sorted("".join(phrase.text for phrase in phrases).replace(" ", "")) == sorted(
        shown(cues).replace(" ", "")
    )
    spoken = {phrase.start for phrase in phrases}
    assert all(cue.start in spoken for cue in cues)
