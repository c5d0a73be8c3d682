"""Which other sites may use the server from their pages. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """The sites of the setting `allowed_origins`; the server's own always counts as one."""

    def __init__(self, written: str) -> None:
        names = written.split()
        self.everybody = "*" in names
        """Whether any site may: then no cookie counts for pages of other sites."""
        self._known = {_normal(name) for name in names if name != "*"}
        self._hosts = {urlsplit(name).hostname for name in names if name != "*"}

    def allow(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may use the server that it called `host`."""
        return self.everybody or self.same(origin, host) or _normal(origin) in self._known

    def same(self, origin: str, host: str) -> bool:
        """Whether the page came from the server itself.

        Only hosts and ports are compared: behind a proxy that ends TLS the schemes differ.
        """
        return "://" in origin and origin.partition("://")[2].lower() == host.lower()

    def know_host(self, host: str) -> bool:
        """Whether a name is one that this machine, or an allowed site, has by itself.

        A server on loopback that asks for no token must not answer to other names: a page could
        have its own name resolved to 127.0.0.1, and would then count as the server's own.
        """
        name = _hostname(host)
        if self.everybody or name in self._hosts:
            return True
        if name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _normal(origin: str) -> str:
    """An origin as browsers write it: without the default port, in lower case."""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port
    except ValueError:
        return origin
    default = _DEFAULT_PORTS.get(parts.scheme)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{name}" + ("" if port in (None, default) else f":{port}")


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
