from __future__ import annotations

import json
import math
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gpu import Budget, main, plan
from gpu_device import Gauge, Reading, gauge, gauge_of
from gpu_display import capacity_table, plot_results, stage_table
from gpu_load import Seen, Tally
from gpu_processes import Child, ReplicaFailed, TooLarge
from gpu_results import OtherDevice, Results, Task
from gpu_stages import Timing, Window, median_time, pending
from gpu_step import Step, mean_met, step_of
from gpu_timing import Call
from rich.console import Console
from rich.table import Table

TASK = Task("capacity", "small", "float16")
TIMED = Task("stages", "small", "float16")
TIMING = Timing(10, 6, 8, 31, encode=0.08, greedy=0.04, beam=0.06, align=0.02)


def seen(**changes: Any) -> Seen:
    tally = Tally(
        since=0.0,
        displayed=[0.5] * 60 + [1.0] * 40,
        finalised=[0.8, 1.2],
        hops=[0.5],
        failures=Counter(),
        lateness=[0.001],
    )
    calls = [Call("encode", 4, 1.0), Call("greedy", 2, 0.5), Call("decode", 4, 2.5)]
    plain = Seen(tally, Reading(10.0, 1.0, 0.5), Reading(20.0, 6.0, 2.5), calls, 1, given_up=False)
    return replace(plain, **changes)


def step(tracks: int = 8, **changes: Any) -> Step:
    return replace(step_of([seen()], tracks=tracks, gpu=Gauge(90, 50, 2000, 300, 1900)), **changes)


def shown(table: Table) -> str:
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


# --- Figures


def test_the_workers_time_is_told_apart() -> None:
    shares = step().shares
    assert shares["encode"] == pytest.approx(0.1)
    assert shares["greedy"] == pytest.approx(0.05)
    assert (shares["beam"], shares["align"]) == (0, 0)
    assert shares["host"] == pytest.approx(0.1)
    assert shares["idle"] == pytest.approx(0.75)
    assert sum(shares.values()) == pytest.approx(1)


def test_processes_are_put_together() -> None:
    other = seen(after=Reading(20.0, 9.0, 4.5), calls=[Call("decode", 8, 2.5)])
    found = step_of([seen(), other], tracks=8, gpu=None)
    assert found.rows_per_second == pytest.approx(1.2)
    assert found.loop_busy == pytest.approx(0.4)  # of the busiest
    assert found.process_cpu == pytest.approx(1.3)  # of all
    assert found.words == 200
    assert sum(found.shares.values()) == pytest.approx(1)


def test_the_rule_for_capacity_is_that_of_live_captions() -> None:
    assert step(displayed_p50=1.5, finalised_p95=2.0).holds
    assert not step(displayed_p50=1.51).holds
    assert not step(finalised_p95=2.01).holds
    assert not step(finalised_p95=math.nan).holds
    assert not step(given_up=True).holds
    assert not step(failures={"EngineFault": 1}).holds


def test_what_a_row_meets_is_not_the_mean_of_batches() -> None:
    assert mean_met([1, 1, 10]) == pytest.approx(102 / 12)
    assert math.isnan(mean_met([]))


def test_figures_are_plain_values() -> None:
    found = json.loads(json.dumps(step(hop_p50=math.nan).to_json(), allow_nan=False))
    assert found["hop_p50"] is None
    assert found["gpu"]["memory_mib"] == 2000


# --- The device


def test_the_sampler_s_lines_are_averaged_but_for_memory() -> None:
    lines = "0, 0, 9000, 60, 300\n80, 40, 1000, 300, 1900\n90, 60, 1200, 320, 1980\n95, 4"
    assert gauge_of(lines, last=2) == Gauge(85, 50, 1200, 310, 1940)


def test_a_driver_that_does_not_know_gives_nothing() -> None:
    assert gauge_of("[N/A], 40, 1000, 300, 1900\n", last=5) is None


def test_without_a_gpu_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with gauge(1.0) as watcher:
        assert watcher.read() is None


