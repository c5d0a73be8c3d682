from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from fractions import Fraction

import pytest
import ttconv.filters.doc.imsc11text as imsc
import ttconv.imsc.reader
import ttconv.model
import ttconv.srt.writer
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import (
    PROVENANCE,
    SECOND,
    anything_said,
    recordings,
    sayings,
    segment,
)

from captioner.errors import InvalidRequest
from captioner.subtitles.cues import Provenance, Segment, Turn
from captioner.subtitles.layout import lay_out
from captioner.subtitles.printing import printable
from captioner.subtitles.timestamps import to_milliseconds
from captioner.subtitles.ttml import render
from captioner.subtitles.ttml_reading import MAX_DEPTH, parse

EXPECTED = """\
  <body region="bottom">
    <div>
      <p xml:id="cue-claire-1" begin="00:00:01.000" end="00:00:02.000" style="paragraph"\
 xml:space="preserve"><span style="text" ttm:agent="speaker-1">Ça va\u202f?</span></p>
      <p xml:id="cue-julien-1" begin="00:59:59.000" end="01:00:00.000" style="paragraph"\
 xml:space="preserve"><span style="text" ttm:agent="speaker-2">2 &lt; 3</span></p>
    </div>
  </body>
</tt>
"""


def read_independently(text: str) -> ttconv.model.ContentDocument:
    document = ttconv.imsc.reader.to_model(ET.ElementTree(ET.fromstring(text)))
    assert document is not None
    return document


def paragraphs(document: ttconv.model.ContentDocument) -> Iterator[ttconv.model.P]:
    body = document.get_body()
    for element in body.dfs_iterator() if body else ():
        if isinstance(element, ttconv.model.P):
            yield element


def lines_of(paragraph: ttconv.model.P) -> list[str]:
    parts = (
        "\n" if isinstance(element, ttconv.model.Br) else element.get_text()
        for element in paragraph.dfs_iterator()
        if isinstance(element, ttconv.model.Br | ttconv.model.Text)
    )
    return "".join(parts).split("\n")


def test_a_file_has_paragraphs_with_agents_and_breaks() -> None:
    said = [
        segment("2 < 3", start=3599.0, speaker="Julien & Cie", id="julien-1"),
        segment("Ça va ?", start=1.0, speaker="Claire", id="claire-1"),
    ]
    text = render(said, PROVENANCE)
    assert text.endswith(EXPECTED)
    assert '<ttm:agent xml:id="speaker-2" type="person"><ttm:name type="full">Julien &amp;' in text


def test_a_file_tells_what_made_it_to_people_and_programs() -> None:
    text = render([], PROVENANCE)
    assert "<ttm:desc>Sous-titres produits automatiquement" in text
    assert 'machine-generated="true" generator="Captioner 1.2.3" model="base"' in text
    assert parse(text, language="fr").provenance == PROVENANCE


def test_a_file_of_unknown_origin_does_not_tell() -> None:
    text = render([segment("Oui.")], None)
    assert "metadata>" not in text
    assert parse(text, language="fr").provenance is None


def test_a_recording_of_silence_has_no_empty_div() -> None:
    text = render([], PROVENANCE)
    assert "<div" not in text
    assert list(paragraphs(read_independently(text))) == []
    assert parse(text, language="fr").segments == ()


@pytest.mark.parametrize("said", [[], sayings(), sayings("fr")], ids=["silence", "en", "fr"])
def test_files_are_of_the_text_profile_of_imsc(
    said: list[Segment], caplog: pytest.LogCaptureFixture
) -> None:
    document = read_independently(render(said, PROVENANCE))
    assert caplog.records == []
    assert document.get_content_profiles() == {"http://www.w3.org/ns/ttml/profile/imsc1.1/text"}
    imsc.IMSC11TextFilter(imsc.IMSC11TextFilterConfig()).process(document)  # refuses what is not


def test_the_language_is_that_of_most_of_what_is_said() -> None:
    said = [segment("oui"), segment("non", start=5), segment("yes", start=9, language="en")]
    assert read_independently(render(said, PROVENANCE)).get_lang() == "fr"


