"""Who may call: the one check behind every front door, gRPC and HTTP alike."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from captioner.errors import ConfigError, Unauthenticated, Unavailable

MAX_TOKEN_BYTES = 4096  # gRPC refuses metadata beyond 8 KiB: this leaves room for the rest
SCHEME = "bearer"

_Stamp = tuple[int, int, int]


class TokenFile:
    """The bearer tokens of a file, one a line; blank lines and lines from ``#`` are skipped.

    The file is read again whenever it changes, so that tokens are added and revoked without a
    restart. While it cannot be read, everybody is refused.

    Raises:
        ConfigError: at the start, when the file cannot be read or holds no token.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: _Stamp | None = None
        self._digests: tuple[bytes, ...] = ()
        try:
            self._refresh()
        except OSError as error:
            raise ConfigError(f"cannot read the token file {path}: {error.strerror}") from None
        if not self._digests:
            raise ConfigError(f"the token file {path} holds no token")

    def check(self, authorization: str | None) -> None:
        """Accept the value of an ``Authorization`` header, or refuse it.

        Raises:
            Unauthenticated: it is missing, malformed, or holds no token of the file.
            Unavailable: the token file cannot be read now.
        """
        token = bearer_token(authorization)
        try:
            self._refresh()
        except OSError:
            raise Unavailable("tokens cannot be checked now", retry_after=5.0) from None
        digest = _digest(token)
        # Every token is compared, in constant time: the time taken tells nothing about them.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise Unauthenticated("the token is not valid")

    def _refresh(self) -> None:
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        if stamp == self._stamp:
            return
        self._digests = tuple(_digest(token) for token in read_tokens(self._path))
        self._stamp = stamp


def read_tokens(path: Path) -> list[str]:
    """The tokens of a file, in order: its lines, but for blank ones and those from ``#``."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def bearer_token(authorization: str | None) -> str:
    """The token of an ``Authorization: Bearer TOKEN`` header.

    Raises:
        Unauthenticated: there is none, or it is longer than 4 KiB.
    """
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != SCHEME or not token:
        raise Unauthenticated("a token is needed: Authorization: Bearer TOKEN")
    if len(token) > MAX_TOKEN_BYTES:
        raise Unauthenticated(
            f"the token has {len(token)} characters, expected no more than {MAX_TOKEN_BYTES}"
        )
    return token


def _digest(token: str) -> bytes:
    """Of one length for every token, as the comparison in constant time needs."""
    return hashlib.sha256(token.encode()).digest()
