"""What the HTTP front door needs from the service behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from captioner.asr.engine import EngineInfo
from captioner.config import Settings
from captioner.live import Event, SessionConfig
from captioner.rooms.hub import RoomHub
from captioner.web.operations import Observed


class Session(Protocol):
    """One track attached to the service: see `captioner.sessions.LiveSession`."""

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


class Backend(Observed, Protocol):
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
    def rooms(self) -> RoomHub:
        """The rooms, to follow them and to read what was said."""
        ...

    async def open(self, config: SessionConfig) -> Session:
        """Attach a new session, or resume one."""
        ...
