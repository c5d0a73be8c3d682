from __future__ import annotations

import html

import webvtt as reader
from hypothesis import given
from subtitle_samples import PROVENANCE, SECOND, recordings, segment

from captioner.subtitles.cues import Cue, Provenance, Segment, Turn
from captioner.subtitles.layout import lay_out
from captioner.subtitles.timestamps import format_time
from captioner.subtitles.typography import flatten
from captioner.subtitles.webvtt import block, escape, header, render

EXPECTED = """WEBVTT

NOTE
Sous-titres produits automatiquement : ils peuvent contenir des erreurs.
machine-generated: true
generator: Captioner 1.2.3
model: base
model-digest: sha256:0f1e

claire-1
00:00:01.000 --> 00:00:02.000
<v Claire>Ça va\u202f?

julien-1
00:59:59.000 --> 01:00:00.000
<v Julien &amp; Cie>2 &lt; 3
"""


def test_a_file_has_provenance_ids_times_and_voices() -> None:
    said = [
        segment("2 < 3", start=3599.0, speaker="Julien & Cie", id="julien-1"),
        segment("Ça va ?", start=1.0, speaker="Claire", id="claire-1"),
    ]
    assert render(said, PROVENANCE) == EXPECTED


def test_a_file_may_be_written_as_it_grows() -> None:
    said = [segment("Oui.", start=1.0), segment("Non.", start=9.0)]
    cues = lay_out(said)
    assert header(PROVENANCE) + "".join(map(block, cues)) == render(said, PROVENANCE)


def test_a_recording_of_silence_is_a_valid_file() -> None:
    assert len(reader.from_string(render([], PROVENANCE)).captions) == 0


def test_both_lines_of_a_cue_are_one_voice() -> None:
    cue = Cue("1", 0, SECOND, (Turn("Claire", ("un,", "deux")),))
    (read,) = reader.from_string(header(PROVENANCE) + block(cue)).captions
    assert (read.voice, read.text) == ("Claire", "un,\ndeux")


def test_a_cue_without_an_id_has_no_empty_line_for_it() -> None:
    assert block(Cue(" \n", 0, SECOND, (Turn("", ("oui",)),))).startswith("\n00:00:00.000 --> ")


def test_an_id_cannot_be_taken_for_times() -> None:
    text = block(Cue("1 --> 2\n\n3", 0, SECOND, (Turn("", ("oui",)),)))
    assert text.count("-->") == 1
    assert "\n\n" not in text


def test_a_model_name_cannot_end_the_note() -> None:
    text = header(Provenance("1", "base\n\n1\n00:00 --> 00:01\nfaux", "sha256:0"))
    assert "-->" not in text
    assert text.count("\n\n") == 1


@given(recordings)
def test_an_independent_reader_reads_back_any_recording(said: list[Segment]) -> None:
    cues = lay_out(said)
    text = render(said, PROVENANCE)
    read = reader.from_string(text).captions
    assert len(read) == len(cues)
    for found, cue in zip(read, cues, strict=True):
        assert found.start == format_time(cue.start, decimal=".")
        assert found.end == format_time(cue.end, decimal=".")
        lines = [html.unescape(line) for line in found.text.split("\n")]
        assert [line.strip() for line in lines] == [flatten(line) for line in cue.lines]


@given(recordings)
def test_no_cue_holds_an_empty_line_or_an_arrow(said: list[Segment]) -> None:
    cues = lay_out(said)
    for cue in cues:
        text = block(cue)
        assert text.count("-->") == 1
        assert "" not in text[1:-1].split("\n")
    render(said, PROVENANCE).encode("utf-8")


def test_markup_in_speech_is_text() -> None:
    assert escape("<b>R&D</b> --> fin") == "&lt;b&gt;R&amp;D&lt;/b&gt; --&gt; fin"
