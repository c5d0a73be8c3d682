"""``captioner completion``: the script that makes a shell complete commands and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from captioner.cli.options import GroupedCommand

PROGRAM = "captioner"
VARIABLE = "_CAPTIONER_COMPLETE"  # by which the script and click find each other

EXAMPLES = """\
captioner completion bash > ~/.local/share/bash-completion/completions/captioner
captioner completion zsh > ~/.zfunc/_captioner        with ~/.zfunc in $fpath before compinit
captioner completion fish > ~/.config/fish/completions/captioner.fish
eval "$(captioner completion bash)"                   for this shell only"""


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell, to be kept where the shell looks for it.

    Commands, options, models, languages and files are completed. The examples say where each
    shell keeps its scripts; start a new shell afterwards.
    """
    kind = get_completion_class(shell)
    assert kind is not None, shell
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
