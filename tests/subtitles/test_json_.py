from __future__ import annotations

import json

import pytest
from hypothesis import given
from subtitle_samples import PROVENANCE, SECOND, recordings, segment

from captioner.subtitles.cues import Segment
from captioner.subtitles.json_ import render
from captioner.subtitles.typography import flatten


def test_a_file_has_provenance_segments_and_words() -> None:
    said = [segment("Ça va ?", start=1.0, pace=0.5, speaker="Claire", id="claire-1")]
    assert json.loads(render(said, PROVENANCE)) == {
        "schema": 1,
        "metadata": {
            "machine_generated": True,
            "generator": "Captioner",
            "version": "1.2.3",
            "model": {"name": "base", "digest": "sha256:0f1e"},
        },
        "speakers": ["Claire"],
        "segments": [
            {
                "id": "claire-1",
                "start": 1.0,
                "end": 2.5,
                "speaker": "Claire",
                "language": "fr",
                "text": "Ça va ?",
                "confidence": 0.9,
                "words": [
                    {"text": "Ça", "start": 1.0, "end": 1.5, "probability": 0.9},
                    {"text": "va", "start": 1.5, "end": 2.0, "probability": 0.9},
                    {"text": "?", "start": 2.0, "end": 2.5, "probability": 0.9},
                ],
            }
        ],
    }


def test_a_segment_without_words_has_no_confidence() -> None:
    (row,) = json.loads(render([Segment("1", 0, SECOND, (), "", "Oui.")], PROVENANCE))["segments"]
    assert row["confidence"] is None
    assert row["words"] == []


def test_accents_are_readable_and_segments_are_lines() -> None:
    text = render([segment("Été", start=2), segment("Noël", start=1)], PROVENANCE)
    lines = [line for line in text.split("\n") if '"words"' in line]
    assert ["Noël" in lines[0], "Été" in lines[1]] == [True, True]


@given(recordings)
def test_any_recording_can_be_read_back(said: list[Segment]) -> None:
    text = render(said, PROVENANCE)
    text.encode("utf-8")
    rows = json.loads(text)["segments"]
    ordered = sorted(said, key=lambda part: (part.start, part.end))
    assert len(rows) == len(ordered)
    for row, part in zip(rows, ordered, strict=True):
        assert (row["id"], row["speaker"]) == (flatten(part.id), flatten(part.speaker))
        assert row["start"] * SECOND == pytest.approx(part.start, abs=8)
        assert [word["text"] for word in row["words"]] == [flatten(w.text) for w in part.words]
        for word, true in zip(row["words"], part.words, strict=True):
            assert word["end"] * SECOND == pytest.approx(true.end, abs=8)
