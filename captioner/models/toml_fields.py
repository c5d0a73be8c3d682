"""Reading a TOML table field by field, so that a wrong one is named with where it stands."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping

from captioner.errors import ModelError


class Fields:
    """One table of a TOML document; remembers which keys were read.

    Every method raises ModelError when the field is missing or not what is asked for.
    """

    def __init__(self, table: Mapping[str, object], origin: str) -> None:
        self._table = table
        self._origin = origin
        self._read: set[str] = set()

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        """A text that is not empty and matches the whole pattern."""
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            raise self._wrong(key, "a text that is not empty", value)
        if pattern is not None and not pattern.fullmatch(value):
            raise self._wrong(key, f"a text like {pattern.pattern}", value)
        return value

    def texts(self, key: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        """A list of at least one text, each matching the pattern, none twice."""
        value = self._get(key)
        if not isinstance(value, list) or not value:
            raise self._wrong(key, "a list that is not empty", value)
        for entry in value:
            if not isinstance(entry, str) or not pattern.fullmatch(entry):
                raise self._wrong(key, f"texts like {pattern.pattern}", entry)
        if len(set(value)) != len(value):
            raise self._wrong(key, "each text once", value)
        return tuple(value)

    def integer(self, key: str, allowed: Container[int]) -> int:
        """An integer out of ``allowed``."""
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value not in allowed:
            raise self._wrong(key, f"an integer out of {allowed}", value)
        return value

    def number(self, key: str, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        value = self._get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._wrong(key, "a number", value)
        if not low <= value <= high:
            raise self._wrong(key, f"a number from {low:g} to {high:g}", value)
        return float(value)

    def boolean(self, key: str) -> bool:
        """True or false."""
        value = self._get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def table(self, key: str) -> Fields:
        """A table inside this one."""
        return self._fields(key, self._get(key))

    def tables(self, key: str, pattern: re.Pattern[str]) -> Iterator[tuple[str, Fields]]:
        """The entries of a table of tables, at least one, whose keys match the pattern."""
        value = self._get(key)
        if not isinstance(value, dict) or not value:
            raise self._wrong(key, "a table that is not empty", value)
        for name, entry in value.items():
            if not pattern.fullmatch(name):
                raise self._wrong(key, f"names like {pattern.pattern}", name)
            yield name, self._fields(f"{key}.{name}", entry)

    def table_list(self, key: str) -> Iterator[Fields]:
        """The tables of a list, which may be absent."""
        if key not in self._table:
            return
        value = self._get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list of tables", value)
        for index, entry in enumerate(value):
            yield self._fields(f"{key}[{index}]", entry)

    def text_map(self, key: str) -> dict[str, str]:
        """A table of texts, at least one."""
        value = self._get(key)
        if not isinstance(value, dict) or not value:
            raise self._wrong(key, "a table that is not empty", value)
        for entry in value.values():
            if not isinstance(entry, str):
                raise self._wrong(key, "a table of texts", entry)
        return dict(value)

    def refuse_unknown(self) -> None:
        """Raise ModelError when the table holds a key that was never read."""
        unknown = sorted(set(self._table) - self._read)
        if unknown:
            raise ModelError(f"{self._origin}: unknown field {', '.join(unknown)}")

    def _get(self, key: str) -> object:
        self._read.add(key)
        if key not in self._table:
            raise ModelError(f"{self._origin}: field {key!r} is missing")
        return self._table[key]

    def _fields(self, key: str, value: object) -> Fields:
        if not isinstance(value, dict):
            raise self._wrong(key, "a table", value)
        return Fields(value, f"{self._origin}, {key}")

    def _wrong(self, key: str, wanted: str, value: object) -> ModelError:
        return ModelError(f"{self._origin}: {key!r} must be {wanted}, is {value!r}")
