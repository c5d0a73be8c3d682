from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import pytest
import srt
import webvtt as reader
from hypothesis import given
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
from captioner.subtitles.cues import Cue, Provenance, Segment, Turn
from captioner.subtitles.formats.timestamps import format_time, to_milliseconds
from captioner.subtitles.formats.webvtt import block, escape, header, parse, render
from captioner.subtitles.layout import lay_out
from captioner.subtitles.reading import read_document

Convert = Callable[[Path, str], str]

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
        assert [line.strip() for line in lines] == [printable(line) for line in cue.lines]


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


@given(anything_said)
def test_any_text_is_read_back_by_an_independent_reader(said: list[Segment]) -> None:
    read = reader.from_string(render(said, PROVENANCE)).captions
    texts = [html.unescape(caption.text).split("\n") for caption in read]
    assert texts == [[printable(line) for line in cue.lines] for cue in lay_out(said)]


@given(recordings)
def test_what_is_written_is_read(said: list[Segment]) -> None:
    read = parse(render(said, PROVENANCE), language="fr")
    cues = lay_out(said)
    assert [cue.lines for cue in read.cues] == [
        tuple(printable(line) for line in cue.lines) for cue in cues
    ]
    assert [{turn.speaker for turn in cue.turns} for cue in read.cues] == [
        {printable(turn.speaker) for turn in cue.turns} for cue in cues
    ]
    assert [(cue.start, cue.end) for cue in read.cues] == [
        (to_milliseconds(cue.start) * 16, to_milliseconds(cue.end) * 16) for cue in cues
    ]
    assert read.provenance == PROVENANCE


def test_ffmpeg_reads_the_same_cues(ffmpeg: Convert, tmp_path: Path) -> None:
    # It turns text into SubStation Alpha, in which these mean something.
    texts = tuple(text for text in SAYINGS if not {"{", "\\"} & set(text))
    path = tmp_path / "said.vtt"
    path.write_text(render(sayings(texts=texts), PROVENANCE), encoding="utf-8")
    read = list(srt.parse(ffmpeg(path, "srt")))
    cues = lay_out(sayings(texts=texts))
    assert [cue.content.split("\n") for cue in read] == [
        [printable(line) for line in cue.lines] for cue in cues
    ]
    assert [cue.start.total_seconds() for cue in read] == [cue.start / SECOND for cue in cues]


def test_ffprobe_knows_what_it_is(ffprobe: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "said.vtt"
    path.write_text(render([segment("Oui.", start=1.0)], PROVENANCE), encoding="utf-8")
    assert ffprobe(path).split() == ["1.000000,1.000000,", "webvtt"]


def test_several_turns_in_a_cue_are_several_voices() -> None:
    turns = (Turn("Claire", ("– Ça va ?",)), Turn("", ("– Oui.",)), Turn("Julien", ("– Non.",)))
    text = block(Cue("1", 0, SECOND, turns))
    assert text.splitlines()[-3:] == ["<v Claire>– Ça va ?</v>", "– Oui.", "<v Julien>– Non.</v>"]
    (cue,) = parse("WEBVTT\n" + text, language="fr").cues
    assert cue.turns == turns


def test_a_file_of_unknown_origin_has_no_note() -> None:
    assert render([segment("Oui.")], None).startswith("WEBVTT\n\n1\n00:00:01.000")


def test_an_id_is_not_taken_for_a_note() -> None:
    text = header(PROVENANCE) + block(Cue("NOTE", 0, SECOND, (Turn("", ("oui",)),)))
    assert [caption.text for caption in reader.from_string(text).captions] == ["oui"]


FOREIGN = """\ufeffWEBVTT Kind: captions; Language: fr
Language: fr-CA

STYLE
::cue(.jaune) { color: yellow }

REGION
id:bas

NOTE ceci n'est pas un cue

intro
00:01.000 --> 00:02.000 align:start position:10%
<v.fort Claire Martin>Bonjour, <c.jaune>toi</c> <i>et</i> <00:00:01.500>moi &amp; R&D
deux &lt;3 &eacute;

00:03.000 --> 00:04.000
<v Julien>- Oui.</v>
<v Sophie>- Non.</v>

00:05.000 --> 00:06.000
- Qui ?
- Moi,
personne.

00:07.000 --> 00:08.000
<ruby>漢<rt>kan</rt></ruby> 2 <3 et <
"""


def test_files_of_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "foreign.vtt"
    path.write_bytes(FOREIGN.replace("\n", "\r\n").encode())
    read = read_document(path, language="en")
    assert [cue.turns for cue in read.cues] == [
        (Turn("Claire Martin", ("Bonjour, toi et moi & R&D", "deux <3 é")),),
        (Turn("Julien", ("- Oui.",)), Turn("Sophie", ("- Non.",))),
        (Turn("", ("- Qui ?",)), Turn("", ("- Moi,", "personne."))),
        (Turn("", ("漢kan 2 <3 et <",)),),
    ]
    assert [(s.speaker, s.text, s.language) for s in read.segments] == [
        ("Claire Martin", "Bonjour, toi et moi & R&D deux <3 é", "fr"),
        ("Julien", "Oui.", "fr"),
        ("Sophie", "Non.", "fr"),
        ("", "Qui ?", "fr"),
        ("", "Moi, personne.", "fr"),
        ("", "漢kan 2 <3 et <", "fr"),
    ]
    assert read.provenance is None
    assert [segment.start for segment in read.segments][:3] == [SECOND, 3 * SECOND, 3.5 * SECOND]


def test_cues_may_follow_the_signature_and_each_other_without_an_empty_line() -> None:
    text = "WEBVTT\n00:01.000 --> 00:02.000\nun\n00:02.000 --> 00:03.000\ndeux"
    assert [s.text for s in parse(text, language="fr").segments] == ["un", "deux"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("WEBVTTX\n", "line 1: found 'WEBVTTX', expected WEBVTT"),
        ("1\n00:01 --> 00:02\noui", "line 1: found '1', expected WEBVTT"),
        ("WEBVTT\n\nune\nligne", "line 3: found 'une', expected times such as"),
        ("WEBVTT\n\n1\n00:01 --> fin\noui", "line 4: found '00:01 --> fin', expected times"),
        (
            "WEBVTT\n\n00:02.000 --> 00:01.000\noui",
            "line 3: found '00:02.000 --> 00:01.000', expected an end that is not before",
        ),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\n\noui", "line 5: found 'oui', expected times"),
        ("WEBVTT\n\n" + "x" * 100, "line 3: found '" + "x" * 59 + "…', expected"),
    ],
)
def test_what_is_no_webvtt_is_refused_with_the_line(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text, language="fr")
    assert str(raised.value).startswith(message)
