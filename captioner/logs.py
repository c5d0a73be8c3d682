"""Structured logs that never hold speech.

What may be logged: identifiers, sizes, counts, durations, codes. Never text of captions, key
terms, names of rooms, tracks or people. An exception's own text may quote any of those, so a
traceback is written as its class and the places it passed through, without the text.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]

# These write one line for each packet or request at debug level, some with their payload.
_QUIET = ("asyncio", "grpc", "httpcore", "httpx", "uvicorn", "websockets")


def configure(
    level: Level = "info", log_format: Format = "auto", *, stream: TextIO | None = None
) -> None:
    """Send every log of the process, structured or not, to ``stream`` (standard error)."""
    stream = stream or sys.stderr
    console = log_format == "console" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        describe_exception,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # so that a later call of this function counts
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _render(console),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _render(console: bool) -> Processor:  # noqa: FBT001 - private, one caller
    if console:
        return structlog.dev.ConsoleRenderer(colors=True)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def describe_exception(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
) -> EventDict:
    """Replace ``exc_info`` by the classes and places of the exception, without its text."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = (
        info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    )
    if error is not None:
        event["error"] = type(error).__name__
        event["places"] = places(error)
    return event


def places(error: BaseException) -> list[str]:
    """Where an exception passed through, innermost last, with its causes and sub-exceptions."""
    lines = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += [*places(cause), f"then {type(error).__name__}"]
    lines += [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__, limit=-20)
    ]
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            lines += [f"group member {type(member).__name__}", *places(member)]
    return lines
