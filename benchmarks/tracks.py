"""Paced tracks over gRPC, as a media server sends them, and what came back when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from recordings import SAMPLE_BYTES, Take

from captioner.audio.format import AudioFormat, Encoding
from captioner.cli.playback import CHUNK, Pace
from captioner.clock import Clock
from captioner.errors import CaptionerError, ResourceExhausted
from captioner.evaluation.display import Display, Screen
from captioner.live import Captioned, Ended, Event, Gap, Mode, Progress, SessionConfig
from captioner.rpc.client import CaptionerClient, CaptionStream
from captioner.transcript import SAMPLE_RATE, Caption

CHUNK_BYTES = CHUNK * SAMPLE_BYTES
LEAD = 0.5  # seconds from the decision to start until the first track does


@dataclass(slots=True)
class TrackLog:
    """What happened on one track; times in seconds after its first sample was captured."""

    take: Take
    displays: list[Display] = field(default_factory=list)
    finals: list[Caption] = field(default_factory=list)
    gaps: int = 0
    """Stretches of audio that the server says it never got."""
    largest_lag: float = 0.0
    """Seconds of age of the oldest audio that waited for a decode, as the server told."""
    lags: list[tuple[float, float]] = field(default_factory=list)
    """When it told, and that age."""
    lateness: list[float] = field(default_factory=list)
    """For each message, how long after it was due it was sent: what the driver is to blame for."""
    reconnections: int = 0
    refused: str = ""
    """Why the server did not take the session."""
    problem: str = ""
    """Why the track broke off."""
    ended: bool = False
    """Whether the server confirmed that everything said is final."""


def staggered(tracks: int, stagger: float | None = None) -> list[float]:
    """When each track starts, in seconds: apart from each other, so that decodes are too.

    By default all start within 5 s, at most 0.73 s apart: no multiple of a hop or a message.
    """
    step = min(0.73, 5.0 / tracks) if stagger is None else stagger
    return [index * step for index in range(tracks)]


def session_config(track: str, *, mode: Mode = Mode.REVISABLE) -> SessionConfig:
    """What a track of the benchmarks' room asks for."""
    return SessionConfig(
        room="benchmark",
        track=track,
        audio_format=AudioFormat(Encoding.LINEAR16, SAMPLE_RATE),
        mode=mode,
        word_times=True,
    )


async def play_tracks(
    client: CaptionerClient,
    takes: Sequence[Take],
    *,
    mode: Mode,
    starts: Sequence[float],
    clock: Clock,
) -> list[TrackLog]:
    """Play every take as a track of one room; returns when all are over."""
    logs = [TrackLog(take) for take in takes]
    origin = clock.monotonic() + LEAD
    async with asyncio.TaskGroup() as group:
        for index, (log, start) in enumerate(zip(logs, starts, strict=True)):
            config = session_config(f"{index:03}-{log.take.name}", mode=mode)
            group.create_task(play_track(client, config, log, Pace(origin + start), clock))
    return logs


async def play_track(
    client: CaptionerClient, config: SessionConfig, log: TrackLog, pace: Pace, clock: Clock
) -> ResourceExhausted | None:
    """Play one take from ``pace.start`` on; returns the refusal when it was not taken."""
    await asyncio.sleep(max(0.0, pace.start - clock.monotonic()))
    stream = client.stream(config)
    refusal: ResourceExhausted | None = None
    try:
        async with stream, asyncio.TaskGroup() as group:
            group.create_task(_send(stream, log, pace, clock))
            group.create_task(_receive(stream, log, pace, clock))
    except* ResourceExhausted as refusals:
        first = refusals.exceptions[0]
        refusal = first if isinstance(first, ResourceExhausted) else None
        log.refused = str(first)
    except* CaptionerError as errors:
        log.problem = str(errors.exceptions[0])
    log.reconnections = stream.reconnections
    return refusal


async def _send(stream: CaptionStream, log: TrackLog, pace: Pace, clock: Clock) -> None:
    """Send each message when its last sample has been captured, on a schedule that never drifts."""
    audio = log.take.audio
    for begin in range(0, len(audio), CHUNK_BYTES):
        chunk = audio[begin : begin + CHUNK_BYTES]
        due = pace.due((begin + len(chunk)) // SAMPLE_BYTES)
        await asyncio.sleep(max(0.0, due - clock.monotonic()))
        log.lateness.append(clock.monotonic() - due)
        await stream.send(chunk)
    await stream.end()


async def _receive(stream: CaptionStream, log: TrackLog, pace: Pace, clock: Clock) -> None:
    screen = Screen()
    async for event in stream:
        take_event(log, event, screen, at=clock.monotonic() - pace.start)


def take_event(log: TrackLog, event: Event, screen: Screen, *, at: float) -> None:
    """Note what an event of the server shows."""
    match event:
        case Captioned():
            caption = event.caption
            texts = [word.text for word in caption.words]
            shown = screen.show(
                caption.id, texts, at=at, committed=caption.committed, final=caption.final
            )
            log.displays.append(shown)
            if caption.final:
                log.finals.append(caption)
        case Gap():
            log.gaps += 1
        case Progress():
            log.largest_lag = max(log.largest_lag, event.lag)
            log.lags.append((at, event.lag))
        case Ended():
            log.ended = True
        case _:
            pass
