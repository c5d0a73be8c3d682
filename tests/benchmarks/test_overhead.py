from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from meter import Reading
from overhead import (
    Interval,
    Overhead,
    Portrait,
    Scenario,
    Spent,
    figures_of,
    main,
    overhead_table,
    profile_table,
    spent,
)
from rich.console import Console
from rich.table import Table
from rpc_fakes import EchoService, spoken
from talkers import Sound, Talkers, load_sounds, talk

from captioner.clock import SystemClock
from captioner.rpc.server import RpcServer

LOOP, WORKER, NATIVE, DETECTOR = 10, 11, 12, 13
THREADS = {LOOP: "MainThread", WORKER: "captioner-decode-0", DETECTOR: "captioner-detect-0"}
SCENARIO = Scenario(Sound.TALKING, 16_000, 2)
AT_REST = Interval(
    Reading(0.0, 0.0, {LOOP: 0.0, WORKER: 0.0, NATIVE: 0.0}),
    Reading(2.0, 0.0, {LOOP: 0.02, WORKER: 0.0, NATIVE: 0.002}),
)
BUSY = Interval(
    Reading(10.0, 0.0, {LOOP: 1.0, WORKER: 0.5, DETECTOR: 0.2}),
    Reading(20.0, 0.0, {LOOP: 1.14, WORKER: 0.52, NATIVE: 0.03, DETECTOR: 0.24}),
)


def measured() -> Overhead:
    portrait = Portrait(
        pid=LOOP,
        lag=[(9.0, 9.0), (11.0, 0.001), (12.0, 0.003), (21.0, 9.0)],
        samples=[
            (9.0, "loop: vad", "loop: vad.run", 9.0),
            (11.0, "loop: vad", "loop: vad.run", 0.06),
            (12.0, "loop: vad", "loop: vad.gate", 0.04),
            (13.0, "loop: rpc", "loop: rpc.read", 0.02),
        ],
        threads=THREADS,
    )
    seen = Talkers(lateness=[(9.0, 9.0), (15.0, 0.002)], captions=7)
    return figures_of(SCENARIO, AT_REST, BUSY, seen, portrait)


def shown(table: Table) -> str:
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_cpu_is_told_apart_by_kind_of_thread() -> None:
    found = spent(BUSY, loop=LOOP, python=THREADS)
    assert found.loop == pytest.approx(14)
    assert found.detector == pytest.approx(4)
    assert found.workers == pytest.approx(2)
    assert found.native == pytest.approx(3)  # a thread that is new counts from its start
    assert found.total == pytest.approx(23)


def test_a_track_costs_what_the_server_spends_beyond_its_rest() -> None:
    found = measured()
    assert found.idle.total == pytest.approx(11)
    assert found.track.total == pytest.approx((23 - 11) / 2)
    assert found.track.loop == pytest.approx((14 - 10) / 2)


def test_only_what_was_seen_while_it_was_watched_counts() -> None:
    found = measured()
    assert found.lag_max == pytest.approx(3)
    assert found.driver_late_p99 == pytest.approx(2)
    assert found.areas == {"loop: vad": pytest.approx(5), "loop: rpc": pytest.approx(1)}
    assert list(found.functions) == ["loop: vad.run", "loop: vad.gate", "loop: rpc.read"]


def test_the_budget_is_of_all_threads_of_the_loop_and_of_its_lag() -> None:
    at_limit = replace(measured(), track=Spent(3.5, 2.0, 0.5, 0.5, 0.5), lag_p99=50.0)
    assert at_limit.within_budget
    assert not replace(at_limit, track=Spent(3.51, 2.0, 0.5, 0.5, 0.51)).within_budget
    assert not replace(at_limit, track=Spent(3.5, 2.01, 0.5, 0.5, 0.49)).within_budget
    assert not replace(at_limit, lag_p99=50.1).within_budget
    assert shown(overhead_table([at_limit])).split()[-1] == "yes"


def test_a_loop_carries_what_fills_seven_tenths_of_a_core() -> None:
    found = replace(
        measured(),
        track=Spent(3.0, 1.5, 0.5, 0.5, 0.5),
        idle=Spent(12.0, 10.0, 0.0, 1.0, 1.0),
    )
    assert found.carried == (700 - 10) / 1.5
    assert found.cores == pytest.approx(460 * 3.0 / 1000)
    assert replace(found, track=Spent(0.0, -0.1, 0.0, 0.0, 0.1)).carried == 0


def test_a_load_that_did_not_get_through_is_no_success() -> None:
    cheap = replace(measured(), track=Spent(1.0, 1.0, 0.0, 0.0, 0.0), driver_late_p99=100.0)
    assert cheap.within_budget
    behind = replace(cheap, driver_late_p99=101.0)
    assert not behind.within_budget
    assert "fell behind" in shown(overhead_table([behind]))


def test_tracks_that_failed_are_told() -> None:
    assert "2 tracks failed: full" in shown(
        overhead_table([replace(measured(), failures=("full", "full"))])
    )


def test_a_profile_has_a_line_for_each_part() -> None:
    assert "loop: vad" in shown(profile_table("areas", [measured()]))
    assert "loop: vad.gate" in shown(profile_table("functions", [measured()]))


def test_figures_are_plain_values() -> None:
    assert json.loads(json.dumps(measured().to_json(), allow_nan=False))["captions"] == 7


@pytest.mark.parametrize(("sound", "different"), [(Sound.TALKING, 8), (Sound.SILENT, 1)])
def test_sounds_keep_their_length_at_any_rate(sound: Sound, different: int) -> None:
    at_16, at_48 = load_sounds(sound, 16_000), load_sounds(sound, 48_000)
    assert len(at_16) == len(at_48) == different
    assert all(len(b) == 3 * len(a) for a, b in zip(at_16, at_48, strict=True))


async def test_every_talker_sends_every_message() -> None:
    service, seen = EchoService(), Talkers()
    server = RpcServer(service)
    await server.start()
    async with service:
        await talk(
            f"127.0.0.1:{server.port}",
            [spoken(1, 2, 0), spoken(3, 0)],
            seen,
            tracks=3,
            sample_rate=16_000,
            seconds=0.4,
            clock=SystemClock(),
        )
    await server.stop(0)
    assert len(seen.lateness) == 3 * 4
    assert seen.failures == []
    assert seen.captions > 0
    assert all(session.position == 4 * 1600 for session in service.opened)


async def test_a_server_that_is_not_there_fails_every_track() -> None:
    seen = Talkers()
    await talk(
        "127.0.0.1:1",
        [spoken(1)],
        seen,
        tracks=2,
        sample_rate=16_000,
        seconds=0.1,
        clock=SystemClock(),
    )
    assert len(seen.failures) == 2
    assert "UNAVAILABLE" in seen.failures[0]


@pytest.mark.slow
def test_a_load_on_a_server_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "overhead.json"
    options = ["--tracks", "2", "--rates", "16000", "--sounds", "talking", "--duration", "2"]
    result = CliRunner().invoke(
        main, [*options, "--profile", "--models-dir", str(tmp_path), "--output", str(target)]
    )
    assert result.exit_code == 0, result.output
    [found] = json.loads(target.read_text(encoding="utf-8"))["runs"]
    assert found["failures"] == []
    assert found["captions"] > 0
    assert found["ms_per_track_second"]["loop"] > 0
    assert any(area.startswith("loop: ") for area in found["areas_ms_per_track_second"])
