"""The values that a live session exchanges with the front door that carries it, and their limits.

The checks are those that every front door makes before a session sees anything; they raise
`InvalidRequest` with the numbers, and name the field as that door calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from captioner.audio.format import AudioFormat
from captioner.errors import InvalidRequest
from captioner.transcript import Caption

MAX_NAME = 128  # characters of a room or a track
MAX_SPEAKER = 256  # characters of a participant's identity or name
MAX_KEY_TERMS = 100
MAX_KEY_TERM = 64  # characters
MAX_RESUME_TOKEN = 4096  # bytes
MAX_AUDIO_PER_MESSAGE = 1.0  # seconds
ENDPOINT_SILENCE = (0.2, 3.0)  # seconds that a client may ask for
MAX_UTTERANCE = (5.0, 28.0)  # seconds that a client may ask for


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


# --- Checks of what clients ask for


def check_length(field: str, text: str, least: int, most: int) -> str:
    """A text with a number of characters within limits."""
    if not least <= len(text) <= most:
        raise InvalidRequest(
            f"{field} has {len(text)} characters, expected {least} to {most}", field=field
        )
    return text


def check_key_terms(terms: tuple[str, ...]) -> tuple[str, ...]:
    """Names and acronyms: not too many, none too long, none empty."""
    if len(terms) > MAX_KEY_TERMS:
        raise InvalidRequest(
            f"{len(terms)} key terms, expected no more than {MAX_KEY_TERMS}", field="key_terms"
        )
    for index, term in enumerate(terms):
        check_length(f"key_terms[{index}]", term, 1, MAX_KEY_TERM)
    return terms


def check_seconds(name: str, seconds: float, limits: tuple[float, float]) -> float:
    """A duration of endpointing within its limits."""
    least, most = limits
    if not least <= seconds <= most:
        raise InvalidRequest(
            f"{name} is {seconds:g} s, expected {least:g} s to {most:g} s",
            field=f"endpointing.{name}",
        )
    return seconds


def check_audio_size(size: int, audio_format: AudioFormat, max_bytes: int, *, field: str) -> None:
    """The bytes of one message of audio: not too large, and no more than a second."""
    if size > max_bytes:
        raise InvalidRequest(
            f"{size} bytes of audio in a message, expected no more than {max_bytes}", field=field
        )
    # 0 for Opus, whose packets hold 120 ms at most
    bytes_a_second = audio_format.frame_bytes * audio_format.sample_rate
    if bytes_a_second and size > MAX_AUDIO_PER_MESSAGE * bytes_a_second:
        raise InvalidRequest(
            f"{size / bytes_a_second:.3f} s of audio in a message, "
            f"expected no more than {MAX_AUDIO_PER_MESSAGE:g} s",
            field=field,
        )
