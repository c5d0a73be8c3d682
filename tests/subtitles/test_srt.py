from __future__ import annotations

import pysubs2
from hypothesis import given
from subtitle_samples import PROVENANCE, recordings, segment

from captioner.subtitles.cues import Segment
from captioner.subtitles.layout import lay_out
from captioner.subtitles.srt import render
from captioner.subtitles.timestamps import to_milliseconds

EXPECTED = """1
00:00:01,000 --> 00:00:02,000
Claire\u00a0: Ça va\u202f?

2
00:59:59,000 --> 01:00:00,000
Julien\u00a0: 2 ‹ 3
"""


def test_a_file_has_numbers_times_and_names() -> None:
    said = [
        segment("2 < 3", start=3599.0, speaker="Julien"),
        segment("Ça va ?", start=1.0, speaker="Claire"),
    ]
    assert render(said, PROVENANCE) == EXPECTED


def test_a_recording_of_silence_is_an_empty_file() -> None:
    assert render([], PROVENANCE) == ""


def test_markup_in_a_name_is_text() -> None:
    text = render([segment("oui", speaker="<font size=99>")], PROVENANCE)
    assert "‹font size=99›\u00a0: oui" in text


@given(recordings)
def test_an_independent_reader_reads_back_any_recording(said: list[Segment]) -> None:
    cues = lay_out(said, labels=True)
    text = render(said, PROVENANCE)
    read = pysubs2.SSAFile.from_string(text, format_="srt") if text else []
    assert len(read) == len(cues)
    for found, cue in zip(read, cues, strict=True):
        assert found.start == to_milliseconds(cue.start)
        assert found.end == to_milliseconds(cue.end)
        shown = "\n".join(cue.lines).replace("<", "‹").replace(">", "›")
        assert found.text.replace("\\N", "\n").split() == shown.split()
    text.encode("utf-8")
