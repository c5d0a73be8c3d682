"""Where one follower is in the captions of a room, and what it is told next. Pure."""

from __future__ import annotations

from captioner.rooms.captions import (
    CaptionKey,
    CaughtUp,
    Delivered,
    Reset,
    ResetReason,
    Retracted,
    RoomEnded,
    RoomEvent,
)
from captioner.rooms.log import RoomLog
from captioner.rooms.position import Position


class Cursor:
    """What a follower has, against what there is: bounded by the captions open at once."""

    def __init__(self, log: RoomLog, after: Position | None, *, interims: bool = True) -> None:
        """Begin after a position; None: with everything that is kept."""
        self.over = False
        """Whether the follower was told that the room has ended."""
        self._log = log
        self._interims = interims
        self._shown: dict[CaptionKey, None] = {}  # interims told and not replaced yet
        self._reset: ResetReason | None = None
        self._told = after is not None  # whether the follower has anything to forget
        self._caught_up = False
        ordinal = None if after is None else log.locate(after)
        if after is not None and ordinal is None:
            same = after.epoch == log.epoch
            self._reset = ResetReason.TRUNCATED if same else ResetReason.EPOCH
        self._begin(log.dropped if ordinal is None else ordinal)
        if after is not None and ordinal is not None:
            self._sequence = after.sequence

    def _begin(self, ordinal: int) -> None:
        self._incarnation = self._log.incarnation
        self._ordinal = ordinal
        self._sequence = self._log.floor
        self._version = 0
        self._target = self._log.version  # with which the follower has caught up
        self._shown.clear()

    @property
    def position(self) -> Position | None:
        """Where to go on from; None while the room is not there."""
        return Position(self._log.epoch, self._sequence) if self._log.epoch else None

    def next(self) -> RoomEvent | None:
        """What the follower is told now; None: nothing, until the log changes."""
        if self.over:
            return None
        self._check_place()
        if self._reset is not None:
            reason, self._reset = self._reset, None
            self._told = self._caught_up = False
            return Reset(reason)
        if not self._log.epoch:
            return self._arrival()
        return self._final() or self._retraction() or self._interim() or self._end()

    def _check_place(self) -> None:
        """Start afresh when the place of the cursor is gone."""
        if self._incarnation != self._log.incarnation:
            reason = ResetReason.EPOCH
        elif self._ordinal < self._log.dropped:
            reason = ResetReason.TRUNCATED
        else:
            return
        self._begin(self._log.dropped)
        if self._told and self._reset is None:
            self._reset = reason

    def _final(self) -> RoomEvent | None:
        kept = self._log.final(self._ordinal)
        if kept is None:
            return None
        self._ordinal += 1
        self._sequence = kept.sequence
        self._shown.pop(kept.said.key, None)
        self._told = True
        return Delivered(Position(self._log.epoch, kept.sequence), kept.said)

    def _retraction(self) -> RoomEvent | None:
        for key in self._shown:
            if not self._log.shows(key):
                del self._shown[key]
                return Retracted(Position(self._log.epoch, self._sequence), key)
        return None

    def _interim(self) -> RoomEvent | None:
        """The next interim; before the first that is newer than the beginning: `CaughtUp`."""
        showing = self._log.interim_after(self._version) if self._interims else None
        if showing is None or showing.version > self._target:
            if arrival := self._arrival():
                return arrival
            if showing is None:
                return None
        self._version = showing.version
        self._shown[showing.said.key] = None
        self._told = True
        return Delivered(Position(self._log.epoch, self._sequence), showing.said)

    def _arrival(self) -> RoomEvent | None:
        if self._caught_up:
            return None
        self._caught_up = True
        return CaughtUp(self.position)

    def _end(self) -> RoomEvent | None:
        if not self._log.ended:
            return None
        self.over = True
        return RoomEnded(Position(self._log.epoch, self._sequence))
