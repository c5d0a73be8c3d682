"""The kinds of values that settings have, and the default that depends on the machine."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic.functional_validators import AfterValidator, BeforeValidator

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[0-9a-z.-]+)(:[0-9]{1,5})?", re.IGNORECASE)


def default_models_dir() -> Path:
    """Where models are kept: ``$XDG_CACHE_HOME/captioner/models``."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "captioner" / "models"


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of an address HOST:PORT.

    Raises:
        ValueError: it is none.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - TCP's limit
        raise ValueError("must be HOST:PORT, with a port from 0 to 65535")
    return host, int(port)


def is_loopback(address: str) -> bool:
    """Whether only this machine can connect to the address."""
    if address.startswith("unix:"):
        return True
    host = host_and_port(address)[0]
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a host name
        return False


def _address(value: str) -> str:
    if not value.startswith("unix:"):
        host_and_port(value)
    return value


def _optional_address(value: str) -> str:
    return _address(value) if value else value


def _origins(value: str) -> str:
    for origin in value.split():
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ValueError("must be origins such as https://visio.example.org, or *")
    return value


def _path(value: object) -> object:
    """Empty is none; a leading ~ is the home directory."""
    return (os.path.expanduser(value) or None) if isinstance(value, str) else value  # noqa: PTH111 - Path("") is "."


Address = Annotated[str, AfterValidator(_address)]
OptionalAddress = Annotated[str, AfterValidator(_optional_address)]
Origins = Annotated[str, AfterValidator(_origins)]
File = Annotated[Path, BeforeValidator(_path)]
OptionalFile = Annotated[Path | None, BeforeValidator(_path)]
ComputeType = Literal[
    "auto", "int8", "int8_float32", "int8_float16", "float16", "bfloat16", "float32"
]
LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