@given(st.one_of(anything_said, recordings))
def test_any_text_is_read_back_by_an_independent_reader(said: list[Segment]) -> None:
    cues = lay_out(said)
    read = list(paragraphs(read_independently(render(said, PROVENANCE))))
    assert [lines_of(paragraph) for paragraph in read] == [
        [printable(line) for line in cue.lines] for cue in cues
    ]
    assert [(paragraph.get_begin() or 0, paragraph.get_end()) for paragraph in read] == [
        (Fraction(to_milliseconds(cue.start), 1000), Fraction(to_milliseconds(cue.end), 1000))
        for cue in cues
    ]


@given(recordings)
def test_what_is_written_is_read(said: list[Segment]) -> None:
    cues = lay_out(said)
    read = parse(render(said, PROVENANCE), language="fr")
    assert [cue.lines for cue in read.cues] == [
        tuple(printable(line) for line in cue.lines) for cue in cues
    ]
    assert [{turn.speaker for turn in cue.turns} for cue in read.cues] == [
        {printable(turn.speaker) for turn in cue.turns} for cue in cues
    ]
    assert read.provenance == PROVENANCE


def test_what_is_converted_by_another_program_says_the_same() -> None:
    said = [segment("Bonjour à tous, et merci.", speaker="Claire")]
    text = ttconv.srt.writer.from_model(read_independently(render(said, PROVENANCE)))
    assert text == "1\n00:00:01,000 --> 00:00:02,500\nBonjour à tous, et merci.\n"


def test_a_model_name_cannot_be_markup() -> None:
    made_by = Provenance("1", '"><x/>\n&', "sha256:0")
    assert parse(render([], made_by), language="fr").provenance == Provenance(
        "1", '"><x/> &', "sha256:0"
    )


def tt(body: str, *, root: str = "", head: str = "") -> str:
    return (
        '<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" '
        f'xmlns:ttm="http://www.w3.org/ns/ttml#metadata" {root}>'
        f"<head>{head}</head><body><div>{body}</div></body></tt>"
    )


@pytest.mark.parametrize(
    ("times", "root", "start", "end"),
    [
        ('begin="00:00:01.5" end="00:00:02"', "", 1.5, 2),
        ('begin="1.5s" dur="500ms"', "", 1.5, 2),
        ('begin="0.5m" end="0.01h"', "", 30, 36),
        ('begin="00:00:01:12" end="00:00:02:00"', 'ttp:frameRate="24"', 1.5, 2),
        ('begin="24f" end="48f"', 'ttp:frameRate="24"', 1, 2),
        (
            'begin="30f" end="60f"',
            'ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"',
            1.001,
            2.002,
        ),
        ('begin="10000000t" end="15000000t"', 'ttp:tickRate="10000000"', 1, 1.5),
        ('end="2s"', "", 0, 2),
    ],
)
def test_times_are_read_in_every_notation(times: str, root: str, start: float, end: float) -> None:
    (cue,) = parse(tt(f"<p {times}>oui</p>", root=root), language="fr").cues
    assert (cue.start, cue.end) == (round(start * SECOND), round(end * SECOND))


