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
    anything_said,
    recordings,
    sayings,
    segment,
)

from captioner.subtitles.characters import printable
from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.formats.timestamps import to_milliseconds
from captioner.subtitles.formats.ttml_reading import parse
from captioner.subtitles.formats.ttml_writing import render
from captioner.subtitles.layout import lay_out

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
