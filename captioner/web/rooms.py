"""``/v1/rooms``: which there are, what was said in one as a file, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

import captioner
from captioner.errors import InvalidRequest
from captioner.rooms.position import check_room_name
from captioner.subtitles.cues import Provenance
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.profiles import PROFILES
from captioner.web import transcripts
from captioner.web.backend import Backend
from captioner.web.captions import CaptionStreams
from captioner.web.files import Files
from captioner.web.problems import Refused
from captioner.web.values import room_values

_Choice = TypeVar("_Choice")


class Rooms:
    """The endpoints of rooms."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._streams = CaptionStreams(backend)
        self._files = Files()

    def routes(self) -> list[BaseRoute]:
        """Their addresses. A slash in the name of a room is written %2F."""
        room = "/v1/rooms/{room:path}"
        return [
            Route("/v1/rooms", self.list_rooms),
            Route(f"{room}/captions", self._streams, methods=["GET"]),
            Route(f"{room}/transcript.{{format}}", self.transcript),
            Route(f"{room}/end", self.end, methods=["POST"]),
            Route(room, self.delete, methods=["DELETE"]),
        ]

    async def list_rooms(self, _request: Request) -> Response:
        """The rooms that are there, by name."""
        rooms = await self._backend.rooms.rooms()
        return JSONResponse({"rooms": [room_values(status) for status in rooms]})

    async def transcript(self, request: Request) -> Response:
        """What is kept of a room, in the order of speaking."""
        room = check_room_name(request.path_params["room"])
        format_ = _choose("format", request.path_params["format"], FORMATS)
        profile = _choose("profile", request.query_params.get("profile", "web"), PROFILES)
        history = await self._backend.rooms.history(room)
        if history is None:
            raise _no_such_room()
        info = self._backend.info
        provenance = Provenance(captioner.__version__, info.model, info.digest)
        body = await self._files.get(
            (room, history.position, len(history.captions), format_.name, profile.name),
            lambda: transcripts.render(history, format_, provenance, profile=profile),
        )
        headers = {"content-disposition": transcripts.disposition(history, format_)}
        media_type = f"{format_.media_type}; charset=utf-8"
        return Response(body, headers=headers | {"content-type": media_type})

    async def end(self, request: Request) -> Response:
        """End a room: its readers are told, its history stays."""
        if not await self._backend.rooms.end(check_room_name(request.path_params["room"])):
            raise Refused(404, "there is no such room, or it has ended already")
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """Forget what was said in a room: its readers are told to start afresh."""
        if not await self._backend.rooms.delete(check_room_name(request.path_params["room"])):
            raise _no_such_room()
        return Response(status_code=204)


def _choose(name: str, written: str, known: Mapping[str, _Choice]) -> _Choice:
    chosen = known.get(written)
    if chosen is None:
        expected = ", ".join(known)
        raise InvalidRequest(f"{name} {written!r} is not known: one of {expected}", field=name)
    return chosen


def _no_such_room() -> Refused:
    return Refused(404, "there is no such room: nobody has joined it, or its history is too old")
