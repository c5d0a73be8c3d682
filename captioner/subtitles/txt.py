"""Plain text for readers: one line a segment, one paragraph a turn."""

from __future__ import annotations

from collections.abc import Iterable

from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.phrases import label_phrases, split_phrases

_NOTICE = "# Transcription produite automatiquement : elle peut contenir des erreurs."


def render(segments: Iterable[Segment], provenance: Provenance) -> str:
    """A whole file: provenance in lines that begin with ``#``, then the turns with their names."""
    fields = (f"# {key}: {' '.join(value.split())}" for key, value in provenance.fields().items())
    lines = [_NOTICE, *fields]
    speaker: str | None = None
    for segment in sorted(segments, key=lambda segment: (segment.start, segment.end)):
        texts = [phrase.text for phrase in split_phrases(segment)]
        if not texts:
            continue
        if segment.speaker != speaker:
            lines.append("")
            if segment.speaker:
                texts = [*(phrase.text for phrase in label_phrases(segment)), *texts]
        speaker = segment.speaker
        lines.append(" ".join(texts))
    return "\n".join(lines) + "\n"
