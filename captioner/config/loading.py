"""Settings from flags, environment, file and defaults."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from captioner.config.naming import CONFIG_VARIABLE, ENV_PREFIX, Source, written
from captioner.config.problems import explained, unknown
from captioner.config.settings import Settings
from captioner.errors import ConfigError

# Kubernetes writes the addresses of a service named captioner, or captioner-http, into every pod.
_SERVICE_LINK = re.compile(
    ENV_PREFIX + r"(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)_(PROTO|PORT|ADDR))"
)
_SERVICE_URL = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings in force, and where each came from."""

    settings: Settings
    sources: Mapping[str, Source]
    file: Path | None


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Combine flags, environment, file and defaults.

    Args:
        flags: By the name of the setting; None stands for a flag that was not given.
        file: TOML file; None: the one that ``CAPTIONER_CONFIG`` names, if any.
        environ: The process's own unless given.

    Raises:
        ConfigError: one line for each setting that is unknown, contradictory or out of range.
    """
    return resolve_settings(flags, file=file, environ=environ).settings


def resolve_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved:
    """Do as ``load_settings`` does, and keep where each value came from."""
    environ = os.environ if environ is None else environ
    if file is None and environ.get(CONFIG_VARIABLE):
        file = Path(environ[CONFIG_VARIABLE]).expanduser()
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    layers = {
        Source.FILE: _read_file(file) if file else {},
        Source.ENVIRONMENT: _read_environment(environ),
        Source.FLAG: given,
    }
    problems = unknown(layers, file)
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, Source.DEFAULT)
    for source, layer in layers.items():
        known = {name: value for name, value in layer.items() if name in sources}
        values |= known
        sources |= dict.fromkeys(known, source)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for name, text in explained(error):
            problems.append(f"{written(name, values.get(name), sources[name], file)}: {text}")
        raise ConfigError("\n".join(problems)) from None
    if problems:
        raise ConfigError("\n".join(problems))
    return Resolved(settings, sources, file)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the settings in {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        variable.removeprefix(ENV_PREFIX).lower(): value
        for variable, value in environ.items()
        if variable.startswith(ENV_PREFIX)
        and variable != CONFIG_VARIABLE
        and not _SERVICE_LINK.fullmatch(variable)
        and not _SERVICE_URL.match(value)
    }
