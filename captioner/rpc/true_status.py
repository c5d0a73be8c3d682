"""Keeps grpc.aio from hiding why a call ended.

When the server ends a call while its client writes, `grpc.aio` (1.85) replaces the status that is
about to arrive by INTERNAL "Internal error from Core": `_write` answers the failed write with
`set_internal_error`. Left out, the write waits for the status of the server and raises that.
"""

from __future__ import annotations

from typing import Any, TypeVar

_Call = TypeVar("_Call")


def with_true_status(call: _Call) -> _Call:
    """The same call, whose status is always the one that the server sent."""
    core = getattr(call, "_cython_call", None)
    if core is not None:
        call._cython_call = _Core(core)  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    return call


class _Core:
    """A call of the C core, without the method that overwrites its status."""

    def __init__(self, core: Any) -> None:  # noqa: ANN401 - a private type of gRPC
        self._core = core

    def set_internal_error(self, error: str) -> None:
        """Leave the status to the server."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the core has
        return getattr(self._core, name)
