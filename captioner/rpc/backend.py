"""What the gRPC front door needs from the service behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import BinaryIO, Protocol

from captioner.admission import Capacity
from captioner.asr.engine import EngineInfo
from captioner.audio.format import AudioFormat
from captioner.config import Settings
from captioner.live import Event, SessionConfig
from captioner.rooms.hub import RoomHub
from captioner.transcription.events import TranscriptionEvent


class Session(Protocol):
    """One track attached to the service: see `captioner.service.LiveSession`."""

    async def audio(self, data: bytes, *, offset: int | None = None) -> None:
        """Feed audio; `offset` counts samples at the rate of the stream."""
        ...

    async def keepalive(self, position: int | None = None) -> None:
        """The track is muted."""
        ...

    async def flush(self) -> None:
        """Finalize what was said so far."""
        ...

    async def update(
        self, *, language: str | None = None, key_terms: tuple[str, ...] | None = None
    ) -> None:
        """Change settings from the next utterance on."""
        ...

    async def end(self) -> None:
        """Finalize everything; `Ended` comes last."""
        ...

    async def detach(self) -> None:
        """The client was lost: keep the session resumable."""
        ...

    def events(self) -> AsyncIterator[Event]:
        """What happens, `Started` first."""
        ...


class Backend(Protocol):
    """The service: see `captioner.service.CaptionService`."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    @property
    def info(self) -> EngineInfo:
        """The model and device in use."""
        ...

    @property
    def capacity(self) -> Capacity:
        """How loaded the replica is now."""
        ...

    @property
    def rooms(self) -> RoomHub:
        """The rooms, to follow them."""
        ...

    @property
    def ready(self) -> bool:
        """Whether new sessions are accepted."""
        ...

    async def open(self, config: SessionConfig) -> Session:
        """Attach a new session, or resume one."""
        ...

    async def drain(self) -> None:
        """Refuse new sessions, tell clients to reconnect, flush finals."""
        ...

    def transcribe(
        self,
        recording: BinaryIO,
        *,
        language: str = "",
        key_terms: tuple[str, ...] = (),
        audio_format: AudioFormat | None = None,
    ) -> AsyncIterator[TranscriptionEvent]:
        """Transcribe a recording; closing the iterator cancels it.

        Raises (in the iteration):
            UnsupportedAudio: the bytes are not a recording that can be decoded.
        """
        ...
