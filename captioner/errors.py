"""The errors that callers may meet, one tree for every front door.

    CaptionerError
    ├── InvalidRequest          the caller sent something malformed: fix it, do not retry
    │   └── UnsupportedAudio    bytes that are not the audio they claim to be
    ├── Unauthenticated         no token, or one that is not valid
    ├── PermissionDenied        a valid token for something else
    ├── ResourceExhausted       a limit was reached: back off and retry
    ├── TooFast                 audio sent faster than real time beyond the burst
    ├── Timeout                 the peer fell silent for longer than the protocol allows
    ├── SessionTakenOver        the same session was attached by a newer stream
    ├── ResumeExpired           the resume token names a session that is gone
    ├── Unavailable             draining or restarting: retry elsewhere or later
    │   ├── EngineFault         the engine failed or hung on this request
    │   └── Cancelled           nobody waits for the answer any more
    ├── ModelError              a model directory is missing, incomplete or altered
    ├── DownloadError           bytes could not be fetched from a source
    └── ConfigError             a setting is unknown or out of its range

Front doors (``rpc``, ``web``, ``cli``) translate each class once into their own status.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request and what is wrong with it."""

    field: str
    description: str


class CaptionerError(Exception):
    """Base of every error that is part of the contract.

    Its text is meant for the person who reads it: one sentence, with the numbers.
    """


class InvalidRequest(CaptionerError):
    """The request is malformed; ``violations`` says field by field what to change."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.violations: tuple[FieldViolation, ...] = (
            (FieldViolation(field, message),) if field else ()
        )


class UnsupportedAudio(InvalidRequest):
    """The bytes are not the audio they claim to be."""


class Unauthenticated(CaptionerError):
    """No token was given, or it is not valid."""


class PermissionDenied(CaptionerError):
    """The token is valid but not for this."""


class ResourceExhausted(CaptionerError):
    """A limit was reached; try again after ``retry_after`` seconds.

    ``subject`` names the quota that was hit, empty when the whole replica is full.
    """

    def __init__(self, message: str, *, retry_after: float = 1.0, subject: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.subject = subject


class TooFast(ResourceExhausted):
    """Live audio came faster than real time by more than the allowed burst."""


class Timeout(CaptionerError):
    """The peer sent nothing for longer than the protocol allows."""


class SessionTakenOver(CaptionerError):
    """A newer stream attached to the same session; this one was evicted."""


class ResumeExpired(CaptionerError):
    """The session named by the resume token can no longer be resumed."""


class Unavailable(CaptionerError):
    """The service cannot answer now; try again after ``retry_after`` seconds."""

    def __init__(self, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineFault(Unavailable):
    """The engine failed or hung on this request; it is being rebuilt."""


class Cancelled(Unavailable):
    """The request was cancelled before it was answered."""


class ModelError(CaptionerError):
    """A model directory is missing, incomplete or altered."""


class DownloadError(CaptionerError):
    """The bytes of a model could not be fetched from a source."""


class ConfigError(CaptionerError):
    """A setting is unknown, contradictory or out of its range."""
