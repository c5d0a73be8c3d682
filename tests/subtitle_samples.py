"""What the tests of subtitles write into files."""

from __future__ import annotations

from hypothesis import strategies as st

from captioner.subtitles.cues import Provenance, Segment
from captioner.transcript import Word

SECOND = 16_000
PROVENANCE = Provenance(version="1.2.3", model="base", digest="sha256:0f1e")

# Letters, French marks, markup, line ends of every kind, control characters, half a surrogate.
TRICKY = "abÉœ,.;:!?«»'’-<>&{}\\/#0 \t\n\r\u0085\u2028\u00a0\u202f\u200e\x00\x1b\ud800"
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
