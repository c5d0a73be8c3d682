"""What every request passes through: limits, origins, tokens, headers, the last catch of errors.

It is to HTTP what the interceptors are to gRPC. An error of the contract becomes its problem
document; anything else is a fault of ours, is logged under an opaque identifier, and the client is
told nothing but that.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import cast
from urllib.parse import unquote_to_bytes

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from captioner.errors import CaptionerError, PermissionDenied
from captioner.web.access import Access
from captioner.web.origins import Origins
from captioner.web.problems import Refused, from_starlette, problem, status_of

_log = structlog.stdlib.get_logger(__name__)

MAX_HEADERS = 16_384  # bytes: a token may take 5.5 kB of them, other cookies of the site the rest
MAX_TARGET = 4096  # bytes of a path with its query: a room's name may take 1.5 kB of them
PREFLIGHT_AGE = 600  # seconds for which browsers remember what is allowed
INTERNAL_ERROR = 500

# Asked for by platforms every few seconds, and public: no origin, host or token is looked at.
PROBES = frozenset({"/livez", "/readyz"})
LOGIN = "/v1/login"
PROTECTED = ("/v1/", "/metrics")

ALLOWED_HEADERS = "authorization, content-type, last-event-id"
EXPOSED_HEADERS = "content-disposition, retry-after, www-authenticate"
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""What responses say unless they say otherwise themselves."""


class Guard:
    """An ASGI application around the routes of another.

    Args:
        app: answers what is let through.
        routes: those of `app`.
        access: who may.
        origins: whose pages may.
        local: whether the server trusts that only this machine reaches it.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Sequence[BaseRoute],
        *,
        access: Access,
        origins: Origins,
        local: bool,
    ) -> None:
        self._app = app
        self._routes = routes
        self._access = access
        self._origins = origins
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket."""
        scope["app"] = self  # has the router raise what it refuses
        started = time.monotonic()
        answer = _Answer(scope, send)
        try:
            await self._answer(scope, receive, answer)
        except ClientDisconnect:
            pass  # there is nobody to tell
        except HTTPException as error:
            await answer.refuse(from_starlette(error))
        except CaptionerError as error:
            if status_of(error) == INTERNAL_ERROR:
                await answer.fail(error)
            else:
                await answer.refuse(error)
        except Exception as error:  # noqa: BLE001 - the last catch: its text must not get out
            await answer.fail(error)
        finally:
            _log_end(scope, answer.status, time.monotonic() - started)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        connection = HTTPConnection(scope)
        path: str = scope["path"]
        _check_sizes(scope)
        if path not in PROBES:
            self._check_host(connection)
            answer.headers |= self._check_origin(connection)
        if scope["type"] == "http":
            if scope["method"] == "OPTIONS":
                response = self._options(scope)
                await response(scope, receive, answer.send)
                return
            # a WebSocket is told after it was opened: a page cannot see why one was not
            if path.startswith(PROTECTED) and path != LOGIN:
                self._access.check(connection)
        await self._app(scope, receive, answer.send)

    def _check_host(self, connection: HTTPConnection) -> None:
        host = connection.headers.get("host", "")
        if self._local and self._access.open and not self._origins.know_host(host):
            raise PermissionDenied(
                "this server is for its own machine, and was called by another name: "
                "use localhost, or add its site to allowed_origins"
            )

    def _check_origin(self, connection: HTTPConnection) -> Mapping[str, str]:
        """The headers that let a page of another site read the answer; none for our own pages."""
        origin = connection.headers.get("origin")
        host = connection.headers.get("host", "")
        if origin is None or self._origins.same(origin, host):
            return {}
        if connection.scope["path"].startswith("/static/"):
            return {"access-control-allow-origin": "*"}  # scripts that other sites embed
        if not self._origins.allow(origin, host):
            raise PermissionDenied(
                "pages of this origin may not use the server: add it to allowed_origins"
            )
        allowed = {"access-control-expose-headers": EXPOSED_HEADERS, "vary": "Origin"}
        if self._origins.everybody:
            return allowed | {"access-control-allow-origin": "*"}
        return allowed | {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
        }

    def _options(self, scope: Scope) -> Response:
        """What may be done with an address; browsers ask before a page of another site does it."""
        methods = self._methods(scope)
        if not methods:
            raise from_starlette(HTTPException(404))
        allowed = ", ".join(sorted(methods | {"OPTIONS"}))
        headers = {
            "allow": allowed,
            "access-control-allow-methods": allowed,
            "access-control-allow-headers": ALLOWED_HEADERS,
            "access-control-max-age": str(PREFLIGHT_AGE),
        }
        return Response(status_code=204, headers=headers)

    def _methods(self, scope: Scope) -> set[str]:
        matching = (
            route
            for route in self._routes
            if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE
        )
        return set().union(*(route.methods or () for route in matching))


class _Answer:
    """What was sent of the answer to a request, with the headers that all answers have."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.headers: dict[str, str] = {}
        self.status = 0
        """0: nothing was sent."""
        self._scope = scope
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass on a message, with our headers on the first."""
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            self.status = message.get("status", 101)
            message.setdefault("headers", [])
            if kind != "websocket.accept":
                self._add_headers(MutableHeaders(raw=message["headers"]))
        await self._send(message)

    def _add_headers(self, headers: MutableHeaders) -> None:
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        for name, value in self.headers.items():
            headers[name] = value

    async def refuse(self, error: CaptionerError) -> None:
        """Answer with a problem document, unless an answer has begun."""
        if self.status:
            return
        await problem(error)(self._scope, _nothing, self.send)

    async def fail(self, error: Exception) -> None:
        """Answer that something is wrong with the program, and log what."""
        incident = secrets.token_hex(8)
        _log.error("internal error", incident=incident, exc_info=error)
        await self.refuse(Refused(INTERNAL_ERROR, f"internal error {incident}: tell the operator"))


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _check_sizes(scope: Scope) -> None:
    headers = sum(len(name) + len(value) for name, value in scope["headers"])
    if headers > MAX_HEADERS:
        raise Refused(431, f"headers of {headers} bytes, expected no more than {MAX_HEADERS}")
    raw: bytes = scope.get("raw_path") or b""
    size = len(raw) + len(scope["query_string"])
    if size > MAX_TARGET:
        raise Refused(414, f"the address has {size} bytes, expected no more than {MAX_TARGET}")
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Refused(400, "the address is not UTF-8") from None


def _log_end(scope: Scope, status: int, seconds: float) -> None:
    path = cast("str", scope["path"])
    route = getattr(scope.get("route"), "path", "")  # with {room} in place of its name
    log = _log.info if path.startswith("/v1/") else _log.debug
    log("request ended", route=route, status=status, seconds=round(seconds, 3))
