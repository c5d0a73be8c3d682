from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from subtitle_samples import PROVENANCE, SECOND, recordings, segment

from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Segment
from captioner.subtitles.formats.json_reading import parse
from captioner.subtitles.formats.json_writing import render
from captioner.subtitles.formats.timestamps import to_milliseconds
from captioner.transcript import Word


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
    rows = json.loads(text, parse_float=Decimal)["segments"]
    ordered = sorted(said, key=lambda part: (part.start, part.end))
    assert len(rows) == len(ordered)
    for row, part in zip(rows, ordered, strict=True):
        assert (row["id"], row["speaker"]) == (flatten(part.id), flatten(part.speaker))
        assert row["start"] * 1000 == to_milliseconds(part.start)
        assert [word["text"] for word in row["words"]] == [flatten(w.text) for w in part.words]
        for word, true in zip(row["words"], part.words, strict=True):
            assert word["end"] * 1000 == to_milliseconds(true.end)


@given(recordings)
def test_what_is_written_is_read(said: list[Segment]) -> None:
    read = parse(render(said, PROVENANCE), language="de")
    ordered = sorted(said, key=lambda part: (part.start, part.end))
    assert [(part.speaker, part.text, part.language) for part in read.segments] == [
        (flatten(part.speaker), flatten(part.text), part.language) for part in ordered
    ]
    for found, part in zip(read.segments, ordered, strict=True):
        words = [word for word in part.words if flatten(word.text)]
        assert [word.text for word in found.words] == [flatten(word.text) for word in words]
        for word, true in zip(found.words, words, strict=True):
            assert word.start == pytest.approx(true.start, abs=8)
            assert word.probability == pytest.approx(true.probability, abs=1e-4)
    assert read.provenance == PROVENANCE


def test_segments_that_start_in_the_same_millisecond_keep_their_order() -> None:
    said = [Segment("1", 0, 800, (), "", "Oui."), Segment("2", 1, 1, (), "", "Non.")]
    read = parse(render(said, PROVENANCE), language="fr")
    assert [part.text for part in read.segments] == ["Oui.", "Non."]


def test_an_unknown_probability_is_null() -> None:
    word = Word("Oui.", 0, SECOND, math.nan)
    text = render([Segment("1", 0, SECOND, (word,), "", "Oui.")], None)
    (row,) = json.loads(text)["segments"]
    assert row["confidence"] is None
    assert row["words"][0]["probability"] is None
    (read,) = parse(text, language="fr").segments
    assert math.isnan(read.words[0].probability)


def test_a_file_of_unknown_origin_has_no_metadata() -> None:
    assert json.loads(render([], None)) == {"schema": 1, "speakers": [], "segments": []}
