from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from crowd import Look, Member, Refusal, Visit, after_silence, play_crowd
from overload import Plan, main
from overload_display import overload_tables, plot_overload
from overload_figures import Figures, measure_crowd, refused, turning_point
from recordings import Take
from rich.console import Console
from rpc_fakes import EchoService, client_of, spoken
from tracks import TrackLog

from captioner.clock import SystemClock
from captioner.errors import ResourceExhausted
from captioner.evaluation.display import Display
from captioner.evaluation.truth import TimedWord

WORDS = (TimedWord("bonjour", 0.5, 1.0), TimedWord("tous", 1.5, 2.0))
TAKE = Take("prise", bytes(2 * 16_000 * 3), WORDS)


def member(joined: float | None, *, shown: float = 0.25, refused_at: float | None = None) -> Member:
    """Somebody who says "bonjour" and "tous", each shown, and final, so long after."""
    displays = [
        Display(1.0 + shown, ("bonjour",), 0, 0),
        Display(2.0 + shown, ("bonjour", "tous"), 2, 2),
    ]
    log = TrackLog(TAKE, displays=displays, ended=True, lags=[(1.0, shown)])
    refusals = (
        [] if refused_at is None else [Refusal(refused_at, "RESOURCE_EXHAUSTED", 5.0, "full")]
    )
    return Member(Visit(0.0, 0.0, 20.0), refusals, joined, None if joined is None else log)


def figures(*members: Member, turn: float | None = None) -> Figures:
    looks = [Look(0.5, {"decode_load": 1.0}), Look(10.5, {"decode_load": 2.0})]
    return measure_crowd(members, looks, until=20.0, turn=turn)


def test_what_was_said_counts_where_it_was_said() -> None:
    found = figures(member(0.0), member(11.0, shown=3.0), turn=10.0)
    first, second = found.buckets
    assert (first.admitted, second.admitted) == (1, 2)
    assert first.displayed_p50 == pytest.approx(0.25)
    assert second.finalised_p95 == pytest.approx(3.0)
    assert second.largest_lag == 3.0
    assert (first.load, second.load) == (1.0, 2.0)
    before, beyond = found.phases
    assert before.finals_on_time
    assert not beyond.finals_on_time
    assert (before.name, beyond.name) == ("before", "beyond")


def test_a_crowd_that_never_was_too_many_has_one_phase() -> None:
    assert [phase.name for phase in figures(member(0.0)).phases] == ["before"]


def test_the_load_is_too_much_with_one_more_than_the_capacity_or_the_first_refusal() -> None:
    crowd = [member(0.0), member(4.0), member(8.0)]
    assert turning_point(crowd, capacity=2) == 8.0
    assert turning_point(crowd, capacity=3) is None
    assert turning_point([*crowd, member(None, refused_at=6.0)], capacity=2) == 6.0


def test_who_was_refused_and_let_in_later_is_told() -> None:
    crowd = [member(0.0), member(5.5, refused_at=0.1), member(None, refused_at=0.2)]
    told = refused(crowd)
    assert told["tracks"] == 2
    assert told["by_status"] == {"RESOURCE_EXHAUSTED": 2}
    assert told["retry_after"] == [5.0]
    assert told["seconds_until_in"] == [5.5]


def test_words_that_never_became_final_are_counted() -> None:
    late = member(0.0)
    assert late.log is not None
    late.log.displays[-1] = Display(2.5, ("bonjour", "tous"), 1, 1)
    assert figures(late).never_final == 1


def test_the_tables_say_what_the_figures_do_and_the_plot_is_drawn(tmp_path: Path) -> None:
    found = figures(member(0.0), member(11.0, shown=3.0, refused_at=6.0), turn=6.0)
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        for table in overload_tables(found):
            console.print(table)
    text = capture.get()
    assert "3.00 !" in text
    assert "1 x RESOURCE_EXHAUSTED" in text
    assert "5 s" in text
    plot_overload(tmp_path / "plot.png", found)
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_figures_without_a_value_are_null_in_the_result_file() -> None:
    content = figures(member(None, refused_at=1.0)).to_json()
    assert content["buckets"][0]["displayed_p50"] is None
    assert json.dumps(content, allow_nan=False)


def test_a_take_after_silence_is_the_same_later() -> None:
    later = after_silence(TAKE, 1.5)
    assert later.seconds == TAKE.seconds + 1.5
    assert later.words[0].end == 2.5
    assert later.audio[:48_000] == bytes(48_000)


def test_silent_tracks_are_all_in_before_the_first_one_talks() -> None:
    plan = Plan("monologues", 24, 4.0, 60.0, math.inf, 12, True, False, 0.0)
    visits = plan.visits()
    assert max(visit.asks for visit in visits) < min(visit.talks for visit in visits)
    assert min(visit.ends for visit in visits) == plan.until
    assert len({visit.ends for visit in visits}) == 24  # not all at the same moment


class Full(EchoService):
    """Refuses the first session that comes."""

    async def open(self, config: Any) -> Any:
        if self.open_error is not None:
            error, self.open_error = self.open_error, None
            raise error
        return await super().open(config)


async def test_a_track_that_is_refused_comes_back_after_the_delay_it_was_told() -> None:
    take = Take("prise", spoken(*range(1, 61)), ())
    async with Full() as service, client_of(service) as client:
        service.open_error = ResourceExhausted("the replica is full", retry_after=0.25)
        clock = SystemClock()
        [found] = await play_crowd(
            client, [take], [Visit(0.0, 0.0, 3.6)], origin=clock.monotonic(), clock=clock
        )
    [refusal] = found.refusals
    assert (refusal.status, refusal.retry_after) == ("RESOURCE_EXHAUSTED", 0.25)
    assert found.joined is not None
    assert found.joined >= refusal.at + 0.25
    assert found.log is not None
    assert found.log.ended
    assert found.log.finals


async def test_a_track_that_would_have_no_time_to_talk_does_not_come() -> None:
    async with EchoService() as service, client_of(service) as client:
        clock = SystemClock()
        [found] = await play_crowd(
            client, [TAKE], [Visit(0.0, 0.0, 1.0)], origin=clock.monotonic(), clock=clock
        )
    assert found.joined is None
    assert not math.isnan(found.visit.asks)


@pytest.mark.slow
def test_a_crowd_before_a_server_that_computes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "overload.json"
    options = ["--scripted", "--models-dir", str(tmp_path), "--output", str(target)]
    options += ["--tracks", "3", "--every", "1.5", "--duration", "7", "--max-sessions", "1"]
    options += ["--stay", "3"]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 0, result.output
    content = json.loads(target.read_text(encoding="utf-8"))
    assert content["refused"]["tracks"] == 2
    assert content["refused"]["by_status"] == {"RESOURCE_EXHAUSTED": 3}
    [waited] = content["refused"]["seconds_until_in"]  # the other comes when it is over
    assert waited >= 5
    assert content["refused"]["retry_after"] == [5.0]
    assert sum(content["losses"].values()) == 0
    assert [phase["name"] for phase in content["phases"]] == ["before", "beyond"]
    assert target.with_suffix(".png").exists()
