"""What `demo`, `stream` and `listen` have in common: a run from start to summary."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from captioner.audio.format import AudioFormat, Encoding
from captioner.cli.connection import connected, made_by, notice
from captioner.cli.display import open_display
from captioner.cli.exits import ExitCode, Failed
from captioner.cli.interrupts import finishing_on_interrupt
from captioner.cli.meeting import Listener, Meeting, summary
from captioner.cli.playback import Pace
from captioner.cli.relay import Track, relay
from captioner.cli.terminal import messages, output
from captioner.cli.transcripts import save, segments_of
from captioner.cli.wishes import Wishes
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.live import SessionConfig
from captioner.rpc.client import ServiceInfo
from captioner.transcript import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Source:
    """One track to be played."""

    name: str
    speaker: str
    play: Callable[[Pace], AsyncIterator[bytes]]
    """Starts it: 16-bit mono chunks, each when it is due."""
    sample_rate: int = SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run went."""

    problems: tuple[str, ...]
    interrupted: bool
    played: float
    """Seconds of the recordings."""
    summary: str


def own_room() -> str:
    """The name of a room that nobody else is in."""
    return f"captioner-{secrets.token_hex(4)}"


async def run_live(
    settings: Settings,
    sources: Sequence[Source],
    wishes: Wishes,
    *,
    start_at: float = 0.0,
    duration: float = 0.0,
    speed: float = 1.0,
    listener: Listener | None = None,
) -> Outcome:
    """Play sources to the server, show what it says, and save it.

    Raises:
        CaptionerError: the server refuses, or cannot be reached any more.
        OSError: a file cannot be written.
    """
    clock = SystemClock()
    console = output()
    speakers = {source.name: source.speaker for source in sources}
    async with connected(settings) as (client, info):
        with (
            finishing_on_interrupt() as stop,
            open_display(console, list(speakers.values()), plain=wishes.plain) as display,
        ):
            display.note(notice(info))
            meeting = Meeting(
                display, speakers, start_at=start_at, duration=duration, listener=listener
            )
            pace = Pace(clock.monotonic(), speed)
            room, wall = wishes.room or own_room(), clock.wall()
            tracks = [_track(source, wishes, room, pace, wall) for source in sources]
            try:
                await relay(tracks, client.stream, meeting, pace=pace, clock=clock, stop=stop)
            finally:
                _save(meeting, wishes, info)
    elapsed = pace.elapsed(clock.monotonic())
    played = min(elapsed, duration or elapsed)
    return Outcome(
        tuple(meeting.problems),
        interrupted=stop.is_set(),
        played=played,
        summary=summary(meeting, tracks=len(sources), seconds=played),
    )


def _track(source: Source, wishes: Wishes, room: str, pace: Pace, wall: float) -> Track:
    config = SessionConfig(
        room=room,
        track=source.name,
        audio_format=AudioFormat(Encoding.LINEAR16, source.sample_rate),
        speaker_identity=source.name,
        speaker_name=source.speaker,
        capture_time=wall,
        language=wishes.language,
        mode=wishes.mode,
        word_times=True,
        key_terms=wishes.key_terms,
    )
    return Track(config, source.play(pace))


def _save(meeting: Meeting, wishes: Wishes, info: ServiceInfo) -> None:
    for path in wishes.save:
        save(path, segments_of(meeting.finals), made_by(info))


def conclude(outcome: Outcome, *, saved: Sequence[Path], interrupt_is_failure: bool) -> None:
    """Print the summary, and end as the run deserves.

    Raises:
        Failed: a track broke off.
        click.exceptions.Exit: the run was interrupted, where that counts.
    """
    console = messages()
    console.print(outcome.summary, soft_wrap=True)
    for path in saved:
        console.print(f"saved {path}", soft_wrap=True, markup=False)
    if outcome.problems:
        raise Failed("\n".join(outcome.problems))
    if outcome.interrupted and interrupt_is_failure:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
