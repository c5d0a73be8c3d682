"""The captions of one room as its followers read them. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from captioner.rooms.captions import CaptionKey, RoomCaption
from captioner.rooms.position import Position


@dataclass(frozen=True, slots=True)
class Kept:
    """A final in the history."""

    sequence: int
    at: float
    """When it was published, seconds since 1970."""
    said: RoomCaption


@dataclass(frozen=True, slots=True)
class Showing:
    """The latest interim of a caption."""

    version: int
    """Grows with each interim of the room."""
    said: RoomCaption


class RoomLog:
    """Finals in order, and the latest interim of each caption that has no final yet.

    Finals are counted from the beginning of the epoch: the count of one is its ordinal, whether or
    not those before it are still kept.
    """

    def __init__(self) -> None:
        self.epoch = ""
        """Empty: there is no such room now."""
        self.incarnation = 0
        """Grows whenever the log begins anew."""
        self.ended = False
        self.dropped = 0
        """Finals of the epoch that are no longer kept: the ordinal of the first that is."""
        self.floor = 0
        """The sequence before the first final that is kept."""
        self.last = 0
        """The sequence of the last final; `floor` when none is kept."""
        self.version = 0
        """Of the latest interim."""
        self._kept: list[Kept] = []
        self._showing: dict[CaptionKey, Showing] = {}  # by version
        self._finals: dict[str, int] = {}  # the last caption of each session that is final

    def __len__(self) -> int:
        """How many finals are kept."""
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        """The finals that are kept."""
        return iter(self._kept)

    @property
    def end(self) -> int:
        """The ordinal of the next final."""
        return self.dropped + len(self._kept)

    @property
    def interims(self) -> tuple[RoomCaption, ...]:
        """What is shown now, least recently changed first."""
        return tuple(showing.said for showing in self._showing.values())

    # --- writing

    def begin(self, epoch: str, *, floor: int = 0) -> None:
        """Start afresh; what was kept is forgotten, but not which captions are final.

        Args:
            epoch: empty: the room is gone.
            floor: the sequence of the last final that is not kept any more.
        """
        self.epoch, self.ended = epoch, False
        self.incarnation += 1
        self.dropped, self.floor, self.last = 0, floor, floor
        self._kept = []
        self._showing.clear()

    def forget_all_but(self, sessions: Collection[str]) -> None:
        """Forget which captions of other sessions are final."""
        self._finals = {name: last for name, last in self._finals.items() if name in sessions}

    def append(self, sequence: int, said: RoomCaption, *, at: float) -> None:
        """Keep a final; its interim is gone.

        Raises:
            ValueError: the sequence does not grow.
        """
        if sequence <= self.last:
            raise ValueError(f"a final came with sequence {sequence} after {self.last}")
        self._kept.append(Kept(sequence, at, said))
        self.last = sequence
        self._showing.pop(said.key, None)
        self._finals[said.speaker.session] = said.caption.id

    def show(self, said: RoomCaption) -> None:
        """Show an interim in place of the one before; nothing when its final was there already."""
        if self.is_final(said.key):
            return
        self.version += 1
        self._showing.pop(said.key, None)
        self._showing[said.key] = Showing(self.version, said)

    def retract(self, session: str) -> None:
        """Show no interim of a session any more."""
        for key in [key for key in self._showing if key.session == session]:
            del self._showing[key]

    def hide(self) -> None:
        """Show no interim any more."""
        self._showing.clear()

    def trim(self, size: int, *, before: float) -> None:
        """Drop the oldest finals: beyond `size`, or published before a time."""
        count = max(0, len(self._kept) - size)
        while count < len(self._kept) and self._kept[count].at < before:
            count += 1
        if count:
            self.floor = self._kept[count - 1].sequence
            self.dropped += count
            del self._kept[:count]

    # --- reading

    def is_final(self, key: CaptionKey) -> bool:
        """Whether the caption has a final, which later ones of its session imply."""
        return key.caption <= self._finals.get(key.session, 0)

    def locate(self, after: Position) -> int | None:
        """The ordinal of the final after a position; None when the history does not hold it."""
        if after.epoch != self.epoch or after.sequence < self.floor:
            return None
        if after.sequence == self.floor:
            return self.dropped
        index = bisect_right(self._kept, after.sequence, key=_sequence)
        known = index > 0 and self._kept[index - 1].sequence == after.sequence
        return self.dropped + index if known else None

    def final(self, ordinal: int) -> Kept | None:
        """The final with this ordinal, at least `dropped`; None when it is still to come."""
        return self._kept[ordinal - self.dropped] if ordinal < self.end else None

    def shows(self, key: CaptionKey) -> bool:
        """Whether the caption has an interim now."""
        return key in self._showing

    def interim_after(self, version: int) -> Showing | None:
        """The least recent of the interims that are newer than `version`."""
        found = None
        for showing in reversed(self._showing.values()):
            if showing.version <= version:
                break
            found = showing
        return found


def _sequence(kept: Kept) -> int:
    return kept.sequence
