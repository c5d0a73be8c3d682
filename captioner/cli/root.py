"""The ``captioner`` command itself: finds its subcommands, and ends the process in good order."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from captioner.cli.exits import MEANING, ExitCode, exit_code, only_error
from captioner.errors import CaptionerError

# Name, the module and the object in it, and the line of `captioner --help`: said here so that
# help does not import them all.
COMMANDS = {
    "demo": ("captioner.cli.demo:demo", "Caption a bundled French meeting, live, on this machine."),
    "serve": ("captioner.cli.serve:serve", "Run the caption server."),
    "stream": ("captioner.cli.stream:stream", "Play files to a server as live tracks."),
    "listen": ("captioner.cli.listen:listen", "Caption what a microphone hears."),
    "transcribe": ("captioner.cli.transcribe:transcribe", "Transcribe recordings, without server."),
    "subtitles": ("captioner.cli.subtitles:subtitles", "Convert and check subtitle files."),
    "evaluate": ("captioner.cli.evaluate:evaluate", "Judge a transcript by what was really said."),
    "models": ("captioner.cli.models:models", "See, fetch, verify, add and convert models."),
    "health": ("captioner.cli.health:health", "Ask a server whether it is ready."),
    "config": ("captioner.cli.settings:config", "Show the settings and where each came from."),
    "completion": ("captioner.cli.completion:completion", "Complete commands in your shell."),
}

EXAMPLES = """\
captioner demo                      everything at once, to see what it is
captioner models pull base          fetch a model
captioner serve                     then run the server
captioner stream talk.flac          and play a file to it as if it were live
captioner transcribe talk.flac      or transcribe it at once"""


class Captioner(click.Group):
    """The root command: subcommands are imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which one meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands without importing them."""
        found = [
            CompletionItem(name, help=line)
            for name, (_, line) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them, then what the exit codes mean."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
        with formatter.section("Examples"):
            for line in EXAMPLES.splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), text) for code, text in MEANING.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; our errors become one line, others keep their traceback."""
        return in_good_order(lambda: super(Captioner, self).invoke(ctx), debug=_wants_debug(ctx))


def _wants_debug(ctx: click.Context) -> bool:
    return bool(ctx.params.get("debug"))


def in_good_order(action: Callable[[], object], *, debug: bool = False) -> object:
    """Run an action and translate the ways in which it may end.

    Errors of the contract and of the operating system are told in a line on standard error.

    Raises:
        click.exceptions.Exit: with the code of that error, or 130 after Ctrl-C.
    """
    try:
        return action()
    except KeyboardInterrupt:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None
    except (CaptionerError, OSError, ExceptionGroup) as raised:
        error = only_error(raised)
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # whoever read our output has gone: click ends quietly
        if not isinstance(error, CaptionerError | OSError):
            raise  # a fault of ours: the traceback is wanted
        if debug:
            traceback.print_exception(raised)
        for line in _told(error).splitlines():
            click.echo(f"Error: {line}", err=True)
        raise click.exceptions.Exit(exit_code(error)) from None


def _told(error: CaptionerError | OSError) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror}"
    return str(error)


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if value:
        from captioner import __version__

        click.echo(f"captioner {__version__}")
        ctx.exit()


@click.group(
    cls=Captioner,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def captioner(debug: bool) -> None:  # noqa: FBT001 - click's
    """Live captions and transcription of meetings, on your own machines.

    No audio, text or metric leaves them. `captioner COMMAND --help` tells more.
    """
    del debug  # read from the context when a command fails
