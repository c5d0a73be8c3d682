"""The composition root: builds the parts once, and opens sessions over them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from captioner.asr.engine import EngineInfo
from captioner.config import Settings
from captioner.live import Event, SessionConfig


@dataclass(frozen=True, slots=True)
class Capacity:
    """How loaded the replica is."""

    sessions: int
    talking: int
    max_sessions: int
    talking_headroom: float
    draining: bool


class LiveSession:
    """One track attached to the service. All methods are called on the event loop."""

    async def audio(self, data: bytes, *, offset: int | None = None) -> None:
        """Feed audio; `offset` is the position of its first sample at the stream's own rate.

        Raises:
            InvalidRequest: malformed bytes, or an offset before what was received.
            TooFast: audio ran ahead of real time beyond the burst.
        """
        raise NotImplementedError

    async def keepalive(self, position: int | None = None) -> None:
        """The track is muted; capture has got to `position` (16 kHz samples) without audio."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Finalize what was said so far; the session goes on."""
        raise NotImplementedError

    async def update(
        self, *, language: str | None = None, key_terms: tuple[str, ...] | None = None
    ) -> None:
        """Change settings from the next utterance on."""
        raise NotImplementedError

    async def end(self) -> None:
        """The track is over: pending speech is finalized, then `Ended` is the last event."""
        raise NotImplementedError

    async def detach(self) -> None:
        """The client was lost without `end`: keep the session resumable for a while."""
        raise NotImplementedError

    def events(self) -> AsyncIterator[Event]:
        """What happens, `Started` first, until `Ended`; interims are dropped when not read.

        Raises (in the iteration):
            SessionTakenOver: a newer stream attached to the session.
        """
        raise NotImplementedError


class CaptionService:
    """The service: one per process."""

    settings: Settings

    @property
    def info(self) -> EngineInfo:
        """The model and device in use."""
        raise NotImplementedError

    @property
    def capacity(self) -> Capacity:
        """How loaded the replica is now."""
        raise NotImplementedError

    @property
    def ready(self) -> bool:
        """Whether new sessions are accepted (engine loaded, not draining)."""
        raise NotImplementedError

    async def __aenter__(self) -> CaptionService:
        """Load the model and start the batcher."""
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        """Stop: whatever is still attached is finalized or cancelled, memory is freed."""
        raise NotImplementedError

    async def open(self, config: SessionConfig) -> LiveSession:
        """Attach a new session, or resume one.

        Raises:
            InvalidRequest: naming the field of the config that is wrong.
            ResourceExhausted: the replica is full.
            Unavailable: draining, or the engine is restarting.
            ResumeExpired: the token is of a session that is gone, or not a token of ours.
        """
        raise NotImplementedError

    async def drain(self) -> None:
        """Refuse new sessions, tell clients to reconnect, flush finals; returns when done."""
        raise NotImplementedError
