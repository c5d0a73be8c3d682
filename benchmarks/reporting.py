"""What every benchmark leaves behind: where, when and how it was run, and what it found."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from machine import EncodeReference, Machine

from captioner.cli.options import GroupedCommand
from captioner.cli.root import in_good_order
from captioner.config import Settings

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


class Program(GroupedCommand):
    """A command whose errors are told as those of ``captioner`` are."""

    def invoke(self, ctx: click.Context) -> object:
        """Run it; an error of the contract becomes a line."""
        return in_good_order(lambda: super(Program, self).invoke(ctx))


class NumberList(click.ParamType[tuple[int, ...]]):
    """Numbers as in 1,2,4.

    Args:
        least: The smallest allowed.
        also: A word that stands for 0, when there is one.
    """

    name = "numbers"

    def __init__(self, *, least: int = 1, also: str = "") -> None:
        self._least = least
        self._also = also

    def convert(
        self,
        value: str | tuple[int, ...],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, ...]:
        """Read them."""
        if isinstance(value, tuple):
            return value
        numbers = []
        for part in value.split(","):
            if self._also and part == self._also:
                numbers.append(0)
            elif part.isdecimal() and int(part) >= self._least:
                numbers.append(int(part))
            else:
                self.fail(f"{part!r} is not a number of at least {self._least}", param, ctx)
        return tuple(numbers)


def envelope(
    benchmark: str, settings: Settings, machine: Machine, reference: EncodeReference | None
) -> dict[str, Any]:
    """The part that all result files have: what one must know to trust or repeat a figure."""
    return {
        "benchmark": benchmark,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(sys.argv),
        "revision": revision(),
        "machine": machine.to_json(),
        "encode": reference.to_json() if reference else None,
        "settings": changed(settings),
    }


def command_line(arguments: list[str]) -> str:
    """The command as it was typed; of paths outside the checkout only the last part."""
    return shlex.join(["python", *(_without_machine(argument) for argument in arguments)])


def _without_machine(argument: str) -> str:
    path = Path(argument)
    if not path.is_absolute():
        return argument
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def changed(settings: Settings) -> dict[str, Any]:
    """The settings that are not at their default; of paths only the last part."""
    default = Settings()
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return {
        name: value.name if isinstance(value, Path) else value
        for name, value in values.items()
        if value != getattr(default, name)
    }


def revision() -> str:
    """The commit that was measured, marked when files differ from it; empty outside a checkout."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return f"{head}+changes" if _git("status", "--porcelain", "--", "captioner") else head
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return done.stdout.strip()


def save_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result file.

    Raises:
        OSError: it cannot be written.
        ValueError: a figure is NaN: what is not known must be null.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def seconds(value: float) -> str:
    """A latency for people."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def percent(value: float) -> str:
    """A rate for people."""
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def tracks_text(number: int) -> str:
    """So many tracks."""
    return "1 track" if number == 1 else f"{number} tracks"
