"""What the tests of subtitles write into files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from french_sentences import SENTENCES
from hypothesis import strategies as st

from captioner.subtitles.cues import Provenance, Segment
from captioner.transcript import Word

SECOND = 16_000
AUDIO = Path(__file__).parents[1] / "examples" / "audio"
PROVENANCE = Provenance(version="1.2.3", model="base", digest="sha256:0f1e")

# Letters, French marks, markup, line ends of every kind, control characters, half a surrogate.
TRICKY = "abÉœ,.;:!?«»'’-<>&{}\\/#0 \t\n\r\u0085\u2028\u00a0\u202f\u200e\x00\x1b\ud800"
FRENCH_WORDS = sorted({word for text in SENTENCES for word in re.split(r"[ _|~]", text)})
tricky_texts = st.one_of(
    st.text(alphabet=TRICKY, max_size=12),
    st.sampled_from(["-->", "<v Moi>", "&amp;", "NOTE", "1", "?", "«", "»", "anti" * 20, "a"]),
)


def segment(
    text: str,
    *,
    start: float = 1.0,
    pace: float = 0.3,
    speaker: str = "",
    id: str = "1",  # noqa: A002 - the name of the field
    language: str = "fr",
) -> Segment:
    """A segment whose words follow each other at an even pace (s)."""
    words = tuple(
        Word(
            word,
            round((start + index * pace) * SECOND),
            round((start + (index + 1) * pace) * SECOND),
            0.9,
        )
        for index, word in enumerate(text.split(" "))
    )
    return Segment(id, words[0].start, words[-1].end, words, speaker, text, language)


def meeting() -> list[Segment]:
    """What is said in the bundled meeting: three speakers, a segment an utterance."""
    truth = json.loads((AUDIO / "meeting" / "truth.json").read_text("utf-8"))
    return [
        _true_segment(f"{name}-{number}", utterance, speaker=name.title())
        for name, track in truth.items()
        for number, utterance in enumerate(track["utterances"], start=1)
    ]


def monologues() -> list[Segment]:
    """The bundled monologues, a segment each: about a minute of sentences without a pause."""
    truth = json.loads((AUDIO / "monologues" / "truth.json").read_text("utf-8"))
    return [_true_segment(str(number), said) for number, said in enumerate(truth, start=1)]


def _true_segment(id_: str, said: dict[str, Any], *, speaker: str = "") -> Segment:
    words = tuple(
        Word(word["word"], round(word["start"] * SECOND), round(word["end"] * SECOND), 1.0)
        for word in said["words"]
    )
    return Segment(id_, words[0].start, words[-1].end, words, speaker, said["text"])


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    """Any words at any times that do not go backwards."""
    texts = draw(st.lists(tricky_texts, max_size=30))
    position = draw(st.integers(0, 100 * SECOND))
    start = position
    words = []
    for text in texts:
        begin = position + draw(st.sampled_from([0, 0, 1, 1600, 40_000]))
        position = begin + draw(st.sampled_from([0, 1, 800, 4800, 160_000]))
        words.append(Word(text, begin, position, draw(st.floats(0, 1))))
    timed = draw(st.booleans())
    return Segment(
        id=draw(st.one_of(st.integers(1, 99).map(str), tricky_texts)),
        start=start,
        end=position,
        words=tuple(words) if timed else (),
        speaker=draw(st.one_of(st.just(""), st.just("Claire"), tricky_texts)),
        text=" ".join(texts),
        language=draw(st.sampled_from(["fr", "en"])),
    )


recordings = st.lists(segments(), max_size=5)


@st.composite
def speech(draw: st.DrawFn) -> list[Segment]:
    """French that people might say, fast or slowly, after or during each other's turns."""
    said = []
    start = 0.0
    for number in range(draw(st.integers(1, 6))):
        start = max(0.0, start + draw(st.sampled_from([-2.0, -0.3, 0.0, 0.1, 0.4, 1.2, 5.0])))
        words = draw(st.lists(st.sampled_from(FRENCH_WORDS), min_size=1, max_size=40))
        speaker = draw(st.sampled_from(["", "Claire", "Julien", "Sophie Martin"]))
        pace = draw(st.sampled_from([0.1, 0.25, 0.4, 1.5]))
        said.append(
            segment(" ".join(words), start=start, pace=pace, speaker=speaker, id=str(number))
        )
        start = said[-1].end / SECOND
    return said


# What people may say: markup of any format, other scripts and directions, what looks like syntax.
SAYINGS = (
    "R&D : 2 < 3 > 1",
    "a --> b",
    "00:00:01.000 --> 00:00:02.000",
    "&amp; &lt;b&gt; &nbsp; &#9;",
    "<b>gras</b> <v Moi> <00:00:01.000>",
    "{\\an8} en haut {Y:b}",
    "C:\\new \\N \\h",
    "NOTE",
    "WEBVTT",
    "STYLE ::cue{}",
    "12",
    "- Oui. - Non.",
    "10\u202f000\u00a0€ ; « oui » !",
    "مرحبا بالعالم",
    "שלום \u200frtl\u200e",
    "🎉 👩\u200d👩\u200d👧 e\u0301",
    "une\n\nligne\r\nvide\x00\x1b\u2028fin",
    "\ufffe rien \ufdd0",
    "]]> <!-- --> <![CDATA[",
    "%s $1 \"'`",
)


def sayings(language: str = "en", texts: tuple[str, ...] = SAYINGS) -> list[Segment]:
    """A segment for each, 5 s apart, so that none is prolonged over the next."""
    return [
        Segment(str(number), number * 5 * SECOND, (number * 5 + 4) * SECOND, (), "", text, language)
        for number, text in enumerate(texts)
    ]


@st.composite
def _anything(draw: st.DrawFn) -> list[Segment]:
    texts = draw(st.lists(st.text(max_size=60), min_size=1, max_size=4))
    return sayings(draw(st.sampled_from(["en", "fr"])), tuple(texts))


anything_said = _anything()
"""Recordings of any Unicode text, without speakers."""
