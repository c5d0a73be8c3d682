"""A room's log in this process, kept as Redis has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from redis.asyncio import Redis

from captioner.rooms.log import RoomLog
from captioner.rooms.records import read_caption

PIECE = 200  # entries read at once: a long history does not hold up the event loop
BLOCK = 2000  # milliseconds for which Redis keeps a read waiting
BEGINNING = "0-0"

_Fields: TypeAlias = dict[str, str]
_Entry: TypeAlias = tuple[str, _Fields]


class Meta(NamedTuple):
    """What Redis says of a room as a whole."""

    epoch: str
    """Empty: there is no such room."""
    last: int
    since: float
    ended: float | None


class Diverged(Exception):
    """The log is not what Redis has: bring it up to date."""


class RoomReader:
    """Reads one room into a log; nobody else writes that log."""

    def __init__(self, redis: Redis, keys: Sequence[str], log: RoomLog) -> None:
        self._redis = redis
        self._meta_key, self._finals_key, self._live_key = keys[:3]
        self._log = log
        self._live_id = BEGINNING

    async def synchronise(self) -> Meta:
        """Bring the log up to date, whatever it was before.

        A log that still agrees with Redis goes on; otherwise it begins anew, which its followers
        are told.
        """
        while True:
            live_id = await self._newest_live()
            meta = await self.meta()
            self._adopt(meta)
            try:
                await self._read_finals(meta)
            except Diverged:
                self._log.begin(meta.epoch)
                continue
            await self._read_interims(meta, until=live_id)
            return meta

    async def follow(self) -> bool:
        """Wait for something new and take it in; tell whether there was anything.

        Raises:
            Diverged: the log is not what Redis has.
        """
        finals_id = f"{self._log.last}-0"
        streams: Any = {self._finals_key: finals_id, self._live_key: self._live_id}
        answer: Any = await self._redis.xread(streams, count=PIECE, block=BLOCK)
        if not answer:
            await self._check()
            return False
        entries: dict[str, list[_Entry]] = dict(answer)
        finals = entries.get(self._finals_key, [])
        for entry in finals:
            self._take_final(entry)
        if len(finals) < PIECE:  # else what is live now comes after finals still to be read
            for entry in entries.get(self._live_key, []):
                self._take_live(entry)
        return True

    async def meta(self) -> Meta:
        """Read what Redis says of the room as a whole."""
        fields = ["epoch", "last", "since", "ended"]
        epoch, last, since, ended = await cast("Any", self._redis.hmget(self._meta_key, fields))
        return Meta(epoch or "", int(last or 0), float(since or 0), float(ended) if ended else None)

    def _adopt(self, meta: Meta) -> None:
        """Begin anew when the room did, or when Redis lost what the log has."""
        if meta.epoch != self._log.epoch or meta.last < self._log.last:
            self._log.begin(meta.epoch)
        self._log.ended = meta.ended is not None

    async def _newest_live(self) -> str:
        newest: Any = await self._redis.xrevrange(self._live_key, count=1)
        return str(newest[0][0]) if newest else BEGINNING

    async def _read_finals(self, meta: Meta) -> None:
        while True:
            first = f"({self._log.last}-0"
            entries: Any = await self._redis.xrange(self._finals_key, min=first, count=PIECE)
            for entry in entries:
                self._take_final(entry)
            if len(entries) < PIECE:
                break
        if self._log.last < meta.last:  # what came since is no longer kept
            self._log.begin(meta.epoch, floor=meta.last)
            self._log.ended = meta.ended is not None

    async def _read_interims(self, meta: Meta, *, until: str) -> None:
        entries: Any = await self._redis.xrange(self._live_key, max=until)
        self._log.hide()
        for entry in entries:
            if entry[1]["e"] == meta.epoch:
                self._take_live(entry)
        self._live_id = until

    async def _check(self) -> None:
        meta = await self.meta()
        log = self._log
        known = log.epoch, log.last, log.ended
        if (meta.epoch, meta.last, meta.ended is not None) != known:
            raise Diverged

    def _take_final(self, entry: _Entry) -> None:
        identifier, fields = entry
        log = self._log
        before = int(fields["p"])
        if fields["e"] != log.epoch:
            raise Diverged
        if before != log.last:
            if len(log) or log.last:
                raise Diverged
            ended = log.ended
            log.begin(log.epoch, floor=before)
            log.ended = ended
        sequence = int(identifier.partition("-")[0])
        log.append(sequence, read_caption(fields["c"]), at=float(fields["a"]))

    def _take_live(self, entry: _Entry) -> None:
        self._live_id, fields = entry
        if fields["e"] != self._log.epoch:
            raise Diverged
        match fields["k"]:
            case "interim":
                self._log.show(read_caption(fields["c"]))
            case "left":
                self._log.retract(fields["c"])
            case "ended":
                self._log.ended = True
            case _:  # the beginning of the epoch
                pass
