"""``captioner stream``: recordings as live tracks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from captioner.cli.options import GroupedCommand, settings_options
from captioner.cli.wishes import Wishes, wishes_options
from captioner.config import Settings
from captioner.live import Mode

EXAMPLES = """\
captioner stream meeting/claire.flac meeting/julien.flac
captioner stream talk.mp3 --speaker "Anne Martin" --save talk.vtt
captioner stream talk.mp3 --start-at 60 --mode append-only --key-term DINUM
captioner stream talk.mp3 --server captions.example.org:443 --server-tls --token-file token"""


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--speaker",
    "speakers",
    multiple=True,
    metavar="NAME",
    help="Name of the speaker of a file, once a file in their order. [default: the file's name]",
)
@click.option(
    "--start-at",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Skip the beginning of each file.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Play no more than this.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0.1, max=4),
    default=1.0,
    show_default=True,
    metavar="FACTOR",
    help="Play faster or slower; a server refuses audio far ahead of real time.",
)
@wishes_options
@settings_options("Client", "token_file")
def stream(
    settings: Settings,
    *,
    files: tuple[Path, ...],
    speakers: tuple[str, ...],
    start_at: float,
    duration: float | None,
    speed: float,
    **wishes: Any,  # noqa: ANN401 - the options of Wishes
) -> None:
    """Play recordings to a server as live tracks, at the pace of time.

    Each file is the track of one participant; all begin together. Captions appear as they come:
    words that may still change in dim italics, finals for good. Ctrl-C stops playing and waits
    for the last finals; a second one does not wait.
    """
    # Not before it is asked for: help does not wait for the decoder and gRPC.
    from captioner.cli.live_run import conclude
    from captioner.cli.stream_run import Passage, stream_files

    asked = Wishes(**{**wishes, "mode": Mode(wishes["mode"])})
    passage = Passage(start_at, duration, speed)
    named = list(zip(files, speaker_names(files, speakers), strict=True))
    conclude(
        asyncio.run(stream_files(settings, named, asked, passage=passage)),
        saved=asked.save,
        interrupt_is_failure=True,
    )


def speaker_names(files: Sequence[Path], given: Sequence[str]) -> list[str]:
    """The name of each file's speaker: as given, else after the file; all different.

    Raises:
        click.UsageError: more names than files.
    """
    if len(given) > len(files):
        raise click.UsageError(f"{len(given)} speakers for {len(files)} files")
    names = [*given, *(path.stem.replace("_", " ").title() for path in files[len(given) :])]
    counts = Counter(names)
    seen: Counter[str] = Counter()
    for position, name in enumerate(names):
        if counts[name] > 1:
            seen[name] += 1
            names[position] = f"{name} {seen[name]}"
    return names
