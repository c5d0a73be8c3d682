"""What a setting is called by a flag, a variable of the environment and a file."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

ENV_PREFIX = "CAPTIONER_"
CONFIG_VARIABLE = ENV_PREFIX + "CONFIG"


class Source(Enum):
    """Where the value of a setting came from."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


def flag_of(name: str) -> str:
    """The command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.upper()


def spelled(name: str, source: Source) -> str:
    """The name of the setting, as it is written there."""
    match source:
        case Source.FLAG:
            return flag_of(name)
        case Source.ENVIRONMENT:
            return variable_of(name)
        case Source.FILE | Source.DEFAULT:
            return name


def written(name: str, value: object, source: Source, file: Path | None) -> str:
    """The setting as the operator wrote it, to be found again."""
    match source:
        case Source.FLAG:
            return flag_of(name) if value is True else f"{flag_of(name)} {value}"
        case Source.ENVIRONMENT:
            return f"{variable_of(name)}={value}"
        case Source.FILE:
            text = "[table]" if isinstance(value, dict) else repr(value)
            return f"{name} = {text} in {file}"
        case Source.DEFAULT:
            return f"{name} (default)"
