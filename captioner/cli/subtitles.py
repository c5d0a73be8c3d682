"""``captioner subtitles``: files of subtitles in other formats and layouts, and what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from captioner.cli.exits import ExitCode, Failed
from captioner.cli.files import write_whole
from captioner.cli.options import GroupedCommand, LanguageCode
from captioner.errors import InvalidRequest
from captioner.subtitles.check import Rule, check
from captioner.subtitles.conversion import convert
from captioner.subtitles.document import Document
from captioner.subtitles.formats import FORMATS, Format
from captioner.subtitles.profiles import PROFILES
from captioner.subtitles.reading import MAX_BYTES, PARSERS, parse_bytes, read_document

STANDARD = Path("-")
NO_PLACE_FOR_NOTICE = "srt"

CONVERT = """\
captioner subtitles convert talk.srt --to vtt
captioner subtitles convert texts/*.json --to vtt,ttml --profile arcom --output-dir archive
captioner subtitles convert talk.vtt --output talk.srt
captioner subtitles convert - --from json --to vtt < talk.json > talk.vtt"""
CHECK = """\
captioner subtitles check talk.vtt
captioner subtitles check archive/*.ttml --profile arcom
captioner subtitles check film.srt --ignore gap --ignore notice --json"""


def format_names(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[Format, ...]:
    """The formats that are named with commas between them, each once.

    Raises:
        click.BadParameter: one of the names is none.
    """
    names = list(dict.fromkeys(name.strip().lower() for name in value.split(","))) if value else []
    for name in names:
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise click.BadParameter(f"{name!r} is none of {known}", ctx=ctx, param=param)
    return tuple(FORMATS[name] for name in names)


def complete_formats(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names that go on after the last comma, for the shell."""
    before, comma, begun = incomplete.rpartition(",")
    return [CompletionItem(f"{before}{comma}{name}") for name in FORMATS if name.startswith(begun)]


files_argument = click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path, allow_dash=True),
)
from_option = click.option(
    "--from",
    "source_format",
    type=click.Choice(list(PARSERS)),
    help="What the files are. [default: what their names say]",
)
language_option = click.option(
    "--language",
    type=LanguageCode(),
    metavar="CODE",
    default="fr",
    show_default=True,
    help="Of files that do not tell theirs.",
)
profile_option = click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="web",
    show_default=True,
    help="Limits of lines, durations and reading speed.",
)


@click.group(no_args_is_help=True)
def subtitles() -> None:
    """Convert subtitle files to other formats and layouts, and check them against a profile.

    Reads WebVTT, SubRip, TTML, JSON (of this program, OpenAI, WhisperX) and text, whoever wrote
    them.
    """


@subtitles.command(name="convert", cls=GroupedCommand, examples=CONVERT)
@files_argument
@click.option(
    "--to",
    "formats",
    callback=format_names,
    shell_complete=complete_formats,
    metavar="FORMAT,...",
    help=f"What to write: {', '.join(FORMATS)}; several with commas. [default: the name of "
    "--output]",
)
@profile_option
@from_option
@language_option
@click.option(
    "--names",
    is_flag=True,
    help="Names in the text, as in “Claire : bonjour”, are speakers.",
)
@click.option(
    "--output",
    "output_file",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="The one file to write, or - for standard output.",
)
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write; made when it is not there. [default: here]",
)
def convert_command(
    *,
    files: tuple[Path, ...],
    formats: tuple[Format, ...],
    profile: str,
    source_format: str | None,
    language: str,
    names: bool,
    output_file: Path | None,
    output_dir: Path | None,
) -> None:
    """Write subtitle files in other formats, laid out anew.

    From JSON, cues are timed by its words; from other formats, by the words of each cue, which
    share its time. Markup and positions are dropped; speakers are kept where the formats have
    them, and so is the note that says what made a file.
    """
    jobs = plan(files, formats, output_file=output_file, output_dir=output_dir)
    if STANDARD in files and source_format is None:
        raise click.UsageError("--from says what standard input is: name its format")
    errors: list[str] = []
    for job in jobs:
        with told_in(errors, job.source):
            document = _read(job.source, source_format, language)
            for format_, target in job.outputs:
                text = convert(document, format_, profile=PROFILES[profile], names=names)
                _write(target, text)
    _conclude(errors, len(jobs), "converted")


@dataclass(frozen=True, slots=True)
class Job:
    """One file to convert."""

    source: Path
    outputs: tuple[tuple[Format, Path], ...]


def plan(
    files: Sequence[Path],
    formats: Sequence[Format],
    *,
    output_file: Path | None,
    output_dir: Path | None,
) -> list[Job]:
    """What is written from what; nothing is written twice, nor over a source by chance.

    Raises:
        click.UsageError: the options do not say what to write where.
    """
    files = list(dict.fromkeys(files))
    if output_file is None and output_dir is None and files == [STANDARD]:
        output_file = STANDARD
    if output_file is not None:
        return [_single(files, formats, output_file, output_dir)]
    if not formats:
        raise click.UsageError("--to says what to write: name one or more formats")
    folder = output_dir or Path()
    sources = {path.resolve() for path in files}
    jobs = []
    taken: dict[Path, Path] = {}
    for source in files:
        stem = "stdin" if source == STANDARD else source.stem
        outputs = tuple((format_, folder / f"{stem}.{format_.name}") for format_ in formats)
        for _, target in outputs:
            if target.resolve() in sources:
                raise click.UsageError(
                    f"{target} would be replaced by its conversion: "
                    "name another place with --output-dir, or itself with --output"
                )
            if target in taken:
                raise click.UsageError(f"{taken[target]} and {source} would both become {target}")
            taken[target] = source
        jobs.append(Job(source, outputs))
    return jobs


def _single(
    files: Sequence[Path],
    formats: Sequence[Format],
    output_file: Path,
    output_dir: Path | None,
) -> Job:
    if output_dir is not None:
        raise click.UsageError("--output and --output-dir exclude each other")
    if len(files) != 1:
        raise click.UsageError(f"--output is for one file, not for {len(files)}")
    if not formats:
        named = FORMATS.get(output_file.suffix.removeprefix(".").lower())
        if named is None:
            raise click.UsageError(f"--to says what to write to {output_file}: name a format")
        formats = (named,)
    if len(formats) != 1:
        raise click.UsageError(f"--output is for one format, not for {len(formats)}")
    return Job(files[0], ((formats[0], output_file),))


def _read(source: Path, source_format: str | None, language: str) -> Document:
    if source == STANDARD:
        assert source_format is not None
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
        return parse_bytes(content, source_format, source="standard input", language=language)
    return read_document(source, format_name=source_format, language=language)


def _write(target: Path, text: str) -> None:
    if target == STANDARD:
        stream = sys.stdout.buffer
        stream.write(text.encode("utf-8"))
        stream.flush()
    else:
        write_whole(target, text)


@contextmanager
def told_in(lines: list[str], source: Path) -> Iterator[None]:
    """Note why a file cannot be read or written, and go on with the next one."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever reads our output has gone
    except OSError as error:
        lines.append(f"{error.filename or source}: {error.strerror or error}")
    except InvalidRequest as error:
        named = str(error).startswith(str(source))
        lines.append(str(error) if named else f"{source}: {error}")


def _conclude(lines: Sequence[str], total: int, done: str) -> None:
    """Tell of the files that were left out; a single one needs no summary.

    Raises:
        Failed: there are some.
    """
    summary = [f"{len(lines)} of {total} could not be {done}:"] if total > 1 else []
    if lines:
        raise Failed("\n".join([*summary, *lines]))


@subtitles.command(name="check", cls=GroupedCommand, examples=CHECK)
@files_argument
@profile_option
@from_option
@language_option
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    type=click.Choice([rule.value for rule in Rule]),
    help="A rule to leave out; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print an object for programs.")
def check_command(
    *,
    files: tuple[Path, ...],
    profile: str,
    source_format: str | None,
    language: str,
    ignored: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what in subtitle files does not keep to a profile.

    Lines, durations, reading speed, gaps and overlaps of one speaker, breaks between words that
    belong together, the spaces of French punctuation, and whether the file says that a machine
    made it (SubRip has no place for that). The exit code is 1 when something does not.
    """
    from captioner.cli.terminal import output
    from captioner.cli.violations import Checked, show, to_json

    if STANDARD in files and source_format is None:
        raise click.UsageError("--from says what standard input is: name its format")
    files = tuple(dict.fromkeys(files))
    errors: list[str] = []
    found: list[Checked] = []
    for source in files:
        with told_in(errors, source):
            kind = source_format or source.suffix.removeprefix(".").lower()
            report = check(
                _read(source, source_format, language),
                PROFILES[profile],
                notice=kind != NO_PLACE_FOR_NOTICE,
                ignored=map(Rule, ignored),
            )
            found.append(Checked(source, report))
    if as_json:
        print(to_json(found, profile))
    elif found:
        show(output(), found, profile)
    _conclude(errors, len(files), "checked")
    if any(checked.report.violations for checked in found):
        raise click.exceptions.Exit(ExitCode.FAILED)
