"""What operators and their platforms ask over HTTP: is it alive, is it ready, how does it do."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route


class Rendering(Protocol):
    """See `captioner.metrics.Metrics`."""

    def render(self) -> tuple[bytes, str]:
        """The metrics in the text format of Prometheus, and its content type."""
        ...


class Observed(Protocol):
    """What these pages need from the service."""

    @property
    def ready(self) -> bool:
        """Whether new sessions are accepted."""
        ...

    @property
    def alive(self) -> bool:
        """Whether the process can still serve without being restarted."""
        ...

    @property
    def metrics(self) -> Rendering:
        """Its metrics."""
        ...


def operations(service: Observed) -> list[BaseRoute]:
    """The routes of /livez, /readyz and /metrics."""

    async def livez(_request: Request) -> Response:
        if service.alive:
            return PlainTextResponse("alive\n")
        return PlainTextResponse("the engine cannot be replaced: restart\n", status_code=503)

    async def readyz(_request: Request) -> Response:
        if service.ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("starting or draining\n", status_code=503)

    async def metrics(_request: Request) -> Response:
        body, content_type = service.metrics.render()
        return Response(body, headers={"content-type": content_type})

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]
