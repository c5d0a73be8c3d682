"""Click options made from the declarations in ``captioner.config``, and help that is grouped."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem
from pydantic.fields import FieldInfo

from captioner.config import (
    CONFIG_VARIABLE,
    Resolved,
    Settings,
    default_models_dir,
    flag_of,
    resolve_settings,
    variable_of,
)
from captioner.errors import CaptionerError

Callback = Callable[..., Any]
OPTION_SECTION = "Options"


class GroupedCommand(click.Command):
    """A command whose help lists options by group, and shows examples as they are typed."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the settings by group."""
        groups: dict[str, list[tuple[str, str]]] = {OPTION_SECTION: []}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Argument):
                continue
            if record := parameter.get_help_record(ctx):
                title = getattr(parameter, "group", OPTION_SECTION)
                groups.setdefault(title, []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, a line each."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        super().format_epilog(ctx, formatter)


class SettingOption(click.Option):
    """The flag of one setting. It has no default of its own: the settings know theirs."""

    def __init__(self, name: str, info: FieldInfo) -> None:
        flag = flag_of(name)
        shape: dict[str, Any] = {"type": _click_type(name, info), "metavar": metavar_of(name)}
        if info.annotation is bool:
            flag, shape = f"{flag}/--no-{flag[2:]}", {}
        super().__init__([flag, name], default=None, help=info.description, **shape)
        self.group = group_of(name)
        self._setting = name

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The flag, then what it does with its variable and default."""
        record = super().get_help_record(ctx)
        if record is None:
            return None
        notes = [variable_of(self._setting)]
        notes += [f"default: {shown}"] if (shown := shown_default(self._setting)) else []
        return record[0], f"{record[1]} [{'; '.join(notes)}]"


def group_of(name: str) -> str:
    """The group a setting is listed under."""
    return str(_extra(name)["group"])


def metavar_of(name: str) -> str | None:
    """What help calls the value of a setting; None: its choices."""
    info = Settings.model_fields[name]
    if declared := _extra(name)["metavar"]:
        return str(declared)
    if get_origin(info.annotation) is Literal:
        return None
    kinds: dict[object, str] = {int: "N", float: "SECONDS", str: name.upper()}
    return kinds.get(info.annotation, "FILE")


def shown_default(name: str) -> str:
    """The default of a setting as help shows it; empty when there is none."""
    info = Settings.model_fields[name]
    if info.default_factory is not None:
        return str(default_models_dir()).replace(str(Path.home()), "~", 1)
    if info.default is None or info.default is False:
        return ""
    return str(info.default)


def _extra(name: str) -> dict[str, Any]:
    extra = Settings.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return extra


def _click_type(name: str, info: FieldInfo) -> Any:  # noqa: ANN401 - generic only in newer clicks
    """Types that help and completion know; ranges stay with the settings, which check them all."""
    if get_origin(info.annotation) is Literal:
        return click.Choice([str(choice) for choice in get_args(info.annotation)])
    if name == "model":
        return ModelName()
    if name == "language":
        return LanguageCode()
    return click.Path() if metavar_of(name) in {"FILE", "DIRECTORY"} else click.STRING


class ModelName(click.types.StringParamType):
    """The name of a model, completed from those installed and those that can be pulled."""

    name = "model"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Installed models first; then a path."""
        del ctx, param
        from captioner.models.manifest import shipped_manifests
        from captioner.models.store import ModelStore

        try:
            installed = ModelStore(resolve_settings().settings.models_dir).installed()
            names = {model.name: "installed" for model in installed}
            names = {**dict.fromkeys(shipped_manifests(), "can be pulled"), **names}
        except CaptionerError:
            names = {}
        found = [
            CompletionItem(name, help=state)
            for name, state in sorted(names.items(), key=lambda item: (item[1], item[0]))[::-1]
            if name.startswith(incomplete)
        ]
        return found or [CompletionItem(incomplete, type="dir")]


class LanguageCode(click.types.StringParamType):
    """A language that Whisper knows, completed from its list."""

    name = "language"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The codes that begin so."""
        del ctx, param
        from captioner.models.manifest import shipped_manifests

        codes = {code for manifest in shipped_manifests().values() for code in manifest.languages}
        return [CompletionItem(code) for code in sorted(codes) if code.startswith(incomplete)]


def settings_options(
    *wanted: str, deliver: Literal["settings", "resolved"] = "settings"
) -> Callable[[Callback], Callback]:
    """Give a command the flags of settings, and call it with the settings in force.

    Args:
        wanted: Names of groups, or of single settings, in the order of help.
        deliver: The keyword the command is called with: ``settings: Settings``, or
            ``resolved: Resolved`` when it wants to know where each came from.
    """
    names = list(dict.fromkeys(_names(wanted)))

    def decorate(command: Callback) -> Callback:
        @functools.wraps(command)
        def with_settings(*args: Any, settings_file: Path | None, **kwargs: Any) -> Any:  # noqa: ANN401 - any command
            flags = {name: kwargs.pop(name) for name in names}
            resolved = resolve_settings(flags, file=settings_file)
            value: Resolved | Settings = resolved if deliver == "resolved" else resolved.settings
            return command(*args, **{deliver: value}, **kwargs)

        parameters = [SettingOption(name, Settings.model_fields[name]) for name in names]
        _prepend(with_settings, [*parameters, _file_option()])
        return with_settings

    return decorate


def _names(wanted: Iterable[str]) -> Iterable[str]:
    for item in wanted:
        of_group = [name for name in Settings.model_fields if group_of(name) == item]
        if not of_group and item not in Settings.model_fields:
            raise ValueError(f"no group or setting is called {item!r}")
        yield from of_group or [item]


def _file_option() -> click.Option:
    return click.Option(
        ["--config", "settings_file"],
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=f"TOML file of settings. [{CONFIG_VARIABLE}]",
    )


def _prepend(command: Callback, parameters: list[click.Option]) -> None:
    """Add parameters the way click's own decorators do: the last applied comes first."""
    declared: list[click.Parameter] = getattr(command, "__click_params__", [])
    declared.extend(reversed(parameters))
    command.__click_params__ = declared  # type: ignore[attr-defined]  # how click collects them
