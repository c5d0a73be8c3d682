from __future__ import annotations

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from captioner import errors
from captioner.errors import CaptionerError
from captioner.rpc.status import code_of, from_rpc_error, to_status, trailing_metadata

# The table of statuses: what clients are promised.
TABLE: list[tuple[CaptionerError, grpc.StatusCode, str]] = [
    (errors.InvalidRequest("wrong", field="room"), grpc.StatusCode.INVALID_ARGUMENT, "BadRequest"),
    (errors.UnsupportedAudio("odd", field="audio"), grpc.StatusCode.INVALID_ARGUMENT, "BadRequest"),
    (errors.Unauthenticated("no token"), grpc.StatusCode.UNAUTHENTICATED, ""),
    (errors.PermissionDenied("not this"), grpc.StatusCode.PERMISSION_DENIED, ""),
    (
        errors.ResourceExhausted("full", retry_after=2.5),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "RetryInfo",
    ),
    (
        errors.ResourceExhausted("full", retry_after=2.5, subject="tenant"),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "RetryInfo QuotaFailure",
    ),
    (errors.TooFast("fast", retry_after=0.5), grpc.StatusCode.RESOURCE_EXHAUSTED, "RetryInfo"),
    (errors.Timeout("silent"), grpc.StatusCode.DEADLINE_EXCEEDED, ""),
    (errors.SessionTakenOver("elsewhere"), grpc.StatusCode.ABORTED, ""),
    (errors.ResumeExpired("gone"), grpc.StatusCode.FAILED_PRECONDITION, ""),
    (errors.Unavailable("drain", retry_after=3.0), grpc.StatusCode.UNAVAILABLE, "RetryInfo"),
    (errors.EngineFault("fault", retry_after=1.5), grpc.StatusCode.UNAVAILABLE, "RetryInfo"),
    (errors.Cancelled("nobody", retry_after=1.5), grpc.StatusCode.UNAVAILABLE, "RetryInfo"),
    (errors.ModelError("altered"), grpc.StatusCode.INTERNAL, ""),
]
IDS = [type(error).__name__ + details for error, _, details in TABLE]
DETAILS: dict[str, type[Message]] = {
    name: getattr(error_details_pb2, name)
    for name in ("ErrorInfo", "BadRequest", "RetryInfo", "QuotaFailure")
}


def details_of(error: CaptionerError) -> dict[str, Message]:
    found = {}
    for packed in to_status(error).details:
        for name, kind in DETAILS.items():
            message = kind()
            if packed.Unpack(message):
                found[name] = message
    return found


def call_error(
    code: grpc.StatusCode, text: str, trailing: tuple[tuple[str, bytes], ...] = ()
) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=text
    )


@pytest.mark.parametrize(("error", "code", "details"), TABLE, ids=IDS)
def test_each_error_has_its_code_text_and_details(
    error: CaptionerError, code: grpc.StatusCode, details: str
) -> None:
    status = to_status(error)
    assert code_of(error) is code
    assert (status.code, status.message) == (code.value[0], str(error))
    assert set(details_of(error)) == {"ErrorInfo", *details.split()}


@pytest.mark.parametrize(("error", "code", "details"), TABLE[:-1], ids=IDS[:-1])
def test_a_client_gets_back_the_error_that_the_server_raised(
    error: CaptionerError, code: grpc.StatusCode, details: str
) -> None:
    received = from_rpc_error(call_error(code, str(error), trailing_metadata(error)))
    assert type(received) is type(error)
    assert str(received) == str(error)
    assert vars(received) == vars(error)


def test_a_class_that_is_not_in_the_table_takes_the_code_of_its_parent() -> None:
    class Drained(errors.Unavailable):
        pass

    assert code_of(Drained("drained")) is grpc.StatusCode.UNAVAILABLE


def test_a_delay_is_told_to_the_nanosecond() -> None:
    retry = details_of(errors.Unavailable("later", retry_after=2.25))["RetryInfo"]
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToNanoseconds() == 2_250_000_000


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, errors.InvalidRequest),
        (grpc.StatusCode.UNAUTHENTICATED, errors.Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, errors.PermissionDenied),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.ResourceExhausted),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.Timeout),
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.INTERNAL, CaptionerError),
        (grpc.StatusCode.UNIMPLEMENTED, CaptionerError),
    ],
)
def test_a_status_of_a_proxy_is_read_by_its_code(
    code: grpc.StatusCode, kind: type[CaptionerError]
) -> None:
    error = from_rpc_error(call_error(code, "from elsewhere"))
    assert type(error) is kind
    assert "from elsewhere" in str(error)


def test_details_that_are_not_a_status_are_ignored() -> None:
    trailing = (("grpc-status-details-bin", b"\xff\xff\xff"),)
    error = from_rpc_error(call_error(grpc.StatusCode.UNAVAILABLE, "gone", trailing))
    assert type(error) is errors.Unavailable
