"""Which windows are decoded together. Pure: the same windows always make the same batches.

A batch needs windows of one length, and a row costs its length: so windows wait until enough of
their length are there, and those that are left over are put together by length, the shorter ones
padded with silence. Nothing here knows how many workers there are or how fast they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from captioner.errors import ConfigError

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PackingSettings:
    """How large batches are."""

    rows: int = 8
    """Of a batch: more gain nothing on CPU, and fall out of its cache."""
    waiting: int = 32
    """Windows that may wait for others of their length: each holds about a megabyte."""

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= self.waiting:
            raise ConfigError(
                f"rows must be 1 to {self.waiting} (those that may wait), got {self.rows}"
            )


@dataclass(frozen=True, slots=True)
class Pack(Generic[Item]):
    """What is decoded together."""

    items: tuple[Item, ...]
    """The longest first, then in the order in which they came; never empty."""
    length: int
    """Of the longest of them; the others are padded to it."""


class Packer(Generic[Item]):
    """Packs items that have a length, as they come."""

    def __init__(self, settings: PackingSettings) -> None:
        self._settings = settings
        self._waiting: list[tuple[int, Item]] = []

    def push(self, item: Item, length: int) -> list[Pack[Item]]:
        """Take an item; return the batches that are complete."""
        self._waiting.append((length, item))
        alike = [entry for entry in self._waiting if entry[0] == length]
        if len(alike) == self._settings.rows:
            self._waiting = [entry for entry in self._waiting if entry[0] != length]
            return [_pack(alike)]
        if len(self._waiting) > self._settings.waiting:
            first, *others = self._shares()
            self._waiting = [entry for share in others for entry in share]
            return [_pack(first)]
        return []

    def flush(self) -> list[Pack[Item]]:
        """No more will come for now; return the batches of what is left, the longest first."""
        packs = [_pack(share) for share in self._shares()]
        self._waiting.clear()
        return packs

    def _shares(self) -> list[list[tuple[int, Item]]]:
        """What waits, by length, in an even number of batches of about the same size.

        At the end of a recording, or with one that is short, two workers then end together; one
        more batch costs less than a worker that waits.
        """
        entries = sorted(self._waiting, key=lambda entry: -entry[0])  # stable: then as they came
        pairs = -(-len(entries) // (2 * self._settings.rows))
        count = min(2 * pairs, len(entries))
        edges = [len(entries) * number // max(count, 1) for number in range(count + 1)]
        return [entries[begin:end] for begin, end in pairwise(edges)]


def _pack(entries: Sequence[tuple[int, Item]]) -> Pack[Item]:
    return Pack(tuple(item for _, item in entries), max(length for length, _ in entries))
