"""TTML for archives: the text profile of IMSC 1.1 (https://www.w3.org/TR/ttml-imsc1.1/).

Speakers are agents, one for each turn. What produced the file is told in words, and in an element
of our own for programs. Read back by ``ttml_reading``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import quoteattr

from captioner.subtitles.characters import flatten, printable
from captioner.subtitles.cues import Cue, Provenance, Segment, Turn
from captioner.subtitles.formats.timestamps import format_time
from captioner.subtitles.formats.ttml_reading import CUE_PREFIX, METADATA, OWN, PARAMETER, TT
from captioner.subtitles.layout import lay_out
from captioner.subtitles.profiles import WEB, Profile

_DESIGNATOR = "http://www.w3.org/ns/ttml/profile/imsc1.1/text"
_NOTICE = "Sous-titres produits automatiquement : ils peuvent contenir des erreurs."
_NOT_IN_ID = re.compile(r"[^\w.\-]", re.ASCII)
# White on black at the bottom, within the area that every screen shows.
_LAYOUT = """\
    <styling>
      <style xml:id="paragraph" tts:fontFamily="proportionalSansSerif" tts:fontSize="80%" \
tts:lineHeight="125%" tts:textAlign="center"/>
      <style xml:id="text" tts:color="#FFFFFF" tts:backgroundColor="#000000CC"/>
    </styling>
    <layout>
      <region xml:id="bottom" tts:origin="10% 10%" tts:extent="80% 80%" tts:displayAlign="after" \
tts:overflow="visible" tts:showBackground="whenActive"/>
    </layout>
"""


def render(
    segments: Iterable[Segment], provenance: Provenance | None, *, profile: Profile = WEB
) -> str:
    """A whole file: one paragraph for each cue."""
    segments = list(segments)
    cues = lay_out(segments, profile)
    names = [turn.speaker for cue in cues for turn in cue.turns if flatten(turn.speaker)]
    agents = {name: f"speaker-{number}" for number, name in enumerate(dict.fromkeys(names), 1)}
    return "".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<tt xmlns="{TT}" xmlns:ttp="{PARAMETER}" xmlns:tts="{TT}#styling"',
            f' xmlns:ttm="{METADATA}" xml:lang={_quote(_language(segments))}',
            f' ttp:contentProfiles="{_DESIGNATOR}" ttp:timeBase="media">\n',
            f"  <head>\n{_metadata(provenance, agents)}{_LAYOUT}  </head>\n",
            _body(cues, agents),
            "</tt>\n",
        )
    )


def _language(segments: Iterable[Segment]) -> str:
    """The one that most is said in; empty, which XML takes for unknown, when nothing is."""
    most = Counter(segment.language for segment in segments).most_common(1)
    return most[0][0] if most else ""


def _metadata(provenance: Provenance | None, agents: Mapping[str, str]) -> str:
    told = [] if provenance is None else _told(provenance)
    people = [
        f'<ttm:agent xml:id="{id_}" type="person">'
        f'<ttm:name type="full">{_escape(name)}</ttm:name></ttm:agent>'
        for name, id_ in agents.items()
    ]
    if not told and not people:
        return ""
    lines = "".join(f"      {line}\n" for line in (*told, *people))
    return f"    <metadata>\n{lines}    </metadata>\n"


def _told(provenance: Provenance) -> list[str]:
    fields = provenance.fields()
    words = " ; ".join(f"{key}: {value}" for key, value in fields.items())
    attributes = " ".join(f"{key}={_quote(value)}" for key, value in fields.items())
    return [
        f"<ttm:desc>{_escape(f'{_NOTICE} {words}')}</ttm:desc>",
        f'<c:provenance xmlns:c="{OWN}" {attributes}/>',
    ]


def _body(cues: Sequence[Cue], agents: Mapping[str, str]) -> str:
    if not cues:
        return "  <body/>\n"
    paragraphs = "".join(
        f"      {_paragraph(cue, id_, agents)}\n"
        for cue, id_ in zip(cues, _identifiers(cues), strict=True)
    )
    return f'  <body region="bottom">\n    <div>\n{paragraphs}    </div>\n  </body>\n'


def _paragraph(cue: Cue, identifier: str, agents: Mapping[str, str]) -> str:
    begin, end = (format_time(time, decimal=".") for time in (cue.start, cue.end))
    spans = "<br/>".join(_span(turn, agents) for turn in cue.turns)
    return (
        f'<p xml:id="{identifier}" begin="{begin}" end="{end}" style="paragraph"'
        f' xml:space="preserve">{spans}</p>'
    )


def _span(turn: Turn, agents: Mapping[str, str]) -> str:
    agent = agents.get(turn.speaker)
    said = f' ttm:agent="{agent}"' if agent else ""
    return f'<span style="text"{said}>{"<br/>".join(_escape(line) for line in turn.lines)}</span>'


def _identifiers(cues: Iterable[Cue]) -> list[str]:
    """Ids as XML wants them: of letters that it allows, and each once."""
    ids = [CUE_PREFIX + _NOT_IN_ID.sub("_", flatten(cue.id)) for cue in cues]
    if len(set(ids)) == len(ids):
        return ids
    return [f"{CUE_PREFIX}{number}" for number in range(1, len(ids) + 1)]


def _escape(text: str) -> str:
    return escape_xml(printable(text))


def _quote(text: str) -> str:
    return quoteattr(printable(text))
