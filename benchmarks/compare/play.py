"""Paced tracks to any system: the same audio, pace and starts for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise

from recordings import SAMPLE_BYTES
from tracks import CHUNK_BYTES, TrackLog

from captioner.cli.playback import Pace
from captioner.clock import Clock
from captioner.errors import CaptionerError, ResourceExhausted
from captioner.transcript import SAMPLE_RATE
from compare.connection import Connection

LEAD = 0.5  # seconds from the last connection until the first track begins
APART = 0.25  # seconds between two connections: some servers limit how many come at once
QUIET = (5.0, 20.0)  # seconds without news after which a peer has nothing more to say
MOST_SILENCE = 60.0  # seconds of silence after the speech, at most
PATIENCE = 60.0  # seconds until a system that was told the end must be done
SILENCE = bytes(CHUNK_BYTES)
SECONDS_OF_CHUNK = CHUNK_BYTES / SAMPLE_BYTES / SAMPLE_RATE


@dataclass(slots=True)
class Playing:
    """What the driver did."""

    logs: list[TrackLog]
    starts: tuple[float, ...]
    """When each track begins, in seconds after the origin."""
    origin: float = 0.0
    """The common beginning, in seconds of the clock."""

    @property
    def over(self) -> float:
        """When everything was said and shown, in seconds of the clock."""
        return self.origin + max(
            start + max([log.take.seconds, *(display.time for display in log.displays[-1:])])
            for log, start in zip(self.logs, self.starts, strict=True)
        )


async def play_all(connections: Sequence[Connection], playing: Playing, clock: Clock) -> None:
    """Play each take on its connection; returns when all are over.

    All are connected before the first begins: what a connection takes delays no caption.

    Args:
        connections: one for each log of ``playing``, not yet open.
        playing: has the takes; what happened goes there.
        clock: of the schedule.
    """
    async with AsyncExitStack() as stack:
        open_ones = []
        tracks = zip(connections, playing.logs, playing.starts, strict=True)
        for connection, log, start in tracks:
            if await _connect(stack, connection, log):
                open_ones.append((connection, log, start))
            await asyncio.sleep(APART)
        playing.origin = clock.monotonic() + LEAD
        async with asyncio.TaskGroup() as group:
            for connection, log, start in open_ones:
                track = _Track(connection, log, Pace(playing.origin + start), clock)
                group.create_task(track.play())


async def _connect(stack: AsyncExitStack, connection: Connection, log: TrackLog) -> bool:
    try:
        await stack.enter_async_context(connection)
    except ResourceExhausted as refusal:
        log.refused = str(refusal)
        return False
    except CaptionerError as error:
        log.problem = str(error)
        return False
    return True


class _Track:
    """One track of a run."""

    def __init__(
        self,
        connection: Connection,
        log: TrackLog,
        pace: Pace,
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._log = log
        self._pace = pace
        self._clock = clock

    async def play(self) -> None:
        """Play it, and note why it went wrong if it did."""
        log = self._log
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._connection.listen(log, self._elapsed))
                group.create_task(self._talk(listening))
        except* ResourceExhausted as refusals:
            log.refused = str(refusals.exceptions[0])
        except* CaptionerError as errors:
            log.problem = str(errors.exceptions[0])

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._pace.start

    async def _talk(self, listening: asyncio.Task[None]) -> None:
        """Send the take, then silence as long as it is needed; then say so, and wait."""
        audio = self._log.take.audio
        for begin in range(0, len(audio), CHUNK_BYTES):
            await self._send(audio[begin : begin + CHUNK_BYTES], begin)
        if self._connection.needs_silence:
            await self._fall_silent(len(audio))
        await self._connection.end()
        done, _ = await asyncio.wait({listening}, timeout=PATIENCE)
        if not done:
            self._log.problem = f"not done {PATIENCE:g} s after its end"
            listening.cancel()

    async def _send(self, chunk: bytes, begin: int) -> None:
        """Send a message when its last sample has been captured."""
        due = self._pace.due((begin + len(chunk)) // SAMPLE_BYTES)
        await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
        self._log.lateness.append(self._clock.monotonic() - due)
        await self._connection.send(chunk)

    async def _fall_silent(self, position: int) -> None:
        """An open microphone after the last word, until everything shown is final.

        A system that is late has long pauses between two updates, so as much patience as twice the
        longest of them is needed to know that nothing more will come.
        """
        begin = position / SAMPLE_BYTES / SAMPLE_RATE
        sent = 0.0
        while sent < MOST_SILENCE:
            await self._send(SILENCE, position)
            position += CHUNK_BYTES
            sent += SECONDS_OF_CHUNK
            if not self._connection.pending and begin + sent > quiet_since(self._log, begin):
                return


def quiet_since(log: TrackLog, speech: float) -> float:
    """When a track has been without news for long enough, if none comes until then.

    Args:
        log: what was shown so far.
        speech: seconds until the end of the speech.
    """
    times = [0.0, *(display.time for display in log.displays)]
    longest = max((later - time for time, later in pairwise(times)), default=0.0)
    least, most = QUIET
    return max(speech, times[-1]) + min(max(least, 2 * longest), most)
