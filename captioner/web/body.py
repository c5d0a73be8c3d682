"""Reading a request's body, no more of it than is wanted."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from captioner.errors import Timeout
from captioner.web.problems import Refused, TooLarge

PATIENCE = 10.0  # seconds for a body to arrive
JSON = "application/json"


async def read_body(request: Request, most: int, *, media_type: str = JSON) -> bytes:
    """The whole body.

    Raises:
        Refused: it is of another media type, or (`TooLarge`) has more than `most` bytes.
        Timeout: it did not arrive.
    """
    found = request.headers.get("content-type", "")
    if found.partition(";")[0].strip().lower() != media_type:
        raise Refused(415, f"the content type is {found or 'missing'}, expected {media_type}")
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"the body has {announced} bytes, expected no more than {most}")
    try:
        async with asyncio.timeout(PATIENCE):
            return await _gather(request, most)
    except TimeoutError:
        raise Timeout(f"the body did not arrive within {PATIENCE:g} s") from None


async def _gather(request: Request, most: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise TooLarge(f"the body has more than {most} bytes")
    return bytes(body)
