"""The run of `captioner demo`: its meeting, its model, its server, and what is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from captioner.cli.child_server import child_server
from captioner.cli.exits import Failed
from captioner.cli.live_run import Source, conclude, run_live
from captioner.cli.measuring import Observer, TrueTrack, figures
from captioner.cli.playback import paced, play
from captioner.cli.terminal import messages, output
from captioner.cli.wishes import Wishes
from captioner.clock import SystemClock
from captioner.config import Settings
from captioner.errors import ModelError
from captioner.live import Mode

MEETING = Path("examples", "audio", "meeting")
ROOM = "demo"


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


async def run_demo(
    settings: Settings, tracks: list[TrueTrack], length: float, wanted: Wanted
) -> None:
    """Play the meeting to a server of its own, then print how well it went.

    Args:
        settings: of the server.
        tracks: of the meeting.
        length: of the longest of them, in seconds.
        wanted: how it is to be played.

    Raises:
        CaptionerError: the server does not start, or is gone.
        OSError: the captions cannot be written.
    """
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
