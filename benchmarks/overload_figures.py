"""The figures of a crowd: over time, before and beyond capacity, and what was refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from crowd import Look, Member
from figures import CAPACITY_FINALISED_P95, Losses, count_losses, final_text
from timeline import Moment, Timeline, percentile, trace, within

from captioner.evaluation.edits import EditCounts

BUCKET = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time: a bucket or a phase. Times in seconds, NaN where there is no figure."""

    name: str
    start: float
    """After the origin."""
    end: float
    admitted: int
    """Tracks that were in at the end of it."""
    refusals: int
    interval_p50: float
    """Between two interims of one utterance."""
    displayed_p50: float
    displayed_p90: float
    finalised_p50: float
    finalised_p95: float
    words_lost: int
    """In a row: not just misheard."""
    largest_lag: float
    """As ``progress`` told."""
    load: float
    """Busy worker-seconds a second, mean of what the server said."""
    backlog: float
    """Seconds that the oldest live request had waited, mean of what the server said."""

    @property
    def finals_on_time(self) -> bool:
        """Whether the rule holds; also when there was no final."""
        return not self.finalised_p95 > CAPACITY_FINALISED_P95

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {name: _plain(value) for name, value in asdict(self).items()} | {
            "finals_on_time": self.finals_on_time
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """All there is to say of a crowd."""

    buckets: tuple[Stretch, ...]
    phases: tuple[Stretch, ...]
    losses: Losses
    """Of the tracks that were taken: refusals are counted apart."""
    words: EditCounts
    never_final: int
    """Words that were shown last without ever being final."""
    tail: int
    """Words at the ends of tracks that have no counterpart in the last text."""
    cpu_share: float
    """CPU seconds of the server a second."""
    members: tuple[Member, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``."""
        return {
            "phases": [phase.to_json() for phase in self.phases],
            "buckets": [bucket.to_json() for bucket in self.buckets],
            "admitted": sum(member.joined is not None for member in self.members),
            "refused": refused(self.members),
            "losses": asdict(self.losses),
            "word_errors": round(self.words.rate, 4) if self.words.reference else None,
            "never_final": self.never_final,
            "tail": self.tail,
            "cpu_share": _plain(self.cpu_share),
            "members": [_member_json(member) for member in self.members],
        }


def measure_crowd(
    members: Sequence[Member],
    looks: Sequence[Look],
    *,
    until: float,
    turn: float | None,
    cpu_share: float = math.nan,
) -> Figures:
    """Measure what a crowd saw.

    Args:
        members: of the crowd.
        looks: what the server told of itself.
        until: the end of the talk.
        turn: when the load went beyond capacity; None: it never did.
        cpu_share: CPU seconds of the server a second.
    """
    taken = [(member, member.log) for member in members if member.log is not None]
    lines = [
        trace(log.displays, log.take.words).shifted(member.joined or 0.0) for member, log in taken
    ]
    logs = [log for _, log in taken]
    seen = _Seen(members, lines, looks)
    count = max(1, math.ceil(until / BUCKET))
    turn = until if turn is None else turn
    pending = [log.displays[-1] for log in logs if log.displays]
    return Figures(
        buckets=tuple(
            seen.between("", BUCKET * index, min(until, BUCKET * (index + 1)))
            for index in range(count)
        ),
        phases=tuple(
            seen.between(name, start, end)
            for name, start, end in (("before", 0.0, turn), ("beyond", turn, until))
            if end > start
        ),
        losses=count_losses(logs),
        words=sum((line.words for line in lines), start=EditCounts(0, 0, 0, 0)),
        never_final=sum(len(display.words) - display.final for display in pending),
        tail=sum(line.tail for line in lines),
        cpu_share=cpu_share,
        members=tuple(members),
    )


class _Seen:
    def __init__(
        self, members: Sequence[Member], lines: Sequence[Timeline], looks: Sequence[Look]
    ) -> None:
        self._members = members
        self._lines = lines
        self._looks = looks
        self._lags = [
            Moment(member.joined + at, lag)
            for member in members
            if member.joined is not None and member.log is not None
            for at, lag in member.log.lags
        ]

    def between(self, name: str, start: float, end: float) -> Stretch:
        """The figures of what was said in [start, end)."""
        displayed = self._all("displayed", start, end)
        finalised = self._all("finalised", start, end)
        lost = (at for line in self._lines for at in line.lost)
        refusals = (refusal.at for member in self._members for refusal in member.refusals)
        return Stretch(
            name=name,
            start=start,
            end=end,
            admitted=sum(m.joined is not None and m.joined < end for m in self._members),
            refusals=_count(refusals, start, end),
            interval_p50=percentile(self._all("intervals", start, end), 50),
            displayed_p50=percentile(displayed, 50),
            displayed_p90=percentile(displayed, 90),
            finalised_p50=percentile(finalised, 50),
            finalised_p95=percentile(finalised, 95),
            words_lost=_count(lost, start, end),
            largest_lag=max(within(self._lags, start, end), default=math.nan),
            load=self._told("decode_load", start, end),
            backlog=self._told("decode_backlog_seconds", start, end),
        )

    def _all(self, name: str, start: float, end: float) -> list[float]:
        return [value for line in self._lines for value in within(getattr(line, name), start, end)]

    def _told(self, gauge: str, start: float, end: float) -> float:
        values = [
            look.gauges[gauge]
            for look in self._looks
            if start <= look.at < end and gauge in look.gauges
        ]
        return sum(values) / len(values) if values else math.nan


def _count(moments: Iterable[float], start: float, end: float) -> int:
    return sum(start <= at < end for at in moments)


def turning_point(members: Sequence[Member], *, capacity: int) -> float | None:
    """When one more was let in than the capacity, or the first one was refused."""
    joined = sorted(member.joined for member in members if member.joined is not None)
    refused_at = [member.refusals[0].at for member in members if member.refusals]
    return min([*joined[capacity : capacity + 1], *refused_at], default=None)


def refused(members: Sequence[Member]) -> dict[str, Any]:
    """Who was refused, how, and what became of them."""
    refusals = [refusal for member in members for refusal in member.refusals]
    turned_away = [member for member in members if member.refusals]
    got_in = [
        member.joined - member.visit.asks for member in turned_away if member.joined is not None
    ]
    return {
        "tracks": len(turned_away),
        "attempts": len(refusals),
        "by_status": dict(Counter(refusal.status for refusal in refusals)),
        "retry_after": sorted({round(refusal.retry_after, 2) for refusal in refusals}),
        "reasons": [refusal.text for refusal in refusals[:3]],
        "got_in_later": len(got_in),
        "seconds_until_in": [round(waited, 1) for waited in sorted(got_in)],
    }


def _member_json(member: Member) -> dict[str, Any]:
    log = member.log
    return {
        "asked": round(member.visit.asks, 2),
        "joined": None if member.joined is None else round(member.joined, 2),
        "refusals": [round(refusal.at, 2) for refusal in member.refusals],
        "take": log.take.name if log else None,
        "problem": log.problem if log else "",
        "ended": bool(log and log.ended),
        "largest_lag": round(log.largest_lag, 2) if log else None,
        "text": final_text(log) if log else "",
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - a figure, of any kind
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else round(value, 3)
