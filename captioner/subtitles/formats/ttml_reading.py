"""TTML and its profiles (IMSC, EBU-TT-D, DFXP), read for what is said and when.

Regions, styles and animation are dropped. The XML has no document type and bounded depth: nothing
in it can be made to expand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from xml.parsers import expat

from captioner.errors import InvalidRequest
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Cue, Provenance
from captioner.subtitles.document import Document
from captioner.subtitles.formats.parsing import document_of, gather_turns, malformed
from captioner.subtitles.formats.timestamps import MAX_HOURS
from captioner.transcript import SAMPLE_RATE

MAX_DEPTH = 32  # elements within one another; files in use have about 8
TT = "http://www.w3.org/ns/ttml"
METADATA, PARAMETER = f"{TT}#metadata", f"{TT}#parameter"
XML = "http://www.w3.org/XML/1998/namespace"
OWN = "urn:captioner:provenance"
CUE_PREFIX = "cue-"  # of the ids in our own files, as ids of XML cannot begin with a digit
_DRAFTS = re.compile(r"http://www\.w3\.org/2006/(?:04|10)/ttaf1")  # what DFXP files still say

_CLOCK = re.compile(r"(\d{2,4}):(\d{2}):(\d{2})(?:\.(\d{1,9})|:(\d{1,3}))?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_SPACES = re.compile(r"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Element:
    """An element of XML; names are ``namespace local``, attributes without namespace ``local``."""

    name: str
    attributes: Mapping[str, str]
    line: int
    children: list[Element | str] = field(default_factory=list)

    def below(self, name: str) -> Iterator[Element]:
        """The elements of a name in this one, at any depth."""
        for child in self.children:
            if isinstance(child, Element):
                if child.name == name:
                    yield child
                yield from child.below(name)

    @property
    def text(self) -> str:
        """The text in this element and those in it."""
        return "".join(c if isinstance(c, str) else c.text for c in self.children)


@dataclass(frozen=True, slots=True)
class _Context:
    """What an element inherits."""

    begin: Fraction
    end: Fraction | None
    """None: until whatever ends it."""
    language: str
    agent: str = ""
    preserve: bool = False


def parse(text: str, *, language: str) -> Document:
    """Read a file, whoever wrote it.

    Raises:
        InvalidRequest: it is not XML, not TTML, has a document type, or a time that is wrong.
    """
    root = _parse_xml(text)
    if root.name != f"{TT} tt":
        raise malformed(root.line, root.name.replace(" ", " the element "), f"{TT} the element tt")
    names = {
        agent.attributes.get(f"{XML} id", ""): flatten(name.text)
        for agent in root.below(f"{METADATA} agent")
        for name in agent.below(f"{METADATA} name")
    }
    reader = _Reader(_Clock(root), names)
    context = _Context(Fraction(0), None, language)
    reader.read(root, context)
    return document_of(reader.cues, _provenance(root), languages=reader.languages)


class _Clock:
    """Reads the times of a file, which say frames or ticks in terms of its root."""

    def __init__(self, root: Element) -> None:
        get = root.attributes.get
        rate = Fraction(_positive(root, "frameRate", "30"))
        multiplier = get(f"{PARAMETER} frameRateMultiplier", "1 1").replace(":", " ").split()
        if len(multiplier) == 2 and all(part.isdecimal() and int(part) for part in multiplier):  # noqa: PLR2004 - a fraction
            rate *= Fraction(int(multiplier[0]), int(multiplier[1]))
        self._frames = rate
        frames = f"{PARAMETER} frameRate" in root.attributes
        ticks = _positive(root, "tickRate", "0" if frames else "1")
        self._units = {
            "h": Fraction(3600),
            "m": Fraction(60),
            "s": Fraction(1),
            "ms": Fraction(1, 1000),
            "f": 1 / rate,
            "t": 1 / (Fraction(ticks) if ticks else rate),
        }

    def seconds(self, element: Element, key: str) -> Fraction | None:
        """The time that an attribute says; None when there is no such attribute."""
        value = element.attributes.get(key)
        if value is None:
            return None
        if match := _CLOCK.fullmatch(value.strip()):
            hours, minutes, seconds, digits, frames = match.groups(default="0")
            whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
            return whole + Fraction(int(digits), 10 ** len(digits)) + int(frames) / self._frames
        if match := _OFFSET.fullmatch(value.strip()):
            time = Fraction(match[1]) * self._units[match[2]]
            if time <= MAX_HOURS * 3600:
                return time
        raise malformed(element.line, f'{key}="{value}"', "a time such as 00:00:01.000 or 1.5s")


def _positive(root: Element, key: str, default: str) -> int:
    value = root.attributes.get(f"{PARAMETER} {key}", default)
    if not re.fullmatch(r"\d{1,9}", value) or (int(value) == 0 and value != default):
        raise malformed(root.line, f'ttp:{key}="{value}"', "a whole number from 1")
    return int(value)


class _Reader:
    """Walks down a file with what elements inherit, and collects its paragraphs as cues."""

    def __init__(self, clock: _Clock, names: Mapping[str, str]) -> None:
        self._clock = clock
        self._names = names
        self.cues: list[Cue] = []
        self.languages: list[str] = []

    def read(self, element: Element, inherited: _Context) -> None:
        """Read an element and those in it."""
        context = self._enter(element, inherited)
        if element.name == f"{TT} p":
            self._read_paragraph(element, context)
            return
        for child in element.children:
            if isinstance(child, Element) and child.name in _CONTAINERS:
                self.read(child, context)

    def _enter(self, element: Element, inherited: _Context) -> _Context:
        get = element.attributes.get
        if get("timeContainer", "par") != "par":
            raise malformed(element.line, 'timeContainer="seq"', "elements timed in parallel")
        begin, end, duration = (
            self._clock.seconds(element, key) for key in ("begin", "end", "dur")
        )
        start = inherited.begin + (begin or 0)
        ends = [inherited.end] if inherited.end is not None else []
        ends += [inherited.begin + end] if end is not None else []
        ends += [start + duration] if duration is not None else []
        language = get(f"{XML} lang", inherited.language)
        space = get(f"{XML} space")
        agents = get(f"{METADATA} agent", "").split()
        return _Context(
            begin=start,
            end=min(ends) if ends else None,
            language=language.partition("-")[0].lower() or inherited.language,
            agent=self._names.get(agents[0], agents[0]) if agents else inherited.agent,
            preserve=inherited.preserve if space is None else space == "preserve",
        )

    def _read_paragraph(self, element: Element, context: _Context) -> None:
        pieces = list(self._pieces(element, context))
        spoken = [inner for inner, said in pieces if said.strip()]
        if not spoken:
            return
        begin = min(inner.begin for inner in spoken)
        ends = [inner.end for inner in spoken if inner.end is not None]
        if not ends:
            raise malformed(element.line, "a paragraph without end", 'end="..." or dur="..."')
        end = max(ends)
        if end < begin:
            times = f"begin {float(begin):g} s, end {float(end):g} s"
            raise malformed(element.line, times, "an end that is not before the begin")
        samples = (round(begin * SAMPLE_RATE), round(end * SAMPLE_RATE))
        identifier = flatten(element.attributes.get(f"{XML} id", "")).removeprefix(CUE_PREFIX)
        turns = gather_turns((inner.agent, said) for inner, said in pieces)
        self.cues.append(Cue(identifier, *samples, turns))
        self.languages.append(context.language)

    def _pieces(self, element: Element, context: _Context) -> Iterator[tuple[_Context, str]]:
        """The texts of a paragraph, each with what it inherited; breaks are line ends."""
        for child in element.children:
            if isinstance(child, str):
                yield context, child if context.preserve else _SPACES.sub(" ", child)
            elif child.name == f"{TT} br":
                yield context, "\n"
            elif child.name == f"{TT} span":
                yield from self._pieces(child, self._enter(child, context))


_CONTAINERS = {f"{TT} {name}" for name in ("body", "div", "p")}


def _provenance(root: Element) -> Provenance | None:
    for element in root.below(f"{OWN} provenance"):
        return Provenance.from_fields(dict(element.attributes))
    return None


def _parse_xml(text: str) -> Element:
    """The root of a document.

    Raises:
        InvalidRequest: it is not well-formed, has a document type, or is too deep.
    """
    builder = _Builder()
    try:
        builder.parser.Parse(text.encode("utf-8", "replace"), True)  # noqa: FBT003 - expat's own
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise InvalidRequest(f"line {error.lineno}: expected XML, but {reason}") from None
    assert builder.root is not None
    return builder.root


class _Builder:
    """Elements as the parser meets them."""

    def __init__(self) -> None:
        # The text was decoded already: whatever its declaration says, the bytes are UTF-8.
        self.parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.root: Element | None = None
        self._open: list[Element] = []

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if len(self._open) == MAX_DEPTH:
            raise InvalidRequest(
                f"line {line}: expected no more than {MAX_DEPTH} elements within one another"
            )
        renamed = {_DRAFTS.sub(TT, key): value for key, value in attributes.items()}
        element = Element(_DRAFTS.sub(TT, name), renamed, line)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].children.append(text)

    def _refuse(self, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        raise malformed(line, "<!DOCTYPE", "TTML, which has no document type")
