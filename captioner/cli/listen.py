"""``captioner listen``: captions of what a microphone hears."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from captioner.cli.microphone import (
    Device,
    Microphone,
    choose_device,
    input_devices,
    load_portaudio,
)
from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.wishes import Wishes, wishes_options
from captioner.config import Settings
from captioner.live import Mode

EXAMPLES = """\
captioner listen
captioner listen --list-devices
captioner listen --device headset --speaker "Anne Martin" --save notes.vtt"""


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.option("--device", metavar="DEVICE", help="Number of a microphone, or part of its name.")
@click.option("--list-devices", is_flag=True, help="Show the microphones there are, and exit.")
@click.option("--speaker", default="Micro", show_default=True, help="Name to show.")
@wishes_options
@settings_options("Client", "token_file")
def listen(
    settings: Settings,
    *,
    device: str | None,
    list_devices: bool,
    speaker: str,
    **wishes: Any,  # noqa: ANN401 - the options of Wishes
) -> None:
    """Send a microphone to a server and show what it hears, until Ctrl-C.

    Needs the extra `mic` and the system's PortAudio: pip install 'captioner[mic]', and on Debian
    apt-get install libportaudio2.
    """
    portaudio = load_portaudio()
    devices = input_devices(portaudio)
    if list_devices:
        for each in devices:
            click.echo(described(each))
        return
    chosen = choose_device(devices, device)
    asked = Wishes(**{**wishes, "mode": Mode(wishes["mode"])})
    # Not before it is asked for: help does not wait for gRPC and the decoder.
    from captioner.cli.listen_run import listen_to
    from captioner.cli.live_run import conclude

    microphone = Microphone(portaudio, chosen)
    outcome = asyncio.run(listen_to(settings, microphone, asked, speaker=speaker))
    conclude(outcome, saved=asked.save, interrupt_is_failure=False)


def described(device: Device) -> str:
    """One line about a microphone."""
    mark = "*" if device.default else " "
    return f"{mark} {device.index:2}  {device.name}  ({device.sample_rate} Hz)"
