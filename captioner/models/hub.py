"""A model hub, or a mirror that speaks its addresses: ENDPOINT/REPOSITORY/resolve/REVISION/FILE.

The standard library's HTTP client is enough for one ranged GET, and it trusts the certificates
of the machine, those of a company or a State network included, where the popular clients bring
a list of their own.
"""

from __future__ import annotations

import http.client
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from captioner.errors import DownloadError
from captioner.models.manifest import FileDigest, Manifest
from captioner.models.sources import Progress
from captioner.models.staging import Staging, copy_bounded, size_of

DEFAULT_ENDPOINT = "https://huggingface.co"
TIMEOUT = 20.0  # seconds to connect, and between two pieces of a download
BREAKS = 8  # times a download may break off before the source is given up

_BROKEN = (ConnectionError, http.client.HTTPException)


class HubSource:
    """Files of a repository at a pinned revision; a download that broke off goes on."""

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        token: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token = token
        self._timeout = timeout
        address = urlsplit(self._endpoint)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise DownloadError(f"the hub endpoint must be an http(s) address, is {endpoint!r}")
        local = _is_loopback(address.hostname)
        if token and address.scheme != "https" and not local:
            raise DownloadError(f"a token is sent over https only, the endpoint is {endpoint}")
        proxies = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(*proxies, _Redirects())

    @property
    def label(self) -> str:
        """The word hub and its endpoint."""
        return f"hub {self._endpoint}"

    def fetch(self, manifest: Manifest, staging: Staging, *, progress: Progress) -> None:
        """Download the missing files."""
        if manifest.hub is None:
            raise DownloadError(f"the manifest of {manifest.name} names no hub repository")
        base = f"{self._endpoint}/{manifest.hub.repository}/resolve/{manifest.hub.revision}"
        for name in staging.missing():
            self._fetch_file(f"{base}/{quote(name)}", name, staging, progress)

    def _fetch_file(self, url: str, name: str, staging: Staging, progress: Progress) -> None:
        resumed = size_of(staging.partial(name)) > 0
        self._download(url, name, staging, progress)
        try:
            staging.accept(name)
        except DownloadError:
            if not resumed:
                raise
            progress.note(f"what an earlier pull left of {name} was wrong; fetching it again")
            self._download(url, name, staging, progress)
            staging.accept(name)

    def _download(self, url: str, name: str, staging: Staging, progress: Progress) -> None:
        """Get the whole file, going on where a connection broke as long as that helps."""
        target, expected = staging.partial(name), staging.manifest.files[name]
        reason = "not begun"
        for _ in range(BREAKS):
            before = size_of(target)
            if before >= expected.size:
                return
            try:
                self._request(
                    url,
                    target,
                    expected,
                    done=lambda done: progress.advance(name, done, expected.size),
                )
            except _BROKEN as error:
                reason = str(error) or type(error).__name__
            else:
                reason = "the connection was closed early"
            after = size_of(target)
            if after <= before:
                break
            if after < expected.size:
                progress.note(f"{name} broke off at {after} of {expected.size} bytes ({reason})")
        if (have := size_of(target)) < expected.size:
            raise DownloadError(f"{name} broke off at {have} of {expected.size} bytes ({reason})")

    def _request(
        self, url: str, target: Path, expected: FileDigest, *, done: Callable[[int], None]
    ) -> None:
        """One GET of what is missing, appended to ``target``."""
        offset = size_of(target)
        request = urllib.request.Request(url)  # noqa: S310  # http or https: see __init__
        if offset:
            request.add_header("Range", f"bytes={offset}-")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        with self._open(request) as response:
            if offset and not _continues(response, offset):
                offset = 0  # a server without ranges: from the beginning
            with target.open("ab" if offset else "wb") as stream:
                copy_bounded(
                    _reader(response),
                    stream.write,
                    limit=expected.size - offset,
                    done=lambda count: done(offset + count),
                )

    def _open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        try:
            response = self._opener.open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            error.close()
            raise DownloadError(self._explain(error, request.full_url)) from error
        except urllib.error.URLError as error:
            raise DownloadError(f"cannot reach {self._endpoint}: {error.reason}") from error
        assert isinstance(response, http.client.HTTPResponse)
        return response

    def _explain(self, error: urllib.error.HTTPError, url: str) -> str:
        match error.code:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN if self._token:
                why = "the token is refused"
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                why = "a token is needed"
            case HTTPStatus.NOT_FOUND:
                why = "there is no such file"
            case _:
                why = str(error.reason)
        return f"{url}: {why} (HTTP {error.code})"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a hub to where it keeps its files, without taking the token along."""

    def redirect_request(  # noqa: PLR0917  # the signature is the base class's
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if old.scheme == "https" and new.scheme != "https":
            raise urllib.error.URLError(f"redirected from https to {new.scheme}")
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            request.remove_header("Authorization")
        return request


def _reader(response: http.client.HTTPResponse) -> Callable[[int], bytes]:
    """Read from the network; its errors must not pass for errors of the disk."""

    def read(count: int) -> bytes:
        try:
            return response.read1(count)
        except OSError as error:
            raise ConnectionError(str(error)) from error

    return read


def _continues(response: http.client.HTTPResponse, offset: int) -> bool:
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return False
    given = response.getheader("Content-Range", "")
    if not given.startswith(f"bytes {offset}-"):
        raise DownloadError(f"asked for bytes from {offset} on, the server sent {given!r}")
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
