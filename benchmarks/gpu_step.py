"""The figures of so many people talking, put together from what each process saw."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from figures import CAPACITY_DISPLAYED_P50, CAPACITY_FINALISED_P95
from gpu_device import Gauge
from gpu_load import Seen
from gpu_timing import STAGES


@dataclass(frozen=True, slots=True)
class Step:
    """What a number of speakers got."""

    tracks: int
    seconds: float
    """Watched, after the start; less when it was given up."""
    given_up: bool
    displayed_p50: float
    displayed_p90: float
    finalised_p50: float
    finalised_p95: float
    words: int
    finals: int
    unseen: int
    """Words and finals that had not come at the end though they were late: counted by their age."""
    hop_p50: float
    """Seconds of new audio between interims, as it turned out."""
    failures: dict[str, int]
    rows_per_second: float
    batch_rows: dict[str, float]
    """Rows in the batch that a row meets on average, by stage."""
    shares: dict[str, float]
    """Of the workers' time: each stage, the rest of the engine (``host``), and ``idle``."""
    loop_busy: float
    """CPU of the busiest event loop's thread, which holds the sessions, by the clock."""
    process_cpu: float
    """CPU of all processes, by the clock."""
    loop_late_p99: float
    gpu: Gauge | None

    @property
    def holds(self) -> bool:
        """Whether the rule for capacity holds, the same as in `live.py`."""
        return (
            not self.given_up
            and not self.failures
            and self.displayed_p50 <= CAPACITY_DISPLAYED_P50
            and self.finalised_p95 <= CAPACITY_FINALISED_P95
        )

    def to_json(self) -> dict[str, object]:
        """Plain values for ``json.dumps``."""
        return {"holds": self.holds} | {name: _plain(value) for name, value in asdict(self).items()}


def step_of(seen: Sequence[Seen], *, tracks: int, gpu: Gauge | None) -> Step:
    """Put together what the processes saw."""
    displayed = [late for each in seen for late in each.tally.displayed]
    finalised = [late for each in seen for late in each.tally.finalised]
    wall = max(each.after.wall - each.before.wall for each in seen)
    rows = {
        stage: [call.rows for each in seen for call in each.calls if call.stage == stage]
        for stage in (*STAGES, "decode")
    }
    return Step(
        tracks=tracks,
        seconds=wall,
        given_up=any(each.given_up for each in seen),
        displayed_p50=_percentile(displayed, 50),
        displayed_p90=_percentile(displayed, 90),
        finalised_p50=_percentile(finalised, 50),
        finalised_p95=_percentile(finalised, 95),
        words=len(displayed),
        finals=len(finalised),
        unseen=sum(each.tally.unseen for each in seen),
        hop_p50=_percentile([hop for each in seen for hop in each.tally.hops], 50),
        failures=dict(sum((each.tally.failures for each in seen), Counter[str]())),
        rows_per_second=sum(rows["decode"]) / max(wall, 1e-9),
        batch_rows={stage: mean_met(rows[stage]) for stage in STAGES},
        shares=_shares(seen),
        loop_busy=max((each.after.loop_cpu - each.before.loop_cpu) / _wall(each) for each in seen),
        process_cpu=sum(
            (each.after.process_cpu - each.before.process_cpu) / _wall(each) for each in seen
        ),
        loop_late_p99=_percentile([late for each in seen for late in each.tally.lateness], 99),
        gpu=gpu,
    )


def _wall(seen: Seen) -> float:
    return max(seen.after.wall - seen.before.wall, 1e-9)


def _shares(seen: Sequence[Seen]) -> dict[str, float]:
    time = sum(_wall(each) * each.workers for each in seen)
    spent = dict.fromkeys((*STAGES, "decode"), 0.0)
    for each in seen:
        for call in each.calls:
            spent[call.stage] += call.seconds / time
    # A batch that had not ended when the watch did has stages, but is no decode yet.
    decode = max(spent.pop("decode"), sum(spent.values()))
    return spent | {"host": decode - sum(spent.values()), "idle": max(0.0, 1 - decode)}


def mean_met(rows: Sequence[int]) -> float:
    """The size of the batch that a row meets on average."""
    return sum(count * count for count in rows) / sum(rows) if rows else math.nan


def _percentile(values: Sequence[float], percentile: float) -> float:
    return float(np.percentile(values, percentile)) if values else math.nan


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value
