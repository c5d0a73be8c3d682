"""``captioner demo``: a bundled meeting, live, through a server of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.wishes import check_kinds
from captioner.config import Settings
from captioner.live import Mode

EXAMPLES = """\
captioner demo
captioner demo --duration 30
captioner demo --mode append-only --output meeting.vtt"""


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.option(
    "--duration",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Play no more than this. [default: all of it, three minutes]",
)
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.REVISABLE.value,
    show_default=True,
    help="Whether finals may correct words that were committed.",
)
@click.option(
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=check_kinds,
    default=Path("captions.vtt"),
    show_default=True,
    metavar="FILE",
    help="Where the captions go: .vtt, .srt, .txt or .json.",
)
@click.option("--plain", is_flag=True, help="One line a final, as into a pipe.")
@click.option(
    "--meeting",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the tracks and their truth.json. [default: the one in the checkout]",
)
@settings_options("Model", "Captions")
def demo(
    settings: Settings,
    *,
    duration: float | None,
    mode: str,
    target: Path,
    plain: bool,
    meeting: Path | None,
) -> None:
    """Caption a French meeting of three people, live, and measure how well it went.

    Fetches the model if it is missing, starts a server on a free port, plays each participant's
    track to it at the pace of time as a media server would, and shows the captions as they come:
    here, and in a browser at the address that it prints.
    Ends with the latencies and errors, measured against what was really said and when, and with a
    subtitle file. Everything happens on this machine.
    """
    # Not before it is asked for: help does not wait for gRPC and the decoder.
    from captioner.cli.demo_run import Wanted, ensure_model, find_meeting, run_demo
    from captioner.cli.measuring import read_meeting
    from captioner.cli.playback import length_of

    tracks = read_meeting(meeting or find_meeting())
    lengths = [length_of(track.file) or 0.0 for track in tracks]
    ensure_model(settings)
    wanted = Wanted(duration, Mode(mode), target, plain)
    asyncio.run(run_demo(settings, tracks, max(lengths), wanted))
