"""The run of `captioner stream`: files as live tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from captioner.cli.live_run import Outcome, Source, run_live
from captioner.cli.playback import length_of, paced, play
from captioner.cli.wishes import Wishes
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.live import MAX_NAME


@dataclass(frozen=True, slots=True)
class Passage:
    """What is played of each file; in seconds of it."""

    start_at: float
    duration: float | None
    speed: float


async def stream_files(
    settings: Settings,
    files: Sequence[tuple[Path, str]],
    wishes: Wishes,
    *,
    passage: Passage,
) -> Outcome:
    """Play files, each with the name of its speaker, all from the same moment.

    Raises:
        CaptionerError: a file cannot be read, or the server refuses or is gone.
        OSError: the same of a file.
    """
    lengths = [length_of(path, start_at=passage.start_at) for path, _ in files]
    length = max((value for value in lengths if value is not None), default=0.0)
    return await run_live(
        settings,
        [_source(number, path, name, passage) for number, (path, name) in enumerate(files, 1)],
        wishes,
        start_at=passage.start_at,
        duration=min(length, passage.duration or length),
        speed=passage.speed,
    )


def _source(number: int, path: Path, speaker: str, passage: Passage) -> Source:
    clock = SystemClock()
    chunks = partial(play, path, start_at=passage.start_at, duration=passage.duration)
    return Source(
        name=f"{number}-{path.stem}"[:MAX_NAME],
        speaker=speaker,
        play=lambda pace: paced(chunks(), pace, clock=clock),
    )
