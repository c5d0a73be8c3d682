from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pysubs2
import pytest
import srt as reader
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import (
    PROVENANCE,
    SAYINGS,
    SECOND,
    anything_said,
    recordings,
    sayings,
    segment,
)

from captioner.errors import InvalidRequest
from captioner.subtitles.characters import printable
from captioner.subtitles.cues import Cue, Segment, Turn
from captioner.subtitles.formats.srt import parse, render
from captioner.subtitles.formats.timestamps import to_milliseconds
from captioner.subtitles.layout import lay_out

Convert = Callable[[Path, str], str]

EXPECTED = """1
00:00:01,000 --> 00:00:02,000
Claire\u00a0: Ça va\u202f?

2
00:59:59,000 --> 01:00:00,000
Julien\u00a0: 2 ‹ 3
"""


def shown(cue: Cue) -> list[str]:
    """The lines of a cue as the format writes them."""
    look_alikes = str.maketrans("<>{}\\", "‹›❴❵⧵")
    return [printable(line).translate(look_alikes) for line in cue.lines]


def test_a_file_has_numbers_times_and_names() -> None:
    said = [
        segment("2 < 3", start=3599.0, speaker="Julien"),
        segment("Ça va ?", start=1.0, speaker="Claire"),
    ]
    assert render(said, PROVENANCE) == EXPECTED


def test_a_recording_of_silence_is_an_empty_file() -> None:
    assert render([], PROVENANCE) == ""


def test_markup_in_a_name_is_text() -> None:
    text = render([segment("oui", speaker="<font size=99>")], PROVENANCE)
    assert "‹font size=99›\u00a0: oui" in text


def test_an_editor_of_subtitles_reads_the_same_cues() -> None:
    # It takes a number alone on the last line for that of the next cue, and times for times.
    said = sayings(texts=tuple(text for text in SAYINGS if not text[:1].isdecimal()))
    read = pysubs2.SSAFile.from_string(render(said, PROVENANCE), format_="srt")
    cues = lay_out(said, labels=True)
    assert [cue.text.split("\\N") for cue in read] == [shown(cue) for cue in cues]
    assert [cue.start * 16 for cue in read] == [cue.start for cue in cues]


@given(st.one_of(anything_said, recordings))
def test_any_text_is_read_back_by_an_independent_reader(said: list[Segment]) -> None:
    cues = lay_out(said, labels=True)
    read = list(reader.parse(render(said, PROVENANCE)))
    assert [cue.content.split("\n") for cue in read] == [shown(cue) for cue in cues]
    assert [(cue.start, cue.end) for cue in read] == [
        tuple(timedelta(milliseconds=to_milliseconds(time)) for time in (cue.start, cue.end))
        for cue in cues
    ]


@given(recordings)
def test_what_is_written_is_read(said: list[Segment]) -> None:
    cues = lay_out(said, labels=True)
    text = render(said, PROVENANCE)
    read = parse(text, language="fr").cues
    assert [list(cue.lines) for cue in read] == [shown(cue) for cue in cues]
    assert [(cue.start, cue.end) for cue in read] == [
        (to_milliseconds(cue.start) * 16, to_milliseconds(cue.end) * 16) for cue in cues
    ]


def test_ffmpeg_reads_the_same_cues(ffmpeg: Convert, tmp_path: Path) -> None:
    path = tmp_path / "said.srt"
    path.write_text(render(sayings(), PROVENANCE), encoding="utf-8")
    read = list(reader.parse(ffmpeg(path, "srt")))
    cues = lay_out(sayings())
    assert [cue.content.split("\n") for cue in read] == [shown(cue) for cue in cues]
    assert [cue.start.total_seconds() for cue in read] == [cue.start / SECOND for cue in cues]


def test_ffprobe_knows_what_it_is(ffprobe: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "said.srt"
    path.write_text(render([segment("Oui.", start=1.0)], PROVENANCE), encoding="utf-8")
    assert ffprobe(path).split() == ["1.000000,1.000000", "srt"]


FOREIGN = """
1
00:00:01,000 --> 00:00:02,000 X1:10 X2:20
{\\an8}<i>Été</i> <font color="#ff0000">rouge</font>

suite après une ligne vide


00:03.5-->00:04
sans numéro 2 < 3 &amp; <3
3
00:05.000 --> 00:06.000
- Ça va ?
- Oui.

4

00:07,000 --> 00:08,000
<B>42</B>

5
00:09,000 --> 00:10,000

6
00:11,000 --> 00:12,000
- Seul.
"""


def test_files_of_others_are_read() -> None:
    read = parse(FOREIGN, language="fr")
    assert [(segment.text, segment.start / SECOND) for segment in read.segments] == [
        ("Été rouge suite après une ligne vide", 1.0),
        ("sans numéro 2 < 3 &amp; <3", 3.5),
        ("Ça va ?", 5.0),
        ("Oui.", 5.0 + 0.6363125),
        ("42", 7.0),
        ("- Seul.", 11.0),
    ]
    assert [cue.id for cue in read.cues] == ["1", "2", "3", "4", "5"]
    assert read.cues[2].turns == (Turn("", ("- Ça va ?",)), Turn("", ("- Oui.",)))
    assert read.provenance is None


def test_numbers_below_zero_are_no_dashes() -> None:
    read = parse("00:01 --> 00:02\n-5 degrés\n-3 degrés", language="fr")
    assert [segment.text for segment in read.segments] == ["-5 degrés -3 degrés"]


def test_a_name_before_a_colon_is_text() -> None:
    (read,) = parse("00:01 --> 00:02\nClaire : oui", language="en").segments
    assert (read.speaker, read.text, read.language) == ("", "Claire : oui", "en")


def test_cues_are_ordered_by_their_start() -> None:
    text = "00:05 --> 00:06\ndeux\n\n00:01 --> 00:02\nun"
    assert [segment.text for segment in parse(text, language="fr").segments] == ["un", "deux"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bonjour", "line 1: found 'bonjour', expected a number, or times such as 00:00:01,000"),
        ("\n\nbonjour\n1\n00:01 --> 00:02", "line 3: found 'bonjour', expected a number, or"),
        ("1\n00:01 --> deux\noui", "line 2: found '00:01 --> deux', expected times such as"),
        ("1\n00:02 --> 00:01\noui", "line 2: found '00:02 --> 00:01', expected an end that"),
    ],
)
def test_what_is_no_subrip_is_refused_with_the_line(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text, language="fr")
    assert str(raised.value).startswith(message)


def test_long_lines_of_dashes_are_read_at_once() -> None:
    parse("1\n00:01 --> 00:02\n1:" + "-" * 1_000_000, language="fr")
