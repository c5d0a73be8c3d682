from __future__ import annotations

from hypothesis import given
from subtitle_samples import PROVENANCE, recordings, segment

from captioner.subtitles.cues import Segment
from captioner.subtitles.phrases import split_phrases
from captioner.subtitles.txt import render

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
