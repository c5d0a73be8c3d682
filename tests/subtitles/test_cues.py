from __future__ import annotations

from captioner.subtitles.cues import Provenance, Segment
from captioner.transcript import Caption, Word

WORDS = (Word("Bonjour", 100, 200, 0.9), Word("à", 200, 210, 0.8), Word("tous.", 210, 300, 0.7))
CAPTION = Caption(
    id=7, revision=3, start=90, end=310, words=WORDS, committed=3, final=True, language="fr"
)


def test_a_segment_takes_over_its_caption() -> None:
    assert Segment.from_caption(CAPTION, speaker="Claire") == Segment(
        id="7",
        start=90,
        end=310,
        words=WORDS,
        speaker="Claire",
        text="Bonjour à tous.",
        language="fr",
    )


def test_captions_of_two_tracks_keep_different_ids() -> None:
    ids = {Segment.from_caption(CAPTION, track=track).id for track in ("claire", "julien")}
    assert ids == {"claire-7", "julien-7"}


def test_provenance_names_the_service_and_the_model() -> None:
    assert Provenance(version="1.2.3", model="base", digest="sha256:0f1e").fields() == {
        "machine-generated": "true",
        "generator": "Captioner 1.2.3",
        "model": "base",
        "model-digest": "sha256:0f1e",
    }


def test_provenance_is_read_from_its_fields_and_from_no_others() -> None:
    made_by = Provenance(version="1.2.3", model="base", digest="sha256:0f1e")
    assert Provenance.from_fields(made_by.fields()) == made_by
    assert Provenance.from_fields({"generator": "Whisper 1", "model": "base"}) is None
    assert Provenance.from_fields({"generator": "Captioner 1.2.3"}) is None
    assert Provenance.from_fields({}) is None
