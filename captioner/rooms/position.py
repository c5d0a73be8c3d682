"""A place in the captions of a room."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from captioner.errors import InvalidRequest

MAX_NAME = 128  # characters of a room's name
_WRITTEN = re.compile(r"([0-9a-z]{1,32})-([0-9]{1,16})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a follower has got to: it has everything up to here."""

    epoch: str
    """Changes when the room starts afresh; positions of different epochs do not compare."""
    sequence: int
    """Grows from final to final, not always by 1; 0 is before the first."""

    def __str__(self) -> str:
        """As it goes over the wire, where nobody should look into it."""
        return f"{self.epoch}-{self.sequence}"

    @classmethod
    def parse(cls, text: str, *, field: str = "after") -> Self:
        """Read a position that somebody sent.

        Raises:
            InvalidRequest: it is not one; `field` is named in the violation.
        """
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise InvalidRequest(
                f"{field} is not a position of a room: expected one that was received",
                field=field,
            )
        return cls(written[1], int(written[2]))


def check_room_name(name: str, *, field: str = "room") -> str:
    """A room's name, as it is.

    Raises:
        InvalidRequest: it is empty or too long.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidRequest(
            f"{field} has {len(name)} characters, expected 1 to {MAX_NAME}", field=field
        )
    return name
