"""Standard output and standard error as the commands use them."""

from __future__ import annotations

from rich.console import Console

PIPE_WIDTH = 10_000  # a pipe has no edge: nothing is wrapped or cut for it


def output() -> Console:
    """Where results go."""
    return _console(to_stderr=False)


def messages() -> Console:
    """Where progress and remarks go, so that results can be piped on."""
    return _console(to_stderr=True)


def _console(*, to_stderr: bool) -> Console:
    console = Console(stderr=to_stderr, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=to_stderr, highlight=False, width=PIPE_WIDTH)