def test_a_gpu_is_watched_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, wrote = tmp_path / "nvidia-smi", tmp_path / "wrote"
    program.write_text(f"#!/bin/sh\necho 80, 40, 1000, 300, 1900\n>{wrote}\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with gauge(1.0) as watcher:
        while not wrote.exists():
            pass
    assert watcher.read() == Gauge(80, 40, 1000, 300, 1900)


# --- Stages


def test_large_batches_are_timed_first_and_none_twice() -> None:
    windows = (Window(10, 6), Window(30, 6))
    left = list(pending(windows, (1, 64), [(10, 64)]))
    assert [(window.length, batch) for window, batch in left] == [(10, 1), (30, 64), (30, 1)]


def test_a_quick_call_is_repeated_a_slow_one_thrice() -> None:
    calls: list[int] = []
    assert median_time(lambda: calls.append(1)) < 0.1
    assert len(calls) == 21


# --- Processes


def test_a_process_that_breaks_is_told_with_its_code() -> None:
    child = Child(_break)
    with pytest.raises(ReplicaFailed, match="ended with code 3"):
        child.answer(within=30)
    child.end()


def test_a_process_that_says_nothing_is_given_up() -> None:
    child = Child(_listen)
    with pytest.raises(ReplicaFailed, match=r"did not answer within 0\.1 s"):
        child.answer(within=0.1)
    child.tell("go on")
    child.end()


def _break(_: object) -> None:
    raise SystemExit(3)


def _listen(pipe: Any) -> None:
    pipe.recv()


# --- Plan and results


def test_each_choice_is_tried_alone_what_matters_most_first() -> None:
    tasks = plan(
        kinds=("capacity", "stages"),
        models=("large-v3-turbo", "small"),
        compute_types=("float16", "int8_float16"),
        windows=("short", "padded"),
        workers=(1, 2),
        processes=(1, 2),
    )
    turbo = "large-v3-turbo"
    assert [task.id for task in tasks] == [
        f"capacity {turbo} float16 short workers=1 processes=1",
        f"stages {turbo} float16",
        f"capacity {turbo} float16 short workers=2 processes=1",
        f"capacity {turbo} float16 short workers=1 processes=2",
        f"capacity {turbo} int8_float16 short workers=1 processes=1",
        f"capacity {turbo} float16 padded workers=1 processes=1",
        f"stages {turbo} int8_float16",
        "capacity small float16 short workers=1 processes=1",
        "stages small float16",
        "capacity small int8_float16 short workers=1 processes=1",
        "stages small int8_float16",
    ]


def test_results_are_on_disk_at_once_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    first = Results.open(path, device="H100")
    first.describe({"date": "1", "command": "a", "revision": "r"})
    first.add_step(TASK, step(16))
    first.add_step(TASK, step(8))
    first.add_step(TASK, step(32, given_up=True))
    first.add_timing(TIMED, TIMING)
    first.add_timing(TIMED, TooLarge(Window(30, 6), 64, "out of memory"))
    again = Results.open(path, device="H100")
    again.describe({"date": "2", "command": "b", "revision": "r"})
    assert again.held(TASK) == {8: True, 16: True, 32: False}
    assert again.entry(TASK)["capacity"] == 16
    assert again.timed(TIMED) == [(10, 8), (30, 64)]
    assert [each["command"] for each in again.content["commands"]] == ["a", "b"]


def test_figures_of_two_devices_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "gpu.json"
    Results.open(path, device="H100").save()
    with pytest.raises(OtherDevice, match=r"gpu\.json holds figures of H100, this is L4"):
        Results.open(path, device="L4")
    assert Results.open(path, device="L4", fresh=True).entries == []


def test_a_failure_is_forgotten_once_it_is_mended() -> None:
    results = Results.open(None, device="H100")
    results.fail(TASK, "out of memory")
    assert results.entry(TASK)["error"] == "out of memory"
    results.finish(TASK)
    assert "error" not in results.entry(TASK)


def test_a_budget_ends() -> None:
    assert Budget(0).allows(1e9)
    assert Budget(1).allows(50)
    assert not Budget(1).allows(61)


# --- What is shown


def test_tables_tell_capacity_and_cost() -> None:
    results = Results.open(None, device="H100")
    results.add_step(TASK, step(16))
    results.add_timing(TIMED, TIMING)
    results.add_timing(TIMED, TooLarge(Window(30, 6), 64, "out of memory"))
    text = shown(capacity_table(results.entry(TASK)))
    assert "small float16, short windows: 16 people of 400" in text
    costs = shown(stage_table(results.entry(TIMED)))
    assert "10.00" in costs  # 80 ms for 8 rows
    assert "too large" in costs


def test_a_plot_is_drawn_of_whatever_there_is(tmp_path: Path) -> None:
    results = Results.open(None, device="H100")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_results(tmp_path / "none.png", results.entries, device="H100")
        results.add_step(TASK, step(16))
        results.add_timing(TIMED, TIMING)
        plot_results(tmp_path / "some.png", results.entries, device="H100")
    assert (tmp_path / "some.png").stat().st_size > (tmp_path / "none.png").stat().st_size


# --- The command


def test_a_shape_that_does_not_exist_is_refused() -> None:
    result = run("--models", "large-v9")
    assert result.exit_code == 2
    assert "'large-v9' is none of large-v3-turbo" in result.output


def test_a_budget_that_is_spent_leaves_everything_for_later() -> None:
    result = run("--models", "toy", "--device", "cpu", "--budget-minutes", "0.01", "--no-save")
    assert result.exit_code == 0, result.output
    assert "goes on with what is missing" in result.output


@pytest.mark.slow
def test_a_toy_is_measured_on_a_cpu_and_not_again(tmp_path: Path) -> None:
    target = tmp_path / "gpu.json"
    options = ["--models", "toy", "--device", "cpu", "--compute-types", "float32"]
    options += ["--windows", "short", "--workers", "2", "--processes", "2", "--batches", "2"]
    options += ["--start", "16", "--most", "16", "--step-seconds", "3", "--output", str(target)]
    result = run(*options)
    assert result.exit_code == 0, result.output
    capacity, stages = json.loads(target.read_text(encoding="utf-8"))["measurements"].values()
    assert capacity["complete"], capacity
    found = capacity["steps"][-1]
    assert (found["tracks"], found["failures"]) == (16, {})
    assert found["words"] > 20
    assert found["rows_per_second"] > 0
    assert found["shares"]["encode"] > 0
    assert {(each["window"], each["batch"]) for each in stages["timings"]} == {
        (window, 2) for window in (6, 10, 14, 30)
    }
    assert target.with_suffix(".png").exists()
    before = target.read_text(encoding="utf-8")
    assert run(*options).exit_code == 0
    assert target.read_text(encoding="utf-8") == before
