"""The errors of the service as gRPC statuses, and back: one table for both ends."""

from __future__ import annotations

from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from captioner import errors
from captioner.errors import CaptionerError

_Detail = TypeVar("_Detail", bound=Message)

DOMAIN = "captioner"  # of google.rpc.ErrorInfo
DETAILS_KEY = "grpc-status-details-bin"

# Class, code, and the reason given in ErrorInfo: what tells errors of one code apart.
_TABLE: tuple[tuple[type[CaptionerError], grpc.StatusCode, str], ...] = (
    (errors.InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"),
    (errors.UnsupportedAudio, grpc.StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_AUDIO"),
    (errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
    (errors.ResourceExhausted, grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
    (errors.TooFast, grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_FAST"),
    (errors.Timeout, grpc.StatusCode.DEADLINE_EXCEEDED, "TIMEOUT"),
    (errors.SessionTakenOver, grpc.StatusCode.ABORTED, "SESSION_TAKEN_OVER"),
    (errors.ResumeExpired, grpc.StatusCode.FAILED_PRECONDITION, "RESUME_EXPIRED"),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    (errors.EngineFault, grpc.StatusCode.UNAVAILABLE, "ENGINE_FAULT"),
    (errors.Cancelled, grpc.StatusCode.UNAVAILABLE, "CANCELLED"),
)
_CODES = {kind: (code, reason) for kind, code, reason in _TABLE}
_KINDS = {reason: kind for kind, _, reason in _TABLE}
# Statuses that come without our details: from a proxy, from gRPC itself.
_KINDS_BY_CODE: dict[grpc.StatusCode, type[CaptionerError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.Timeout,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
}


def code_of(error: CaptionerError) -> grpc.StatusCode:
    """The status code of an error; INTERNAL for one that no client is meant to see."""
    return _row(error)[0]


def to_status(error: CaptionerError) -> status_pb2.Status:
    """The rich status of an error: code, text and details."""
    code, reason = _row(error)
    status = status_pb2.Status(code=code.value[0], message=str(error))
    for detail in _details(error, reason):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def trailing_metadata(error: CaptionerError) -> tuple[tuple[str, bytes], ...]:
    """The metadata that carries the details of an error."""
    return ((DETAILS_KEY, to_status(error).SerializeToString()),)


def from_rpc_error(error: grpc.aio.AioRpcError) -> CaptionerError:
    """The error of the service that a failed call stands for, as its client may raise it."""
    details = _received_details(error)
    info = _find(details, error_details_pb2.ErrorInfo)
    kind = _KINDS.get(info.reason) if info and info.domain == DOMAIN else None
    kind = kind or _KINDS_BY_CODE.get(error.code(), CaptionerError)
    text = error.details() or error.code().name
    if issubclass(kind, errors.InvalidRequest):
        request = _find(details, error_details_pb2.BadRequest)
        field = request.field_violations[0].field if request and request.field_violations else ""
        return kind(text, field=field)
    if issubclass(kind, errors.Unavailable | errors.ResourceExhausted):
        return _with_retry(kind, text, details)
    if kind is CaptionerError:
        text = f"{error.code().name}: {text}"
    return kind(text)


def _row(error: CaptionerError) -> tuple[grpc.StatusCode, str]:
    for kind in type(error).__mro__:
        if row := _CODES.get(kind):
            return row
    return grpc.StatusCode.INTERNAL, "INTERNAL"


def _details(error: CaptionerError, reason: str) -> list[Message]:
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN)]
    if isinstance(error, errors.InvalidRequest) and error.violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=violation.field, description=violation.description
                    )
                    for violation in error.violations
                ]
            )
        )
    if isinstance(error, errors.Unavailable | errors.ResourceExhausted):
        delay = Duration()
        delay.FromNanoseconds(round(error.retry_after * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if isinstance(error, errors.ResourceExhausted) and error.subject:
        violation = error_details_pb2.QuotaFailure.Violation(
            subject=error.subject, description=str(error)
        )
        details.append(error_details_pb2.QuotaFailure(violations=[violation]))
    return details


def _with_retry(kind: type[CaptionerError], text: str, details: list[AnyMessage]) -> CaptionerError:
    retry = _find(details, error_details_pb2.RetryInfo)
    retry_after = retry.retry_delay.ToNanoseconds() / 1e9 if retry else 0.0
    if issubclass(kind, errors.ResourceExhausted):
        quota = _find(details, error_details_pb2.QuotaFailure)
        subject = quota.violations[0].subject if quota and quota.violations else ""
        return kind(text, retry_after=retry_after, subject=subject)
    if issubclass(kind, errors.Unavailable):
        return kind(text, retry_after=retry_after)
    return kind(text)


def _received_details(error: grpc.aio.AioRpcError) -> list[AnyMessage]:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return list(status_pb2.Status.FromString(value).details)
            except DecodeError:
                return []
    return []


def _find(details: list[AnyMessage], kind: type[_Detail]) -> _Detail | None:
    for packed in details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None
