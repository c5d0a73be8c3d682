"""The client of the native API as the settings say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from captioner.config import Settings
from captioner.errors import ConfigError, Timeout, Unavailable
from captioner.rpc.client import CaptionerClient, ClientTls, ServiceInfo
from captioner.subtitles.cues import Provenance

CLIENT_SETTINGS = (
    "server",
    "token_file",
    "server_tls",
    "server_ca",
    "server_name",
    "client_certificate",
    "client_key",
)


def first_token(path: Path) -> str:
    """The token that a client sends: the first of the file, comments and blank lines aside.

    Raises:
        ConfigError: the file cannot be read or holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token file {path}: {error}") from None
    for line in lines:
        token = line.strip()
        if token and not token.startswith("#"):
            return token
    raise ConfigError(f"the token file {path} holds no token")


def client_tls(settings: Settings) -> ClientTls | None:
    """How to trust the server; None for a connection without TLS."""
    if not (settings.server_tls or settings.server_ca or settings.client_certificate):
        return None
    return ClientTls(
        authorities=settings.server_ca,
        certificate=settings.client_certificate,
        key=settings.client_key,
        server_name=settings.server_name,
    )


def open_client(settings: Settings) -> CaptionerClient:
    """A client of the server of the settings; nothing is sent yet.

    Raises:
        ConfigError: the token file or a TLS file cannot be used.
    """
    token = first_token(settings.token_file) if settings.token_file else ""
    return CaptionerClient(settings.client_target, token=token, tls=client_tls(settings))


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[CaptionerClient, ServiceInfo]]:
    """A client whose server has answered, and what that server is.

    Raises:
        Unavailable: nobody answers.
        CaptionerError: the server refuses.
    """
    async with open_client(settings) as client:
        try:
            info = await client.info()
        except (Unavailable, Timeout) as error:
            raise unreachable(settings.client_target, error) from None
        yield client, info


def unreachable(target: str, error: Exception) -> Unavailable:
    """The error of a server that does not answer, with what to do about it."""
    why = str(error).rpartition("last error: ")[2]
    return Unavailable(
        f"no server answers at {target}: start one with `captioner serve`, or name another "
        f"with --server ({why})"
    )


def made_by(info: ServiceInfo) -> Provenance:
    """What files say of the server that their text came from."""
    return Provenance(info.version, info.model, info.digest)


def notice(info: ServiceInfo) -> str:
    """The line that tells readers what wrote the captions."""
    return (
        f"Captions are generated automatically by {info.model} ({info.compute_type} on "
        f"{info.device}), Captioner {info.version}."
    )
