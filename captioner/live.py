"""The values that a live session exchanges with the front door that carries it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from captioner.audio.format import AudioFormat
from captioner.transcript import Caption


class Mode(Enum):
    """How interims may relate to their final."""

    REVISABLE = "revisable"
    """The final may still correct committed words: the best text."""
    APPEND_ONLY = "append-only"
    """Committed words are never corrected, not even by the final."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """What a client asks for when it opens a session."""

    room: str
    track: str
    audio_format: AudioFormat
    speaker_identity: str = ""
    speaker_name: str = ""
    capture_time: float | None = None
    """Wall time of sample 0, seconds since 1970; None: the time of arrival."""
    language: str = ""
    """BCP 47; empty: the service's default."""
    interim_results: bool = True
    mode: Mode = Mode.REVISABLE
    word_times: bool = False
    key_terms: tuple[str, ...] = ()
    endpoint_silence: float | None = None
    """Seconds; None: the service's setting."""
    max_utterance: float | None = None
    """Seconds; None: the service's setting."""
    resume_token: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """The session accepts audio, from `resume_from` on."""

    session_id: str
    resume_token: str
    resume_from: int
    """Position in 16 kHz samples; 0 for a new session."""
    next_caption_id: int


@dataclass(frozen=True, slots=True)
class Captioned:
    """A caption at a new revision."""

    caption: Caption
    resume_token: str = ""
    """Finals only: replaces the token of `Started`."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to talk at `position`."""

    position: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance ended at `position`."""

    position: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Heartbeat: how far the session has got."""

    received: int
    finalized: int
    """No more finals will start before this position."""
    lag: float
    """Seconds of age of the oldest audio still waiting to be decoded."""
    clamped: int
    """Float samples that were out of range, since the start."""
    resume_token: str = ""
    """Replaces the token before it: long silences move the point to resume from."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio that never arrived."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reconnect:
    """This replica goes away; resume elsewhere after `delay` seconds."""

    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over and everything said was finalized."""

    audio: int
    speech: int
    captions: int
    words: int


Event = Started | Captioned | SpeechStarted | SpeechEnded | Progress | Gap | Reconnect | Ended
