"""The errors of the service as answers over HTTP and WebSocket: one table for both.

Over HTTP a refusal is a problem document (RFC 9457) whose ``detail`` says what to do and whose
``code`` is for programs: the reasons of the gRPC statuses, and a few that only HTTP has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from captioner import errors
from captioner.errors import CaptionerError
from captioner.web.values import Values, dump

MEDIA_TYPE = "application/problem+json"
INTERNAL = "INTERNAL"

# Class, status over HTTP, close code over WebSocket, and the code that tells errors apart.
_TABLE: tuple[tuple[type[CaptionerError], int, int, str], ...] = (
    (errors.InvalidRequest, 400, 4400, "INVALID_REQUEST"),
    (errors.UnsupportedAudio, 400, 4400, "UNSUPPORTED_AUDIO"),
    (errors.Unauthenticated, 401, 1008, "UNAUTHENTICATED"),
    (errors.PermissionDenied, 403, 1008, "PERMISSION_DENIED"),
    (errors.ResourceExhausted, 503, 1013, "RESOURCE_EXHAUSTED"),
    (errors.TooFast, 429, 4429, "TOO_FAST"),
    (errors.Timeout, 408, 4408, "TIMEOUT"),
    (errors.SessionTakenOver, 409, 4409, "SESSION_TAKEN_OVER"),
    (errors.ResumeExpired, 410, 4410, "RESUME_EXPIRED"),
    (errors.Unavailable, 503, 1013, "UNAVAILABLE"),
    (errors.EngineFault, 503, 1013, "ENGINE_FAULT"),
    (errors.Cancelled, 503, 1013, "CANCELLED"),
)
_CODES = {  # of what only HTTP refuses
    400: "INVALID_REQUEST",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
    414: "ADDRESS_TOO_LONG",
    415: "CONTENT_TYPE",
    431: "HEADERS_TOO_LARGE",
    500: INTERNAL,
}
_ROWS = {kind: (status, close, code) for kind, status, close, code in _TABLE}
_UNKNOWN = (500, 1011, INTERNAL)
_TOO_LARGE = 1009  # close code, and the status 413


class Refused(CaptionerError):
    """A request that is wrong in a way only HTTP has a status for."""

    def __init__(
        self, status: int, message: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})


class TooLarge(Refused):
    """More bytes than are read at once."""

    def __init__(self, message: str) -> None:
        super().__init__(413, message)


def from_starlette(error: HTTPException) -> Refused:
    """What the router refuses, said so that people know what to do."""
    match error.status_code:
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "")
            text = f"this method is not allowed here: use {allowed}"
        case HTTPStatus.NOT_FOUND:
            text = "there is nothing at this address: docs/http.md lists what there is"
        case _:
            text = error.detail
    return Refused(error.status_code, text, headers=error.headers)


def status_of(error: CaptionerError) -> int:
    """The status of an error over HTTP; 500 for one that no client is meant to see."""
    return error.status if isinstance(error, Refused) else _row(error)[0]


def close_code_of(error: CaptionerError) -> int:
    """The code with which a WebSocket is closed after an error."""
    return _TOO_LARGE if isinstance(error, TooLarge) else _row(error)[1]


def _code_of(error: CaptionerError) -> str:
    if isinstance(error, Refused):
        return _CODES[error.status]
    return _row(error)[2]


def _row(error: CaptionerError) -> tuple[int, int, str]:
    return next((row for kind in type(error).__mro__ if (row := _ROWS.get(kind))), _UNKNOWN)


def problem(error: CaptionerError) -> Response:
    """The problem document of an error."""
    status = status_of(error)
    values: Values = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": _code_of(error),
        "detail": str(error),
    }
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if isinstance(error, errors.Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, errors.InvalidRequest) and error.violations:
        values["errors"] = [
            {"field": violation.field, "detail": violation.description}
            for violation in error.violations
        ]
    if isinstance(error, errors.Unavailable | errors.ResourceExhausted):
        values["retry_after"] = round(error.retry_after, 3)
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return Response(dump(values), status, headers=headers, media_type=MEDIA_TYPE)


def error_message(error: CaptionerError) -> Values:
    """The last message of a WebSocket that is closed because of an error."""
    values: Values = {"type": "error", "code": _code_of(error), "message": str(error)}
    if isinstance(error, errors.InvalidRequest) and error.violations:
        values["field"] = error.violations[0].field
    if isinstance(error, errors.Unavailable | errors.ResourceExhausted):
        values["retry_after"] = round(error.retry_after, 3)
    return values
