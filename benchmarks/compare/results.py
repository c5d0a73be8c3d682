"""The result file: points that are known, added one by one, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reporting import save_json

from captioner.errors import InvalidRequest

Content = dict[str, Any]
BENCHMARK = "compare"


@dataclass(frozen=True, slots=True)
class Point:
    """What is measured at once."""

    data: str
    """Data set of the tracks."""
    system: str
    talkers: int
    seconds: float | None
    """Of each track; None: as long as the recordings are."""

    @property
    def set(self) -> str:
        """What is compared with each other: the same tracks."""
        return self.data if self.seconds is None else f"{self.data}, {self.seconds:g} s"

    def matches(self, entry: Content) -> bool:
        """Whether an entry of the result file is of this point."""
        mine = (self.set, self.system, self.talkers)
        return mine == tuple(entry[name] for name in ("set", "system", "talkers"))

    def to_json(self) -> Content:
        """What an entry begins with."""
        return {
            "set": self.set,
            "data": self.data,
            "system": self.system,
            "talkers": self.talkers,
            "seconds": self.seconds,
        }


class Results:
    """A result file, written after each point."""

    def __init__(self, path: Path | None, head: Content) -> None:
        """Go on with a file when it is there.

        Args:
            path: of the file; None: nothing is kept.
            head: what describes the run: replaces what an earlier one wrote.

        Raises:
            InvalidRequest: the file is there, and is no result of this benchmark.
        """
        self._path = path
        self.content: Content = {**head, "points": [], "offline": None}
        if path is not None and path.exists():
            earlier = _read(path)
            self.content |= {name: earlier[name] for name in ("points", "offline")}

    @property
    def points(self) -> list[Content]:
        """The entries of all points."""
        found: list[Content] = self.content["points"]
        return found

    def find(self, point: Point) -> Content | None:
        """The entry of a point, if it is known."""
        return next((entry for entry in self.points if point.matches(entry)), None)

    def add(self, point: Point, figures: Content) -> Content:
        """Add a point, in the place of what was known of it, and write the file."""
        entry = point.to_json() | figures
        kept = [other for other in self.points if not point.matches(other)]
        self.content["points"] = [*kept, entry]
        self.save()
        return entry

    def save(self) -> None:
        """Write the file, with what follows from the points."""
        self.content["capacity"] = capacities(self.points)
        if self._path is not None:
            save_json(self._path, self.content)


def _read(path: Path) -> Content:
    try:
        content: Content = json.loads(path.read_text(encoding="utf-8"))
        kind, _ = content["benchmark"], (content["points"], content["offline"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(f"{path} is no result of this benchmark: {error!r}") from None
    if kind != BENCHMARK:
        raise InvalidRequest(f"{path} is a result of {kind!r}, not of {BENCHMARK!r}")
    return content


def capacities(points: list[Content]) -> dict[str, dict[str, int]]:
    """By set and system: the most talkers at once that a system held."""
    found: dict[str, dict[str, int]] = {}
    for entry in points:
        systems = found.setdefault(entry["set"], {})
        held = entry["talkers"] if entry.get("sustained") else 0
        systems[entry["system"]] = max(held, systems.get(entry["system"], 0))
    return found


def series(points: list[Content], tracks: str) -> Iterator[tuple[str, list[Content]]]:
    """The points of each system on a set, by the number of talkers; failures left out."""
    names = dict.fromkeys(entry["system"] for entry in points if entry["set"] == tracks)
    for name in names:
        mine = [it for it in points if it["set"] == tracks and it["system"] == name]
        yield (
            name,
            sorted((it for it in mine if not it.get("failed")), key=lambda it: it["talkers"]),
        )
