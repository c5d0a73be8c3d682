"""What the exit codes mean, and which error leads to which.

Commands raise; nothing but this module and ``root`` decides how the process ends.
"""

from __future__ import annotations

from enum import IntEnum

from captioner.errors import (
    CaptionerError,
    ConfigError,
    PermissionDenied,
    ResourceExhausted,
    Timeout,
    Unauthenticated,
    Unavailable,
)


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    FULL = 5
    INTERRUPTED = 130


MEANING = {
    ExitCode.OK: "done",
    ExitCode.FAILED: "failed, or did only a part (the last lines say what)",
    ExitCode.USAGE: "wrong usage, or a setting that is unknown or out of its range",
    ExitCode.UNREACHABLE: "the server cannot be reached, or is going away",
    ExitCode.REFUSED: "the server wants a token, or another one",
    ExitCode.FULL: "the server is full, or a limit was reached: try again later",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
}

_CODES: tuple[tuple[type[CaptionerError], ExitCode], ...] = (
    (ConfigError, ExitCode.USAGE),
    (Unauthenticated, ExitCode.REFUSED),
    (PermissionDenied, ExitCode.REFUSED),
    (ResourceExhausted, ExitCode.FULL),
    (Unavailable, ExitCode.UNREACHABLE),
    (Timeout, ExitCode.UNREACHABLE),
)


def exit_code(error: BaseException) -> ExitCode:
    """The code that an error ends the process with."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ExitCode.FAILED


class Failed(CaptionerError):
    """A command did not do what it was asked for; its text is all there is to say."""


def only_error(error: BaseException) -> BaseException:
    """The error inside groups of one; of several, the first that is part of the contract."""
    while isinstance(error, BaseExceptionGroup):
        inner: tuple[BaseException, ...] = error.exceptions
        error = next((one for one in inner if isinstance(one, CaptionerError)), inner[0])
    return error
