"""The files of the caption page: `static/index.html` at ``/``, `static/NAME.html` at ``/NAME``.

All of them are read once, so a request can never reach any other file. A browser asks again each
time whether its copy is current (ETag), unless the address names the version that it wants:
``/static/page.js?v=ETAG``, which then never changes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

FOLDER = Path(__file__).with_name("static")
VERSION_BYTES = 8  # of the digest of a file

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Files of other kinds are not served."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; media-src 'self'; manifest-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served."""

    body: bytes
    media_type: str
    version: str

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Read a file of a known kind."""
        body = path.read_bytes()
        digest = hashlib.blake2b(body, digest_size=VERSION_BYTES).hexdigest()
        return cls(body, MEDIA_TYPES[path.suffix], digest)

    def respond(self, request: Request, headers: dict[str, str]) -> Response:
        """The file; without it when the browser has it already."""
        etag = f'"{self.version}"'
        named = request.query_params.get("v") == self.version
        caching = "public, max-age=31536000, immutable" if named else "no-cache"
        headers = {"etag": etag, "cache-control": caching} | headers
        if etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers | {"content-type": self.media_type})


def pages(frame_ancestors: str, folder: Path = FOLDER) -> list[BaseRoute]:
    """The routes of all files of a folder.

    Args:
        frame_ancestors: other sites that may show a page in a frame, separated by spaces.
        folder: where the files are; its subfolders too.
    """
    assets = {
        path.relative_to(folder).as_posix(): Asset.read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.is_file()
    }
    ancestors = " ".join(["'self'", *frame_ancestors.split()])
    policy = _POLICY.format(ancestors="*" if "*" in ancestors.split() else ancestors)
    routes: list[BaseRoute] = []
    for name, asset in assets.items():
        if name.endswith(".html"):
            page = "" if name == "index.html" else name.removesuffix(".html")
            routes.append(_route(f"/{page}", asset, _page_headers(policy)))
        else:
            headers = {"cross-origin-resource-policy": "cross-origin"}
            routes.append(_route(f"/static/{name}", asset, headers))
    if icon := assets.get("favicon.ico"):
        routes.append(_route("/favicon.ico", icon, {}))
    return routes


def _page_headers(policy: str) -> dict[str, str]:
    return {
        "content-security-policy": policy,
        "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
    }


def _route(path: str, asset: Asset, headers: dict[str, str]) -> Route:
    async def serve(request: Request) -> Response:
        return asset.respond(request, headers)

    return Route(path, serve)
