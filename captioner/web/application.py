"""The HTTP front door as one ASGI application."""

from __future__ import annotations

from starlette.routing import BaseRoute, Router, WebSocketRoute
from starlette.types import ASGIApp

from captioner.authentication import TokenFile
from captioner.clock import Clock, SystemClock
from captioner.config import Settings
from captioner.web.access import Access
from captioner.web.backend import Backend
from captioner.web.guard import Guard
from captioner.web.live import LiveSockets
from captioner.web.operations import operations
from captioner.web.origins import Origins
from captioner.web.pages import pages
from captioner.web.rooms import Rooms


def application(
    backend: Backend, *, tokens: TokenFile | None = None, clock: Clock | None = None
) -> ASGIApp:
    """All there is over HTTP; without tokens nobody is asked for one."""
    settings = backend.settings
    access = Access(tokens)
    live = LiveSockets(backend, access, clock or SystemClock())
    routes: list[BaseRoute] = [
        *operations(backend),
        *access.routes(),
        *Rooms(backend).routes(),
        WebSocketRoute("/v1/live", live.serve),
        *pages(settings.frame_ancestors),
    ]
    router = Router(routes, redirect_slashes=False)
    origins = Origins(settings.allowed_origins)
    return Guard(router, routes, access=access, origins=origins, local=is_local(settings))


def is_local(settings: Settings) -> bool:
    """Whether nobody but programs of this machine is meant to reach the server over TCP."""
    return not settings.insecure and not settings.http_listen.startswith("unix:")
