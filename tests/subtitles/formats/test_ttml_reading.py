from __future__ import annotations

import pytest
from subtitle_samples import SECOND

from captioner.errors import InvalidRequest
from captioner.subtitles.cues import Turn
from captioner.subtitles.formats.ttml_reading import MAX_DEPTH, parse


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
