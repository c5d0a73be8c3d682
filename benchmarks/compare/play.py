"""Paced tracks to any system: the same audio, pace and starts for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from recordings import SAMPLE_BYTES, Take
from tracks import CHUNK_BYTES, TrackLog

from captioner.cli.playback import Pace
from captioner.clock import Clock
from captioner.errors import CaptionerError, ResourceExhausted
from compare.connection import Connection

LEAD = 3.0  # seconds before its first sample that a track is connected
QUIET = 5.0  # least seconds without news after which a peer has nothing more to say
MOST_SILENCE = 60.0  # seconds of silence after the speech, at most
PATIENCE = 60.0  # seconds until a system that was told the end must be done
SILENCE = bytes(CHUNK_BYTES)
SECONDS_OF_CHUNK = CHUNK_BYTES / SAMPLE_BYTES / 16_000


@dataclass(slots=True)
class Playing:
    """What the driver did."""

    logs: list[TrackLog]
    sent: float = 0.0
    """Seconds of audio sent so far on all tracks together, silence after the speech included."""
    talking: int = 0
    """Tracks whose speech is not over."""
    on_quiet: list[Callable[[], None]] = field(default_factory=list)
    """Called when the last track has sent its speech."""

    def speech_over(self) -> None:
        """A track has sent its speech, or never will."""
        self.talking -= 1
        if not self.talking:
            for call in self.on_quiet:
                call()


async def play_all(
    connections: Sequence[Connection],
    takes: Sequence[Take],
    *,
    starts: Sequence[float],
    clock: Clock,
    playing: Playing,
) -> None:
    """Play every take on its connection; returns when all are over.

    Args:
        connections: one for each take, not yet open.
        takes: what is said.
        starts: seconds after the common beginning.
        clock: of the schedule.
        playing: what happened goes there; its logs are those of the takes.
    """
    origin = clock.monotonic() + LEAD
    playing.talking = len(takes)
    async with asyncio.TaskGroup() as group:
        for connection, log, start in zip(connections, playing.logs, starts, strict=True):
            track = _Track(connection, log, Pace(origin + start), clock, playing)
            group.create_task(track.play())


class _Track:
    """One track of a run."""

    def __init__(
        self,
        connection: Connection,
        log: TrackLog,
        pace: Pace,
        clock: Clock,
        playing: Playing,
    ) -> None:
        self._connection = connection
        self._log = log
        self._pace = pace
        self._clock = clock
        self._playing = playing
        self._talking = True

    async def play(self) -> None:
        """Play it, and note why it went wrong if it did."""
        await asyncio.sleep(max(0.0, self._pace.start - LEAD - self._clock.monotonic()))
        log = self._log
        try:
            async with self._connection, asyncio.TaskGroup() as group:
                listening = group.create_task(self._connection.listen(log, self._elapsed))
                group.create_task(self._talk(listening))
        except* ResourceExhausted as refusals:
            log.refused = str(refusals.exceptions[0])
        except* CaptionerError as errors:
            log.problem = str(errors.exceptions[0])
        finally:
            self._speech_over()

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._pace.start

    def _speech_over(self) -> None:
        if self._talking:
            self._talking = False
            self._playing.speech_over()

    async def _talk(self, listening: asyncio.Task[None]) -> None:
        """Send the take, then silence as long as it is needed; then say so, and wait."""
        audio = self._log.take.audio
        for begin in range(0, len(audio), CHUNK_BYTES):
            await self._send(audio[begin : begin + CHUNK_BYTES], begin)
        self._speech_over()
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
        self._playing.sent += len(chunk) / SAMPLE_BYTES / 16_000

    async def _fall_silent(self, position: int) -> None:
        """An open microphone after the last word, until everything shown is final.

        A system that is late has long pauses between two updates, so as much patience as twice the
        longest of them is needed to know that nothing more will come.
        """
        begin = position / SAMPLE_BYTES / 16_000
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
    longest = max((later - time for time, later in pairwise(times)), default=0)
    return max(speech, times[-1]) + max(QUIET, 2 * longest)
