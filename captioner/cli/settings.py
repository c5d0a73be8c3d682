"""``captioner config``: the settings in force, where each came from, and an example file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from captioner.cli.options import GroupedCommand, group_of, settings_options, shown_default
from captioner.cli.terminal import output
from captioner.config import Resolved, Settings, Source, expectation, flag_of, variable_of

EXAMPLES = """\
captioner config                              what is in force here
captioner config --config captioner.toml      with that file
captioner config --example > captioner.toml   a file to start from"""

GROUPS = tuple(dict.fromkeys(group_of(name) for name in Settings.model_fields))


@click.command(cls=GroupedCommand, examples=EXAMPLES)
@click.option("--example", is_flag=True, help="Print a commented TOML file of all settings.")
@click.option("--json", "as_json", is_flag=True, help="Print the settings as JSON.")
@settings_options(*GROUPS, deliver="resolved")
def config(resolved: Resolved, *, example: bool, as_json: bool) -> None:
    """Show every setting and where it came from.

    A setting comes, in this order, from its flag, its environment variable, the TOML file of
    --config or CAPTIONER_CONFIG, or its default. Unknown settings are errors.
    """
    if example:
        click.echo(example_file(), nl=False)
    elif as_json:
        click.echo(json.dumps(resolved.settings.model_dump(mode="json"), indent=2))
    else:
        output().print(settings_table(resolved))


def settings_table(resolved: Resolved) -> Table:
    """A row for each setting, by group; those that were set stand out."""
    table = Table("setting", "value", "from", box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for group in GROUPS:
        table.add_row(Text(group, style="bold"))
        for name in _names(group):
            source = resolved.sources[name]
            style = "dim" if source is Source.DEFAULT else ""
            value = _plain(getattr(resolved.settings, name))
            table.add_row(
                f"  {name}", Text(_as_toml(value)), _origin(name, source, resolved), style=style
            )
    return table


def _origin(name: str, source: Source, resolved: Resolved) -> str:
    match source:
        case Source.FLAG:
            return flag_of(name)
        case Source.ENVIRONMENT:
            return variable_of(name)
        case Source.FILE:
            return str(resolved.file)
        case Source.DEFAULT:
            return "default"


def example_file() -> str:
    """A TOML file of every setting at its default, commented out, that can be edited and used."""
    return "\n".join(_example_lines()) + "\n"


def _example_lines() -> Iterator[str]:
    yield "# Settings of captioner. Remove the # before a line to change it."
    yield "# A flag (--hop) or an environment variable (CAPTIONER_HOP) goes before this file."
    for group in GROUPS:
        yield ""
        yield f"# ---- {group} {'-' * (92 - len(group))}"
        for name in _names(group):
            info = Settings.model_fields[name]
            yield ""
            yield f"# {info.description} ({expectation(name)})"
            default = shown_default(name) if info.default_factory else _plain(info.default)
            yield f"# {name} = {_as_toml('' if default is None else default)}"


def _names(group: str) -> list[str]:
    return [name for name in Settings.model_fields if group_of(name) == group]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any setting
    return str(value) if isinstance(value, Path) else value


def _as_toml(value: Any) -> str:  # noqa: ANN401 - any setting
    """A value as TOML writes it; JSON writes text, numbers and truth the same way."""
    return "-" if value is None else json.dumps(value, ensure_ascii=False)
