"""Captioner: its own client over gRPC, judged by the same displays."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from tracks import TrackLog, take_event

from captioner.audio.format import AudioFormat, Encoding
from captioner.evaluation.display import Screen
from captioner.live import Mode, SessionConfig
from captioner.rpc.client import CaptionerClient
from captioner.transcript import SAMPLE_RATE


class GrpcConnection:
    """A track of a Captioner server: what is said last is final when the track has ended."""

    def __init__(self, client: CaptionerClient, track: str) -> None:
        self._stream = client.stream(
            SessionConfig(
                room="benchmark",
                track=track,
                audio_format=AudioFormat(Encoding.LINEAR16, SAMPLE_RATE),
                mode=Mode.REVISABLE,
                word_times=True,
            )
        )

    @property
    def needs_silence(self) -> bool:
        """The end of a track ends its last utterance."""
        return False

    @property
    def pending(self) -> bool:
        """Told by the end of the session instead."""
        return False

    async def __aenter__(self) -> Self:
        """Open the session."""
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self._stream.__aexit__(kind, error, traceback)

    async def send(self, pcm: bytes) -> None:
        """Send 100 ms of audio."""
        await self._stream.send(pcm)

    async def end(self) -> None:
        """Say that the track is over."""
        await self._stream.end()

    async def listen(self, log: TrackLog, elapsed: Callable[[], float]) -> None:
        """Note each event, until the server confirms the end."""
        screen = Screen()
        async for event in self._stream:
            take_event(log, event, screen, at=elapsed())
        log.reconnections = self._stream.reconnections
