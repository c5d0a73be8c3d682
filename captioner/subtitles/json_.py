"""JSON for programs: segments, words, speakers, confidence.

Text is as it was recognised: typography is for the formats that people read. Read back by
``json_reading``, with the shapes of other programs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.timestamps import to_milliseconds
from captioner.subtitles.typography import flatten


def render(segments: Iterable[Segment], provenance: Provenance) -> str:
    """A whole file: ``metadata``, then ``segments`` in the order of their start, one a line."""
    metadata = {
        "machine_generated": True,
        "generator": "Captioner",
        "version": provenance.version,
        "model": {"name": provenance.model, "digest": provenance.digest},
    }
    ordered = sorted(segments, key=lambda segment: (segment.start, segment.end))
    rows = ",".join(f"\n  {_dump(to_values(segment))}" for segment in ordered)
    return f'{{\n "metadata": {_dump(metadata)},\n "segments": [{rows}\n ]\n}}\n'


def to_values(segment: Segment) -> dict[str, Any]:
    """One segment in plain values; times in seconds."""
    probabilities = [word.probability for word in segment.words]
    confidence = sum(probabilities) / len(probabilities) if probabilities else None
    return {
        "id": flatten(segment.id),
        "start": _seconds(segment.start),
        "end": _seconds(segment.end),
        "speaker": flatten(segment.speaker),
        "language": segment.language,
        "text": flatten(segment.text),
        "confidence": None if confidence is None else round(confidence, 4),
        "words": [
            {
                "text": flatten(word.text),
                "start": _seconds(word.start),
                "end": _seconds(word.end),
                "probability": round(word.probability, 4),
            }
            for word in segment.words
        ],
    }


def _dump(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def _seconds(samples: int) -> float:
    return to_milliseconds(samples) / 1000
