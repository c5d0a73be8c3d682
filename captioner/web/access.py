"""Who may: the tokens of the service, as programs and as browsers can show them.

Programs send ``Authorization: Bearer TOKEN``. Pages cannot: `EventSource` and `WebSocket` set no
headers, and an address with a token in it ends up in logs. So ``POST /v1/login`` gives a browser
the token back as a cookie that scripts cannot read and that other sites cannot have sent; and a
WebSocket may offer the token as a subprotocol.
"""

from __future__ import annotations

import base64
import binascii
import json

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from captioner.authentication import TokenFile
from captioner.errors import InvalidRequest, Unauthenticated
from captioner.web.body import read_body

COOKIE = "captioner_token"
SUBPROTOCOL = "captioner.v1"
TOKEN_SUBPROTOCOL = "bearer."  # noqa: S105 - what stands before the token
MAX_LOGIN_BYTES = 8192  # the longest token, and JSON around it
_TO_LOG_IN = 'POST /v1/login takes {"token": "..."}'


class Access:
    """The check of every request that needs a token; none does when there are no tokens."""

    def __init__(self, tokens: TokenFile | None) -> None:
        self._tokens = tokens

    @property
    def open(self) -> bool:
        """Whether nobody is asked for a token."""
        return self._tokens is None

    def check(self, connection: HTTPConnection) -> None:
        """Accept a request or a WebSocket, or refuse it.

        Raises:
            Unauthenticated: it shows no token, or none that is valid.
            Unavailable: tokens cannot be checked now.
        """
        if self._tokens is not None:
            self._tokens.check(authorization(connection))

    def routes(self) -> list[BaseRoute]:
        """Where browsers log in and out."""
        return [
            Route("/v1/login", self.login, methods=["POST"]),
            Route("/v1/logout", self.logout, methods=["POST"]),
        ]

    async def login(self, request: Request) -> Response:
        """Give a browser its token as a cookie."""
        token = _token_of(await read_body(request, MAX_LOGIN_BYTES))
        response = Response(status_code=204)
        if self._tokens is None:
            return response
        self._tokens.check(f"Bearer {token}")
        response.set_cookie(
            COOKIE,
            _encode(token),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def logout(self, request: Request) -> Response:
        """Have a browser forget its token."""
        response = Response(status_code=204)
        response.delete_cookie(
            COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return response


def authorization(connection: HTTPConnection) -> str | None:
    """What a request shows, as the value of an ``Authorization`` header.

    Raises:
        Unauthenticated: a token that cannot be read.
    """
    if header := connection.headers.get("authorization"):
        return header
    for offered in subprotocols(connection):
        if offered.startswith(TOKEN_SUBPROTOCOL):
            return f"Bearer {_decode(offered.removeprefix(TOKEN_SUBPROTOCOL))}"
    cookie = connection.cookies.get(COOKIE)
    return f"Bearer {_decode(cookie)}" if cookie else None


def subprotocols(connection: HTTPConnection) -> list[str]:
    """The subprotocols that a WebSocket offers."""
    offered: list[str] = connection.scope.get("subprotocols", [])
    return offered


def _token_of(body: bytes) -> str:
    try:
        values = json.loads(body)
    except ValueError:
        raise InvalidRequest(f"the body is not JSON: {_TO_LOG_IN}") from None
    token = values.get("token") if isinstance(values, dict) else None
    if not isinstance(token, str):
        raise InvalidRequest(f"there is no token in the body: {_TO_LOG_IN}", field="token")
    return token


def _encode(token: str) -> str:
    """In characters that cookies and subprotocols may have."""
    return base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def _decode(text: str) -> str:
    try:
        padded = text + "=" * (-len(text) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Unauthenticated("the token is not written in base64url") from None
