"""``captioner serve``: the caption server in the foreground."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

import click

from captioner import __version__
from captioner.cli.exits import ExitCode
from captioner.cli.options import GroupedCommand, settings_options
from captioner.config import Settings

READ_SIZE = 4096  # bytes of what nobody reads

EXAMPLES = """\
captioner serve
captioner serve --model small --workers 2
captioner serve --listen 0.0.0.0:50051 --token-file tokens.txt
captioner serve --config /etc/captioner.toml --log-format json"""


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.option(
    "--until-stdin-closes",
    is_flag=True,
    hidden=True,
    help="Drain when standard input ends: for programs that start a server of their own.",
)
@settings_options("Server", "Model", "Captions", "Limits", "Rooms", "Logging")
def serve(settings: Settings, *, until_stdin_closes: bool) -> None:
    """Run the caption server until it is told to stop.

    SIGTERM and Ctrl-C drain: new sessions are refused, clients are told to reconnect, what was
    said is finalized. A second one stops at once. The server never downloads anything: fetch its
    model before with `captioner models pull`.
    """
    from captioner.logs import configure

    configure(settings.log_level, settings.log_format)
    if not asyncio.run(_serve(settings, until_stdin_closes=until_stdin_closes)):
        raise click.exceptions.Exit(ExitCode.FAILED)


async def _serve(settings: Settings, *, until_stdin_closes: bool) -> bool:
    """Serve until a signal asks for the end; whether that was orderly."""
    from captioner.lifecycle import Bound, Signals
    from captioner.lifecycle import serve as serve_until
    from captioner.service import CaptionService

    service = CaptionService(settings)
    signals = Signals()

    def started(bound: Bound) -> None:
        info = service.info
        click.echo(
            welcome(
                settings,
                grpc_port=bound.grpc_port,
                http_port=bound.http_port,
                engine=f"{info.model}, {info.compute_type} on {info.device}",
            )
        )

    with signals.installed():
        if until_stdin_closes:
            _watch_stdin(signals.receive)
        return await serve_until(service, signals, started=started)


def _watch_stdin(ended: Callable[[], None]) -> None:
    """Call back when whoever holds the other end of standard input is gone, however it went."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, READ_SIZE):
            loop.remove_reader(descriptor)
            ended()

    try:
        loop.add_reader(descriptor, readable)
    except PermissionError:  # a file or a device such as /dev/null: nobody holds another end
        ended()


def welcome(settings: Settings, *, grpc_port: int, http_port: int | None, engine: str) -> str:
    """What is printed once clients are welcome."""
    lines = [
        f"Captioner {__version__}",
        f"  gRPC   {_bound(settings.listen, grpc_port)}",
        f"  model  {engine}",
    ]
    if http_port is not None:
        scheme = "https" if settings.tls_certificate else "http"
        address = _bound(settings.http_listen, http_port)
        lines.insert(2, f"  HTTP   {scheme}://{address}  /metrics /livez /readyz")
        if not address.startswith("unix:"):
            lines.append(f"  watch  {scheme}://{_reachable(address)}/  in a browser")
    if settings.insecure:
        lines.append("  open   anybody who reaches this address may use it (--insecure)")
    return "\n".join(lines)


def _reachable(address: str) -> str:
    """An address of this machine in place of one that stands for all of them."""
    host, _, port = address.rpartition(":")
    everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - compared, not bound
    return f"{everywhere.get(host, host)}:{port}"


def _bound(address: str, port: int) -> str:
    """The address that was asked for, with the port that was got."""
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
