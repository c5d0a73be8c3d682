from __future__ import annotations

import pytest
from hypothesis import given
from subtitle_samples import PROVENANCE, recordings, segment

from captioner.subtitles.cues import Segment
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.profiles import PROFILES


def test_the_formats_are_named_after_their_files() -> None:
    assert {name: form.name for name, form in FORMATS.items()} == {
        "vtt": "vtt",
        "srt": "srt",
        "ttml": "ttml",
        "txt": "txt",
        "json": "json",
    }


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_the_speech(name: str) -> None:
    text = FORMATS[name].render([segment("Bonjour", speaker="Claire")], PROVENANCE)
    assert "Bonjour" in text
    assert "Claire" in text


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"srt"}))
def test_every_format_that_has_a_place_for_it_tells_what_wrote_it(name: str) -> None:
    text = FORMATS[name].render([], PROVENANCE)
    for part in ("machine", "Captioner", "1.2.3", "base", "sha256:0f1e"):
        assert part in text


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_invents_where_a_file_comes_from(name: str) -> None:
    text = FORMATS[name].render([segment("Oui.")], None)
    assert "achine" not in text
    assert "Captioner" not in text
    assert FORMATS[name].parse(text, language="fr").provenance is None


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"srt"}))
def test_what_wrote_a_file_is_read_back(name: str) -> None:
    text = FORMATS[name].render([segment("Oui.")], PROVENANCE)
    assert FORMATS[name].parse(text, language="fr").provenance == PROVENANCE


@pytest.mark.parametrize("name", FORMATS)
@given(said=recordings)
def test_every_format_reads_what_it_writes(name: str, said: list[Segment]) -> None:
    for profile in PROFILES.values():
        text = FORMATS[name].render(said, PROVENANCE, profile=profile)
        FORMATS[name].parse(text.encode("utf-8").decode(), language="fr")


def test_a_profile_lays_out_the_formats_that_have_cues() -> None:
    said = [segment("Nous avons trois sujets à l'ordre du jour.", pace=0.5)]
    laid_out = {
        name: {form.render(said, PROVENANCE, profile=profile) for profile in PROFILES.values()}
        for name, form in FORMATS.items()
    }
    assert {name for name, texts in laid_out.items() if len(texts) > 1} == {"vtt", "srt", "ttml"}
