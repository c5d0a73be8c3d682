from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from subtitle_samples import FRENCH_WORDS, PROVENANCE, SECOND, meeting, monologues, segment

from captioner.subtitles.cues import Cue, Segment, Turn
from captioner.subtitles.document import Document
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.formats.parsing import document_of
from captioner.subtitles.parted import find_parted
from captioner.subtitles.profiles import ARCOM, WEB, Profile
from captioner.subtitles.reading import parse


def cue(*lines: str, start: float, seconds: float = 2.0, speaker: str = "", id: str = "") -> Cue:  # noqa: A002 - the name of the field
    times = (round(start * SECOND), round((start + seconds) * SECOND))
    return Cue(id or f"c{start:g}", *times, (Turn(speaker, lines),))


def parted(*cues: Cue, profile: Profile = WEB) -> list[str]:
    document = document_of(cues, None, languages=["fr"] * len(cues))
    return [f"{place.before} / {place.after}" for place in find_parted(document, profile)]


def test_a_line_ends_between_words_that_belong_together() -> None:
    assert parted(cue("Nous avons lu le", "rapport.", start=0)) == ["le / rapport."]
    assert parted(cue("Nous avons lu", "le rapport.", start=0)) == []


def test_a_cue_ends_between_words_that_belong_together() -> None:
    first = cue("Nous avons lu ensemble le", start=0)
    assert parted(first, cue("rapport de la ville.", start=2)) == ["le / rapport"]
    (place,) = find_parted(
        document_of([first, cue("rapport.", start=2)], None, languages=["fr"] * 2), WEB
    )
    assert place.cue == first


def test_what_was_said_before_tells_how_a_line_may_end() -> None:
    # After "ne", "plus" is a negation; otherwise it makes a comparison of the next word.
    negated = [cue("Il est certain que je ne", start=0), cue("veux plus", "travailler.", start=2)]
    assert "plus / travailler." not in parted(*negated)
    assert parted(cue("Il est plus", "ancien.", start=0)) == ["plus / ancien."]


def test_names_begin_in_the_cue_before() -> None:
    cues = [cue("La parole est à Jean-Claude", start=0), cue("Martin pour dix minutes.", start=2)]
    assert parted(*cues) == ["Jean-Claude / Martin"]


@pytest.mark.parametrize(
    "after",
    [
        cue("rapport de la ville.", start=5.0),  # a long silence
        cue("rapport de la ville.", start=2.6),  # perhaps a long silence: the cue may stay over it
        cue("rapport de la ville.", start=1.5),  # at once
        cue("rapport de la ville.", start=2.0, speaker="Julien"),
        cue("Julien : rapport de la ville.", start=2.0),
    ],
)
def test_anything_may_end_where_its_speaker_stops(after: Cue) -> None:
    assert parted(cue("Nous avons lu le", start=0), after) == []


def test_cues_of_one_caption_go_on_whatever_lies_between_them() -> None:
    first = cue("Nous avons lu le", start=0, speaker="Claire", id="claire-1.1")
    second = cue("rapport.", start=6, speaker="Claire", id="claire-1.2")
    other = cue("Oui.", start=1, speaker="Julien", id="julien-1")
    assert parted(first, other, second) == ["le / rapport."]
    elsewhere = cue("rapport.", start=2, speaker="Claire", id="claire-2")
    assert parted(first, other, elsewhere) == []


def test_a_turn_of_a_shared_cue_may_end_with_any_word() -> None:
    shared = Cue("1", 0, 2 * SECOND, (Turn("", ("– Et le",)), Turn("", ("– Non, le",))))
    assert parted(shared, cue("rapport de la ville.", start=2)) == []


def test_what_is_wider_than_a_line_is_broken_somewhere() -> None:
    lines = ("J'ai vu Jean-Christophe Alexandre", "Maximilien de Sainte-Croix-Villeneuve.")
    assert parted(cue(*lines, start=0)) == []
    assert parted(cue("J'ai vu Jean-Christophe", "Alexandre.", start=0)) == [
        "Jean-Christophe / Alexandre."
    ]


def test_what_lasts_longer_than_a_cue_is_broken_somewhere() -> None:
    slow = segment("avec la", pace=4.0)
    document = Document(
        (slow,), None, (Cue("1", slow.start, slow.end, (Turn("", ("avec", "la")),)),)
    )
    assert list(find_parted(document, WEB)) == []


@st.composite
def monologue(draw: st.DrawFn) -> list[Segment]:
    """One speaker, segment after segment, at any pace that people can read aloud."""
    said = []
    start = 0.0
    for number in range(draw(st.integers(1, 5))):
        start += draw(st.sampled_from([0.0, 0.1, 0.4, 1.2, 1.7, 5.0]))
        words = draw(st.lists(st.sampled_from(FRENCH_WORDS), min_size=1, max_size=30))
        pace = draw(st.sampled_from([0.3, 0.4, 0.6]))
        said.append(segment(" ".join(words), start=start, pace=pace, id=str(number)))
        start = said[-1].end / SECOND
    return said


@pytest.mark.parametrize("name", ["vtt", "srt", "ttml"])
@pytest.mark.parametrize("profile", [WEB, ARCOM], ids=lambda profile: profile.name)
def test_the_layout_of_real_speech_parts_nothing(name: str, profile: Profile) -> None:
    for said in (meeting(), *([part] for part in monologues())):
        text = FORMATS[name].render(said, PROVENANCE, profile=profile)
        assert list(find_parted(parse(text, name), profile)) == []


@given(profile=st.sampled_from([WEB, ARCOM]), said=monologue())
def test_the_layout_of_any_speech_parts_nothing(profile: Profile, said: list[Segment]) -> None:
    text = FORMATS["vtt"].render(said, PROVENANCE, profile=profile)
    assert list(find_parted(parse(text, "vtt"), profile)) == []
