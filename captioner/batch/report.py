"""What became of a job, for people and programs."""

from __future__ import annotations

import json
import resource
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from captioner import __version__
from captioner.asr.engine import EngineInfo
from captioner.batch.job import Document


class Fate(Enum):
    """What became of a document."""

    DONE = "done"
    KEPT = "kept"
    """Done by an earlier job, and left as it was."""
    FAILED = "failed"
    WAITING = "waiting"
    """Not done, because the job was interrupted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document."""

    document: Document
    fate: Fate
    outputs: tuple[Path, ...] = ()
    """What was written, or was there."""
    seconds: float = 0.0
    """How long it is."""
    heard: float = 0.0
    """Seconds of audio of all its tracks together."""
    words: int = 0
    speakers: tuple[str, ...] = ()
    reason: str = ""
    """Why it failed."""

    def told(self) -> str:
        """The reason as one line that names the recording once."""
        paths = dict.fromkeys(str(track.path) for track in self.document.tracks)
        if any(path in self.reason for path in paths):
            return self.reason
        name = next(iter(paths)) if len(paths) == 1 else self.document.name
        return f"{name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a job."""

    outcomes: tuple[Outcome, ...]
    info: EngineInfo | None
    """Of the model; None when none was needed."""
    started: float
    """Seconds since 1970-01-01 UTC."""
    wall_seconds: float
    stopped: str = ""
    """Why it did not come to its end; empty when it did."""
    problems: tuple[str, ...] = ()
    """What else went wrong: folders that cannot be read."""

    def count(self, fate: Fate) -> int:
        """How many documents ended so."""
        return sum(outcome.fate is fate for outcome in self.outcomes)

    @property
    def failures(self) -> list[str]:
        """What went wrong, a line each."""
        failed = [each.told() for each in self.outcomes if each.fate is Fate.FAILED]
        return [*self.problems, *failed]

    @property
    def audio_seconds(self) -> float:
        """Audio that this job transcribed, all tracks together."""
        return sum(each.heard for each in self.outcomes)

    @property
    def rate(self) -> float:
        """Seconds of audio a second; 0 when there was nothing to do."""
        return self.audio_seconds / self.wall_seconds if self.wall_seconds else 0.0

    def render(self) -> str:
        """JSON."""
        values = {
            "version": __version__,
            "model": _model(self.info),
            "started": datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            "stopped": self.stopped or None,
            "counts": {fate.value: self.count(fate) for fate in Fate},
            "audio_seconds": round(self.audio_seconds, 3),
            "wall_seconds": round(self.wall_seconds, 3),
            "times_real_time": round(self.rate, 2),
            "peak_memory_bytes": peak_memory(),
            "problems": list(self.problems),
            "documents": [_outcome(outcome) for outcome in self.outcomes],
        }
        text = json.dumps(values, ensure_ascii=False, indent=1)
        return text.encode("utf-8", errors="replace").decode() + "\n"  # names of any bytes


def peak_memory() -> int:
    """The most memory in bytes that this process held, or one that it started and that ended."""
    everybody = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in everybody)


def speakers_of(names: Sequence[str]) -> tuple[str, ...]:
    """Those who have a name, by how much they say."""
    return tuple(name for name, _ in Counter(name for name in names if name).most_common())


def _model(info: EngineInfo | None) -> dict[str, Any] | None:
    if info is None:
        return None
    return {
        "name": info.model,
        "digest": info.digest,
        "device": info.device,
        "compute_type": info.compute_type,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": outcome.document.name,
        "state": outcome.fate.value,
        "sources": list(dict.fromkeys(str(track.path) for track in outcome.document.tracks)),
        "outputs": [str(path) for path in outcome.outputs],
        "seconds": round(outcome.seconds, 3),
        "words": outcome.words,
        "speakers": list(outcome.speakers),
    }
    return values | ({"reason": outcome.reason} if outcome.reason else {})
