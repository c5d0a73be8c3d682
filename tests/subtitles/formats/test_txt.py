from __future__ import annotations

from hypothesis import given
from subtitle_samples import PROVENANCE, anything_said, recordings, segment

from captioner.subtitles.breaking.phrases import split_phrases
from captioner.subtitles.characters import printable
from captioner.subtitles.cues import Segment
from captioner.subtitles.formats.txt import parse, render

HEADER = """# Transcription produite automatiquement : elle peut contenir des erreurs.
# machine-generated: true
# generator: Captioner 1.2.3
# model: base
# model-digest: sha256:0f1e
"""


def test_each_turn_is_a_paragraph_that_begins_with_the_name() -> None:
    said = [
        segment("Non !", start=9, speaker="Julien"),
        segment("Ça va ?", start=1, speaker="Claire"),
        segment("Oui.", start=5, speaker="Claire"),
    ]
    assert render(said, PROVENANCE) == (
        f"{HEADER}# speaker: Claire\n# speaker: Julien\n"
        "\nClaire\u00a0: Ça va\u202f?\nOui.\n\nJulien\u00a0: Non\u202f!\n"
    )


def test_text_of_an_unknown_speaker_has_no_name() -> None:
    said = [segment("Oui.", start=1), segment("Non.", start=2)]
    assert render(said, PROVENANCE) == f"{HEADER}\nOui.\nNon.\n"


def test_a_recording_of_silence_has_only_its_header() -> None:
    assert render([segment("\n", start=1)], PROVENANCE) == HEADER


@given(recordings)
def test_each_segment_with_text_is_one_line(said: list[Segment]) -> None:
    text = render(said, PROVENANCE)
    _, _, body = text.partition("\n\n")
    lines = [line for line in body.split("\n") if line]
    assert len(lines) == sum(bool(split_phrases(part)) for part in said)
    text.encode("utf-8")


def test_a_file_of_unknown_origin_still_names_its_speakers() -> None:
    assert render([segment("Oui.", speaker="Claire")], None) == (
        "# speaker: Claire\n\nClaire\u00a0: Oui.\n"
    )
    assert render([segment("Oui.")], None) == "Oui.\n"


@given(anything_said)
def test_any_text_is_read_back(said: list[Segment]) -> None:
    read = parse(render(said, PROVENANCE), language="en")
    shown = (" ".join(phrase.text for phrase in split_phrases(part)) for part in said)
    assert [segment.text for segment in read.segments] == [
        text for each in shown if (text := printable(each))
    ]


def test_turns_and_what_made_them_are_read_back() -> None:
    said = [
        segment("Claire : c'est toi ?", start=1, speaker="Julien Roc", id="a"),
        segment("Oui : moi.", start=5, speaker="Claire", id="b"),
        segment("Bien.", start=9, speaker="Claire", id="c"),
        segment("Julien : non.", start=15, speaker="", id="d"),
    ]
    read = parse(render(said, PROVENANCE), language="fr")
    assert read.provenance == PROVENANCE
    assert not read.timed
    assert [(part.speaker, part.text) for part in read.segments] == [
        ("Julien Roc", "Claire\u00a0: c'est toi\u202f?"),
        ("Claire", "Oui\u00a0: moi."),
        ("Claire", "Bien."),
        ("", "Julien\u00a0: non."),
    ]
    assert {(part.start, part.end) for part in read.segments} == {(0, 0)}


def test_text_of_others_has_a_segment_a_line_and_no_speakers() -> None:
    read = parse("# Titre\r\n\r\nClaire : oui\r\nnon\n\n \nfin", language="en")
    assert [(part.id, part.speaker, part.text, part.language) for part in read.segments] == [
        ("1", "", "# Titre", "en"),
        ("2", "", "Claire : oui", "en"),
        ("3", "", "non", "en"),
        ("4", "", "fin", "en"),
    ]
    assert read.provenance is None


def test_a_header_by_hand_may_name_the_speakers() -> None:
    read = parse("# speaker: Claire\n\nClaire: oui\nnon\n\nClairement: si", language="fr")
    assert [(part.speaker, part.text) for part in read.segments] == [
        ("Claire", "oui"),
        ("Claire", "non"),
        ("", "Clairement: si"),
    ]