def test_times_add_up_and_are_cut_by_those_of_their_surroundings() -> None:
    body = (
        '<p begin="1s" end="9s">un</p>'
        '<p begin="1s"><span begin="1s" end="2s">deux</span> <span begin="2s">trois</span></p>'
    )
    text = tt(body).replace("<div>", '<div begin="10s" dur="5s">')
    assert [
        (cue.start // SECOND, cue.end // SECOND) for cue in parse(text, language="fr").cues
    ] == [
        (11, 15),
        (12, 15),
    ]


FOREIGN = """<?xml version="1.0" encoding="utf-16"?>
<!-- un commentaire -->
<tt:tt xmlns:tt="http://www.w3.org/2006/10/ttaf1" xml:lang="en-GB"
    xmlns:ttm="http://www.w3.org/2006/10/ttaf1#metadata">
  <tt:head>
    <tt:metadata><ttm:agent xml:id="c"><ttm:name>Claire</ttm:name></ttm:agent></tt:metadata>
  </tt:head>
  <tt:body>
    <tt:div xml:lang="fr" ttm:agent="c">
      <tt:p begin="1s" end="2s">
        <tt:metadata><ttm:desc>rien</ttm:desc></tt:metadata>
        Bonjour   <tt:span>à &#233;
        tous</tt:span><tt:br/>
        <tt:set begin="0s"/>et merci
      </tt:p>
      <tt:p begin="3s" end="4s" ttm:agent="personne"> <tt:br/> </tt:p>
      <tt:p begin="5s" end="6s" ttm:agent="personne">- Qui ?<tt:br/>- Moi.</tt:p>
      <tt:p begin="7s" end="8s">
        <tt:span>- A.</tt:span><tt:br/><tt:span ttm:agent="j">- B.</tt:span></tt:p>
    </tt:div>
    <tt:div><tt:p begin="7.5s" end="8s" xml:space="preserve">Yes
sir</tt:p></tt:div>
  </tt:body>
</tt:tt>
"""


def test_files_of_others_are_read() -> None:
    read = parse(FOREIGN, language="de")
    assert [cue.turns for cue in read.cues] == [
        (Turn("Claire", ("Bonjour à é tous", "et merci")),),
        (Turn("personne", ("- Qui ?", "- Moi.")),),
        (Turn("Claire", ("- A.",)), Turn("j", ("- B.",))),
        (Turn("", ("Yes", "sir")),),
    ]
    assert [segment.language for segment in read.segments] == ["fr", "fr", "fr", "fr", "en"]
    assert [segment.text for segment in read.segments][2:4] == ["A.", "B."]
    assert read.provenance is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<tt>", "line 1: expected XML, but no element found"),
        ("oui", "line 1: expected XML, but syntax error"),
        ("<a>\n</b>", "line 2: expected XML, but mismatched tag"),
        ("\n<html/>", "line 2: found 'html', expected http://www.w3.org/ns/ttml the element tt"),
        ("<!DOCTYPE tt>\n<tt/>", "line 1: found '<!DOCTYPE', expected TTML, which has no document"),
        (tt("\n<p>oui</p>"), "line 2: found 'a paragraph without end', expected end="),
        (tt('<p begin="2s" end="1s">oui</p>'), "line 1: found 'begin 2 s, end 1 s', expected an"),
        (tt('<p end="deux">oui</p>'), "line 1: found 'end=\"deux\"', expected a time such as"),
        (tt('<p end="99999999h">oui</p>'), "line 1: found 'end=\"99999999h\"', expected a time"),
        (
            tt('<p timeContainer="seq" end="1s"/>'),
            "line 1: found 'timeContainer=\"seq\"', expected",
        ),
        (tt("", root='ttp:frameRate="0"'), "line 1: found 'ttp:frameRate=\"0\"', expected a whole"),
        (tt("", root='ttp:tickRate="x"'), "line 1: found 'ttp:tickRate=\"x\"', expected a whole"),
    ],
)
def test_what_is_no_ttml_is_refused_with_the_line(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text, language="fr")
    assert str(raised.value).startswith(message)


def test_entities_cannot_expand() -> None:
    bomb = '<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n' + tt('<p end="1s">&b;</p>')
    with pytest.raises(InvalidRequest, match="no document type"):
        parse(bomb, language="fr")


def test_elements_lie_within_one_another_up_to_a_limit() -> None:
    def nested(spans: int) -> str:
        return tt('<p end="1s">' + "<span>" * spans + "oui" + "</span>" * spans + "</p>")

    around = 4  # tt, body, div, p
    (read,) = parse(nested(MAX_DEPTH - around), language="fr").segments
    assert read.text == "oui"
    with pytest.raises(InvalidRequest, match=f"no more than {MAX_DEPTH} elements"):
        parse(nested(MAX_DEPTH - around + 1), language="fr")
