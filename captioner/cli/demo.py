"""``captioner demo``: a bundled meeting, live, through a server of its own."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from pathlib import Path

import click

from captioner.cli.child_server import child_server
from captioner.cli.exits import Failed
from captioner.cli.live_run import Source, Wishes, check_kinds, conclude, run_live
from captioner.cli.measuring import Observer, TrueTrack, figures, read_meeting
from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.playback import length_of, paced, play
from captioner.cli.terminal import messages, output
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.errors import ModelError
from captioner.live import Mode

EXAMPLES = """\
captioner demo
captioner demo --duration 30
captioner demo --mode append-only --output meeting.vtt"""

MEETING = Path("examples", "audio", "meeting")
ROOM = "demo"


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
    tracks = read_meeting(meeting or find_meeting())
    lengths = [length_of(track.file) or 0.0 for track in tracks]
    ensure_model(settings)
    wanted = Wanted(duration, Mode(mode), target, plain)
    asyncio.run(_demo(settings, tracks, max(lengths), wanted))


def find_meeting() -> Path:
    """The meeting that comes with a checkout.

    Raises:
        Failed: this is an installation without it.
    """
    import captioner

    folder = Path(captioner.__file__).resolve().parents[1] / MEETING
    if not (folder / "truth.json").is_file():
        raise Failed(
            f"the meeting comes with a checkout of the project, as {MEETING}, and is not here: "
            "give its folder with --meeting"
        )
    return folder


def ensure_model(settings: Settings) -> None:
    """Fetch the model if it is a known one that is missing.

    Raises:
        ModelError: it is not one that can be fetched, or is damaged.
        DownloadError: it cannot be had.
    """
    from captioner.cli.models import pull_model
    from captioner.models.manifest import shipped_manifests
    from captioner.models.store import ModelStore

    try:
        ModelStore(settings.models_dir).find(settings.model, verified=False)
    except ModelError:
        if settings.model not in shipped_manifests():
            raise
        messages().print(f"The model {settings.model!r} is not here yet: fetching it, once.")
        pull_model.main(
            [settings.model, "--models-dir", str(settings.models_dir)], standalone_mode=False
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the meeting is to be played."""

    duration: float | None
    mode: Mode
    target: Path
    plain: bool


async def _demo(settings: Settings, tracks: list[TrueTrack], length: float, wanted: Wanted) -> None:
    observer = Observer()
    messages().print("Starting a server...")
    async with child_server(settings) as server:
        messages().print(
            f"Watch the meeting in a browser too: {server.page}?room={ROOM}", soft_wrap=True
        )
        outcome = await run_live(
            Settings(server=server.address),
            [_source(track, wanted.duration) for track in tracks],
            Wishes(ROOM, wanted.mode, save=(wanted.target,), plain=wanted.plain),
            duration=min(length, wanted.duration or math.inf),
            listener=observer.see,
        )
    truth = {track.name: track.words for track in tracks}
    console = output()
    console.print()
    console.print(figures(observer.scores(truth, until=outcome.played), width=console.width))
    console.print()
    conclude(outcome, saved=[wanted.target], interrupt_is_failure=True)


def _source(track: TrueTrack, duration: float | None) -> Source:
    clock = SystemClock()
    return Source(
        name=track.name,
        speaker=track.name.title(),
        play=lambda pace: paced(play(track.file, duration=duration), pace, clock=clock),
    )
