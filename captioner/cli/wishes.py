"""What `demo`, `stream` and `listen` are asked for beside the audio, and the options for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from captioner.cli.options import LanguageCode
from captioner.live import Mode
from captioner.subtitles.formats import FORMATS


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for, beside the audio."""

    room: str = ""
    mode: Mode = Mode.REVISABLE
    language: str = ""
    key_terms: tuple[str, ...] = ()
    save: tuple[Path, ...] = ()
    plain: bool = False


def wishes_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of ``Wishes``, each under its own name."""
    options = (
        click.option("--room", default="", help="Room to join. [default: one of its own]"),
        click.option(
            "--mode",
            type=click.Choice([mode.value for mode in Mode]),
            default=Mode.REVISABLE.value,
            show_default=True,
            help="Whether finals may correct words that were committed.",
        ),
        click.option(
            "--language",
            type=LanguageCode(),
            default="",
            metavar="CODE",
            help="Language spoken. [default: the server's]",
        ),
        click.option(
            "--key-term",
            "key_terms",
            multiple=True,
            metavar="TEXT",
            help="A name or acronym to recognise; may be repeated.",
        ),
        click.option(
            "--save",
            multiple=True,
            type=click.Path(dir_okay=False, path_type=Path),
            callback=check_kinds,
            metavar="FILE",
            help=f"Write the captions at the end, as the name says: {', '.join(FORMATS)}; "
            "may be repeated.",
        ),
        click.option("--plain", is_flag=True, help="One line a final, as into a pipe."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def check_kinds(
    _ctx: click.Context, parameter: click.Parameter, value: Path | tuple[Path, ...]
) -> Path | tuple[Path, ...]:
    """Refuse files that could not be written at the end, before anything starts.

    Raises:
        click.BadParameter: a name asks for no known format, or its folder is not there.
    """
    for path in (value,) if isinstance(value, Path) else value:
        if path.suffix.removeprefix(".").lower() not in FORMATS:
            known = ", ".join(f"*.{kind}" for kind in FORMATS)
            raise click.BadParameter(f"{path}: expected {known}", param=parameter)
        if not path.absolute().parent.is_dir():
            raise click.BadParameter(f"{path.parent} is no folder", param=parameter)
    return value
