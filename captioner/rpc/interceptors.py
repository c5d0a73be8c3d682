"""What every call passes through: the token check, the log line, and the last catch of errors."""

from __future__ import annotations

import inspect
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import grpc
import grpc.aio
import structlog

from captioner.authentication import TokenFile
from captioner.errors import CaptionerError
from captioner.rpc.status import code_of, trailing_metadata

_log = structlog.stdlib.get_logger(__name__)

HEALTH_SERVICE = "/grpc.health.v1.Health/"

# gRPC has one shape of handler for each of its four kinds of call; here they are all alike.
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Behaviour: TypeAlias = "Callable[[Any, _Context], Any]"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]]"


class CallGuard(grpc.aio.ServerInterceptor):
    """Turns errors into statuses, so that no exception's text ever leaves, and logs each call.

    An error of the contract (`CaptionerError`) becomes its rich status. Anything else is a fault
    of ours: it is logged with an opaque identifier, and the client is told nothing but that.
    """

    async def intercept_service(
        self, continuation: _Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> _Handler | None:
        """Wrap the handler of a call."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        return _wrap(handler, lambda behaviour: _guarded(behaviour, method))


class TokenCheck(grpc.aio.ServerInterceptor):
    """Refuses every call without a valid token, but those of the health service."""

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens

    async def intercept_service(
        self, continuation: _Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> _Handler | None:
        """Let the call through, or replace its handler by a refusal."""
        handler = await continuation(handler_call_details)
        if handler_call_details.method.startswith(HEALTH_SERVICE):
            return handler
        metadata = dict(handler_call_details.invocation_metadata or ())
        authorization = metadata.get("authorization")
        try:
            self._tokens.check(authorization if isinstance(authorization, str) else None)
        except CaptionerError as error:
            refusal = _refusal(error)
            return _wrap(handler, lambda _: refusal)
        return handler


def _wrap(handler: _Handler | None, around: Callable[[_Behaviour], _Behaviour]) -> _Handler | None:
    """A handler of the same kind with another behaviour."""
    if handler is None:  # no such method: gRPC answers UNIMPLEMENTED
        return None
    kinds = {
        (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
        (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
        (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
        (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
    }
    attribute, make = kinds[bool(handler.request_streaming), bool(handler.response_streaming)]
    return make(
        around(getattr(handler, attribute)),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def _refusal(error: CaptionerError) -> _Behaviour:
    async def refuse(_request: object, context: _Context) -> None:
        await _abort(context, error)

    return refuse


def _guarded(behaviour: _Behaviour, method: str) -> _Behaviour:
    async def call(request: object, context: _Context) -> object:
        started = time.monotonic()
        structlog.contextvars.bind_contextvars(method=method)
        code = grpc.StatusCode.CANCELLED.name  # unless it ends in another way
        try:
            result = await _answer(behaviour, request, context)
            code = grpc.StatusCode.OK.name
        except grpc.aio.AbortError:
            code = _code_name(context)
            raise
        except grpc.aio.InternalError:
            return None  # the client is gone: there is nobody to send a status to
        finally:
            # Platforms ask for health every few seconds.
            log = _log.debug if method.startswith(HEALTH_SERVICE) else _log.info
            log("call ended", code=code, seconds=round(time.monotonic() - started, 3))
        return result

    return call


async def _answer(behaviour: _Behaviour, request: object, context: _Context) -> object:
    """Run the behaviour; what it raises becomes a status."""
    try:
        return await _run(behaviour, request, context)
    except (grpc.aio.AbortError, grpc.aio.InternalError):
        raise
    except CaptionerError as error:
        if code_of(error) is grpc.StatusCode.INTERNAL:
            await _abort_internal(context, error)
        await _abort(context, error)
    except Exception as error:  # noqa: BLE001 - the last catch: its text must not get out
        await _abort_internal(context, error)
    return None


async def _run(behaviour: _Behaviour, request: object, context: _Context) -> object:
    result = behaviour(request, context)
    if not inspect.isasyncgen(result):
        return await result
    async for message in result:
        await context.write(message)
    return None


async def _abort(context: _Context, error: CaptionerError) -> None:
    await context.abort(code_of(error), str(error), trailing_metadata(error))


async def _abort_internal(context: _Context, error: Exception) -> None:
    incident = secrets.token_hex(8)
    _log.error("internal error", incident=incident, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, f"internal error {incident}")


def _code_name(context: _Context) -> str:
    code: object = context.code()  # a number once the call was aborted
    names = {known.value[0]: known.name for known in grpc.StatusCode}
    return code.name if isinstance(code, grpc.StatusCode) else names.get(cast("int", code), "")
