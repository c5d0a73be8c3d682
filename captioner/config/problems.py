"""What is wrong with the settings that were given, in the words of whoever gave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from captioner.config.naming import Source, spelled, written
from captioner.config.settings import Settings


def unknown(layers: Mapping[Source, Mapping[str, Any]], file: Path | None) -> list[str]:
    """A line for each name that is no setting."""
    problems = []
    for source, layer in layers.items():
        for name, value in layer.items():
            if name in Settings.model_fields:
                continue
            where = written(name, value, source, file)
            if isinstance(value, dict):
                problems.append(f"{where}: settings stand at the top of the file, not in tables")
                continue
            near = get_close_matches(name, Settings.model_fields, n=1)
            hint = f", did you mean {spelled(near[0], source)}?" if near else ""
            problems.append(f"{where}: no such setting{hint}")
    return problems


def explained(error: ValidationError) -> Iterator[tuple[str, str]]:
    """The setting and the text of each problem."""
    for detail in error.errors():
        if detail["type"] == "contradiction":
            yield from detail["ctx"]["all"]
        else:
            name = str(detail["loc"][0])
            yield name, _problem(name, detail)


def expectation(name: str) -> str:
    """What the value of a setting must be, in words: "a number from 0.1 to 5"."""
    if name == "language":
        return "a language code such as fr or fr-FR"
    info = Settings.model_fields[name]
    if get_origin(info.annotation) is Literal:
        *most, last = (str(choice) for choice in get_args(info.annotation))
        return f"{', '.join(most)} or {last}"
    nouns: dict[object, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
    }
    return " ".join([nouns.get(info.annotation, "a path"), *_limits(name)])


def _problem(name: str, detail: ErrorDetails) -> str:
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return f"must be {expectation(name)}"


def _limits(name: str) -> Iterator[str]:
    """The words for the limits of a number, lower first."""
    limits: dict[str, float] = {}
    for constraint in Settings.model_fields[name].metadata:
        for bound in ("ge", "gt", "le"):
            if (value := getattr(constraint, bound, None)) is not None:
                limits[bound] = value
    if "ge" in limits:
        yield f"from {limits['ge']}" if "le" in limits else f"of at least {limits['ge']}"
    if "gt" in limits:
        yield f"above {limits['gt']}"
    if "le" in limits:
        yield f"to {limits['le']}" if "ge" in limits else f"and at most {limits['le']}"
