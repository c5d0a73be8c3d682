from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

import pytest
from hypothesis import given
from subtitle_samples import PROVENANCE, SECOND, meeting, recordings, segment

from captioner.errors import InvalidRequest
from captioner.subtitles.conversion import convert, join_sentences
from captioner.subtitles.cues import Segment
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.profiles import ARCOM, PROFILES, WEB
from captioner.subtitles.reading import parse
from captioner.subtitles.typography import typeset

SRT = """1
00:00:01,000 --> 00:00:03,000
Nous avons trois sujets

2
00:00:03,080 --> 00:00:05,000
à l'ordre du jour.

3
00:00:05,080 --> 00:00:06,000
- Ça va\u202f?
- Oui

4
00:00:06,080 --> 00:00:08,000
et toi
"""


def test_json_is_laid_out_by_its_words() -> None:
    said = [segment("Nous avons trois sujets à l'ordre du jour, et je propose.", pace=0.6)]
    document = parse(FORMATS["json"].render(said, PROVENANCE), "json")
    for profile in PROFILES.values():
        assert convert(document, FORMATS["vtt"], profile=profile) == FORMATS["vtt"].render(
            said, PROVENANCE, profile=profile
        )


def test_cues_that_split_a_sentence_are_joined_and_words_keep_the_times_of_their_cue() -> None:
    joined = join_sentences(parse(SRT, "srt"))
    assert [part.text for part in joined] == [
        "Nous avons trois sujets à l'ordre du jour.",
        "Ça va\u202f?",
        "Oui",
        "et toi",  # two speakers were in the cue before it: who goes on is not known
    ]
    times = {word.text: word.start / SECOND for word in joined[0].words}
    assert times["Nous"] == 1.0
    assert times["à"] == 3.08
    assert joined[0].end == 5 * SECOND


def test_cues_of_one_caption_become_one_again() -> None:
    said = [
        segment("Bonjour à tous. " * 6 + "Merci.", speaker="Claire", id="claire-2"),
        segment("Non.", start=20, speaker="Claire", id="claire-3"),
    ]
    document = parse(FORMATS["vtt"].render(said, PROVENANCE), "vtt")
    assert [cue.id for cue in document.cues][:2] == ["claire-2.1", "claire-2.2"]
    joined = join_sentences(document)
    assert [(part.id, part.text) for part in joined] == [(part.id, part.text) for part in said]


@pytest.mark.parametrize(
    ("second", "joined"),
    [
        ("00:00:04.000 --> 00:00:05.000\n<v A>et deux", True),
        ("00:00:04.001 --> 00:00:05.000\n<v A>et deux", False),
        ("00:00:02.500 --> 00:00:05.000\n<v A>et deux", False),
        ("00:00:03.000 --> 00:00:05.000\n<v B>et deux", False),
    ],
)
def test_a_sentence_goes_on_when_its_speaker_does(second: str, joined: bool) -> None:
    text = f"WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n<v A>un\n\n{second}\n"
    assert len(join_sentences(parse(text, "vtt"))) == 2 - joined


NAMED = """00:01 --> 00:02
Claire : Nous

00:02 --> 00:03
commençons

00:03 --> 00:04
Julien Martin : par quoi ?

00:04 --> 00:06
- Claire : Oui.
- Julien Martin : Non.
"""


def test_names_in_the_text_are_speakers_where_asked_for() -> None:
    document = parse(NAMED, "srt")
    read = parse(convert(document, FORMATS["vtt"], names=True), "vtt")
    assert [(part.speaker, part.text) for part in read.segments] == [
        ("Claire", "Nous commençons"),
        ("Julien Martin", "par quoi\u202f?"),
        ("Claire", "Oui."),
        ("Julien Martin", "Non."),
    ]
    assert "<v" not in convert(document, FORMATS["vtt"])


def test_names_in_the_text_begin_sentences_of_their_own() -> None:
    joined = [part.text for part in join_sentences(parse(NAMED, "srt"))]
    assert joined[:2] == ["Claire : Nous commençons", "Julien Martin : par quoi ?"]


def test_subrip_of_ours_becomes_what_it_was_made_of() -> None:
    said = [replace(part, words=()) for part in meeting()]
    text = FORMATS["srt"].render(said, None)
    read = parse(convert(parse(text, "srt"), FORMATS["txt"], names=True), "txt")
    names = [name for name, _ in groupby(part.speaker for part in said_in_order(said))]
    assert [name for name, _ in groupby(part.speaker for part in read.segments)] == names


def said_in_order(said: Iterable[Segment]) -> list[Segment]:
    return sorted(said, key=lambda part: part.start)


@pytest.mark.parametrize("end", [".", "!", "?", "…", ".\u202f»", "?)"])
def test_a_sentence_that_ends_does_not_go_on(end: str) -> None:
    text = f"00:01 --> 00:02\nun{end}\n\n00:02.1 --> 00:03\ndeux"
    assert len(join_sentences(parse(text, "srt"))) == 2


def test_another_profile_breaks_the_lines_elsewhere() -> None:
    text = "00:00 --> 00:05\nNous avons trois sujets à l'ordre du jour.\n"
    laid_out = {
        profile.name: parse(convert(parse(text, "srt"), FORMATS["srt"], profile=profile), "srt")
        for profile in (WEB, ARCOM)
    }
    assert {name: len(file.cues[0].lines) for name, file in laid_out.items()} == {
        "web": 1,
        "arcom": 2,
    }


def test_json_of_cues_has_no_words_and_the_spaces_of_speech() -> None:
    content = json.loads(convert(parse(SRT, "srt"), FORMATS["json"]))
    assert [row["text"] for row in content["segments"]][2] == "Ça va ?"
    assert {len(row["words"]) for row in content["segments"]} == {0}
    assert "metadata" not in content


def test_no_space_of_typography_is_left_in_json() -> None:
    text = "M. Martin a 3 000 € : 24 % au 24 novembre, n° 5 « oui » !"
    assert typeset(text) != text
    document = parse(f"00:01 --> 00:02\n{typeset(text)}", "srt")
    (row,) = json.loads(convert(document, FORMATS["json"]))["segments"]
    assert row["text"] == text


def test_what_made_a_file_is_kept_and_never_invented() -> None:
    told = parse(FORMATS["vtt"].render([segment("Oui.")], PROVENANCE), "vtt")
    for name in ("vtt", "ttml", "json", "txt"):
        assert parse(convert(told, FORMATS[name]), name).provenance == PROVENANCE
        assert parse(convert(parse(SRT, "srt"), FORMATS[name]), name).provenance is None


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"txt"}))
def test_text_without_times_becomes_nothing_but_text(name: str) -> None:
    document = parse("Oui.\nNon.\n", "txt")
    assert convert(document, FORMATS["txt"]) == "Oui.\nNon.\n"
    with pytest.raises(InvalidRequest, match=f"text without times cannot become {name}, only txt"):
        convert(document, FORMATS[name])


@pytest.mark.parametrize("through", ["vtt", "ttml"])
@given(said=recordings)
def test_every_word_survives_a_conversion(through: str, said: list[Segment]) -> None:
    first = parse(FORMATS[through].render(said, PROVENANCE), through)
    second = parse(convert(first, FORMATS[through], profile=ARCOM), through)
    before, after = (
        sorted(letter for part in read.segments for letter in part.text if not letter.isspace())
        for read in (first, second)
    )
    assert before == after
