"""JSON for programs: segments, words, speakers, confidence.

Text is as it was recognised: typography is for the formats that people read. Read back by
``json_reading``, with the shapes of other programs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.formats.timestamps import to_milliseconds
from captioner.subtitles.profiles import WEB, Profile

SCHEMA = 1  # counts up when a reader of the last one would misunderstand the next


def render(
    segments: Iterable[Segment],
    provenance: Provenance | None,
    *,
    profile: Profile = WEB,  # noqa: ARG001 - nothing is laid out
) -> str:
    """A whole file: what produced it, who speaks, and the segments by their start, one a line."""
    ordered = sorted(segments, key=lambda segment: (segment.start, segment.end))
    rows = ",".join(f"\n  {_dump(to_values(segment))}" for segment in ordered)
    speakers = dict.fromkeys(name for part in ordered if (name := flatten(part.speaker)))
    parts = {
        "schema": _dump(SCHEMA),
        **({} if provenance is None else {"metadata": _dump(_metadata(provenance))}),
        "speakers": _dump(list(speakers)),
        "segments": f"[{rows}\n ]",
    }
    return "{\n" + ",\n".join(f' "{key}": {value}' for key, value in parts.items()) + "\n}\n"


def _metadata(provenance: Provenance) -> dict[str, Any]:
    return {
        "machine_generated": True,
        "generator": "Captioner",
        "version": provenance.version,
        "model": {"name": provenance.model, "digest": provenance.digest},
    }


def to_values(segment: Segment) -> dict[str, Any]:
    """One segment in plain values; times in seconds."""
    probabilities = [word.probability for word in segment.words]
    confidence = sum(probabilities) / len(probabilities) if probabilities else math.nan
    return {
        "id": flatten(segment.id),
        "start": _seconds(segment.start),
        "end": _seconds(segment.end),
        "speaker": flatten(segment.speaker),
        "language": segment.language,
        "text": flatten(segment.text),
        "confidence": _rounded(confidence),
        "words": [
            {
                "text": flatten(word.text),
                "start": _seconds(word.start),
                "end": _seconds(word.end),
                "probability": _rounded(word.probability),
            }
            for word in segment.words
        ],
    }


def _rounded(probability: float) -> float | None:
    """None: the file that the words were read from did not tell."""
    return None if math.isnan(probability) else round(probability, 4)


def _dump(values: Any) -> str:  # noqa: ANN401 - anything that JSON can say
    return json.dumps(values, ensure_ascii=False, allow_nan=False)


def _seconds(samples: int) -> float:
    return to_milliseconds(samples) / 1000
