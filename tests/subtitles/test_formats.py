from __future__ import annotations

import pytest
from subtitle_samples import PROVENANCE, segment

from captioner.subtitles.formats import FORMATS


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
