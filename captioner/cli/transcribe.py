"""``captioner transcribe``: recordings to subtitle and text files, without a server."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from captioner.cli.options import GroupedCommand, settings_options
from captioner.config import Settings
from captioner.errors import InvalidRequest
from captioner.subtitles.formats import FORMATS
from captioner.subtitles.profiles import PROFILES

EXAMPLES = """\
captioner transcribe talk.mp3                                 talk.vtt, here
captioner transcribe archive --output-dir texts               a folder, with what is below it
captioner transcribe 'archive/**/*.mp3' --output-dir texts    what a pattern matches
captioner transcribe council.mp4 --format vtt,ttml,json --profile arcom
captioner transcribe claire.flac julien.flac --meeting budget --offset julien.flac=12.5
captioner transcribe call.wav --split-channels --speaker call.wav=Anne --speaker call.wav=Luc
captioner transcribe visit.wav --model small --key-term ANCT --key-term "Mme Lefèvre"
ffmpeg -i rtsp://camera -f ogg - | captioner transcribe - --name camera"""


def kinds_of(
    ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """The formats, each once, whether repeated or with commas between them.

    Raises:
        click.BadParameter: one of them is unknown.
    """
    kinds = [kind.strip().lower() for text in value for kind in text.split(",")]
    for kind in kinds:
        if kind not in FORMATS:
            known = ", ".join(FORMATS)
            raise click.BadParameter(f"{kind!r} is none of {known}", ctx=ctx, param=parameter)
    return tuple(dict.fromkeys(kinds))


def audio_track_of(ctx: click.Context, parameter: click.Parameter, value: str) -> int | None:
    """The number of an audio track; None for all.

    Raises:
        click.BadParameter: it is neither.
    """
    if value == "all":
        return None
    if not (value.isascii() and value.isdigit()):
        raise click.BadParameter(
            f"{value!r} is neither a number from 0 nor all", ctx=ctx, param=parameter
        )
    return int(value)


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(allow_dash=True)
)
@click.option(
    "--format",
    "kinds",
    multiple=True,
    default=("vtt",),
    show_default=True,
    metavar="NAME",
    callback=kinds_of,
    help=f"What to write: {', '.join(FORMATS)}; several with commas, or repeated.",
)
@click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="web",
    show_default=True,
    help="How subtitles are laid out.",
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    show_default="here",
    help="Where to write; made when it is not there. Files of folders and patterns keep their "
    "place below it.",
)
@click.option("--name", default="", help="Name of the transcript of - (standard input).")
@click.option(
    "--meeting", default="", metavar="NAME", help="All FILEs are tracks of one meeting: NAME.vtt."
)
@click.option(
    "--speaker",
    "speakers",
    multiple=True,
    metavar="FILE=NAME",
    help="Who speaks in a file; again for its next track. [default: after the file's name]",
)
@click.option(
    "--offset",
    "offsets",
    multiple=True,
    metavar="FILE=SECONDS",
    help="When a file began, after the start of the meeting; may be repeated.",
)
@click.option(
    "--audio-track",
    default="0",
    show_default=True,
    metavar="N|all",
    callback=audio_track_of,
    help="Audio track of each file, counted from 0; all: each is a speaker.",
)
@click.option("--split-channels", is_flag=True, help="Each channel is a speaker.")
@click.option(
    "--key-term",
    "key_terms",
    multiple=True,
    metavar="TEXT",
    help="A name or acronym to recognise; may be repeated.",
)
@click.option("--overwrite", is_flag=True, help="Do again what was done before.")
@click.option("--skip-existing", is_flag=True, help="Leave out what has all its files already.")
@click.option(
    "--resume/--no-resume",
    default=True,
    help="Keep a record in the output folder, from which an interrupted run goes on. "
    "[default: --resume]",
)
@click.option(
    "--keep-partial", is_flag=True, help="Write what could be read of a recording that breaks off."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON about the run. [default: report.json in --output-dir, if that is given]",
)
@click.option(
    "--cluster", default="", metavar="ADDRESS", help="Work on a Ray cluster (extra `cluster`)."
)
@click.option("--dry-run", is_flag=True, help="Show what would be done; needs no model.")
@click.option("--quiet", is_flag=True, help="Tell nothing but failures.")
@settings_options("language", "Model", "final_beam_size", "final_window")
def transcribe(settings: Settings, **chosen: Any) -> None:  # noqa: ANN401 - the fields of Request
    """Transcribe recordings with the model on this machine; no server is needed.

    FILE is a recording, a folder, a pattern in quotes such as 'talks/**/*.mp3', or - for standard
    input. Reads whatever has an audio track: wav, flac, mp3, ogg, m4a, mp4, mkv, webm... talk.mp3
    becomes talk.vtt; a file of that name is replaced.

    A recording that cannot be read does not stop the others: it is told at the end and in the
    report, and the exit code is 1. A run that was interrupted goes on when it is started again
    with the same options.
    """
    # Not before there is work: help does not wait for the decoder and what it needs.
    from captioner.cli.files import spooled_input
    from captioner.cli.transcribe_run import conclude, show_plan, transcribe_job
    from captioner.cli.transcribing import STANDARD, Request, check, job_of
    from captioner.logs import configure

    configure("warning", settings.log_format)
    request = Request(**chosen)
    with ExitStack() as stack:
        try:
            check(request)
            spooled = None
            if STANDARD in request.files:
                spooled = stack.enter_context(spooled_input(request.name or "stdin"))
            job = job_of(request, settings, standard_input=spooled)
        except InvalidRequest as error:
            raise click.UsageError(str(error)) from None
        if request.dry_run:
            show_plan(job, standard_input=spooled)
        else:
            report = asyncio.run(transcribe_job(job, request, settings))
            conclude(job, report, quiet=request.quiet, standard_input=spooled)
