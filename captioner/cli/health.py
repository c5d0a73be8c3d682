"""``captioner health``: is the server ready?"""

from __future__ import annotations

import asyncio

import click

from captioner.cli.exits import Failed
from captioner.cli.options import GroupedCommand, settings_options
from captioner.config import Settings
from captioner.errors import Timeout, Unavailable

EXAMPLES = """\
captioner health
captioner health --server captions.example.org:443 --server-tls
captioner health && echo ready"""


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@settings_options("Client")
def health(settings: Settings) -> None:
    """Ask a server whether it welcomes sessions, by the standard gRPC health check.

    The exit code is 0 when it does, 1 when it does not (loading its model, or draining), and 3
    when it cannot be reached. No token is needed.
    """
    if not asyncio.run(_is_serving(settings)):
        raise Failed(f"{settings.client_target} is not serving: starting or going away")
    click.echo(f"{settings.client_target} is serving")


async def _is_serving(settings: Settings) -> bool:
    from captioner.cli.connection import client_tls, unreachable
    from captioner.rpc.client import CaptionerClient

    async with CaptionerClient(settings.client_target, tls=client_tls(settings)) as client:
        try:
            return await client.health()
        except (Unavailable, Timeout) as error:
            raise unreachable(settings.client_target, error) from None
