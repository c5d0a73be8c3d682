from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from compare.environments import read_pins, version_of
from compare.program import (
    Plan,
    chosen_systems,
    descriptions,
    estimate,
    known_systems,
    main,
    measure_points,
)
from compare.results import Point, Results
from compare.systems import peers

from captioner.config import Settings
from captioner.errors import InvalidRequest

ROOT = Path(__file__).resolve().parents[3]
VERSIONS = {"whisper-live": "0.10.0", "realtimestt": "1.1.2", "whisperlivekit": "0.2.26"}
PLAN = Plan(("monologues",), ("captioner",), (4, 1), 10.0, again=False, folder=Path("nulle-part"))


def test_a_system_is_named_with_or_without_its_variant() -> None:
    assert chosen_systems("captioner") == ("captioner",)
    assert chosen_systems("realtimestt") == ("realtimestt:defaults", "realtimestt:fairest")
    assert chosen_systems("whisper-live:fairest,captioner,whisper-live:fairest") == (
        "whisper-live:fairest",
        "captioner",
    )
    fairest = chosen_systems("fairest")
    assert len(fairest) == 4
    assert all(name.endswith(":fairest") for name in fairest)


def test_an_unknown_system_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="riva is none of captioner, whisper-live:defaults"):
        chosen_systems("riva")


def test_every_peer_is_there_at_its_defaults_and_at_its_fairest_settings() -> None:
    names = ("whisper-live", "whisper-live-batch", "realtimestt", "whisperlivekit")
    both = {f"{name}:{variant}" for name in names for variant in ("defaults", "fairest")}
    assert {peer.key for peer in peers()} == both | {"whisperlivekit-simul:defaults"}
    assert set(known_systems()) == {"captioner"} | {peer.key for peer in peers()}


def test_the_environments_have_the_versions_that_are_compared() -> None:
    assert {peer.package for peer in peers()} == set(VERSIONS)
    for package, version in VERSIONS.items():
        assert version_of(package, package) == version
        assert all(len(pin.split("==")) == 2 for pin in read_pins(package))


def test_the_environments_share_the_engine_of_captioner() -> None:
    import ctranslate2

    engines = {version_of(package, "ctranslate2") for package in VERSIONS}
    assert engines == {ctranslate2.__version__}


def test_each_system_is_described() -> None:
    found = descriptions()
    assert set(found) == set(known_systems())
    assert found["whisperlivekit:fairest"]["version"] == "0.2.26"


@pytest.mark.parametrize("peer", peers(), ids=lambda peer: peer.key)
def test_a_peer_is_started_with_the_model_and_port_and_reaches_no_network(peer: Any) -> None:
    launch = peer.launch("/models/base", 4242)
    told = " ".join(launch.arguments)
    assert "/models/base" in told
    assert "4242" in told
    assert "0.0.0.0" not in told


def test_the_fewest_talkers_come_first() -> None:
    points = list(PLAN.points("monologues", "captioner"))
    assert [point.talkers for point in points] == [1, 4]


def test_only_missing_points_are_estimated() -> None:
    results = Results(None, {})
    both = estimate(PLAN, results)
    results.add(Point("monologues", "captioner", 1, 10.0), {"sustained": True})
    assert estimate(PLAN, results) == both / 2


@pytest.mark.parametrize("command", [["benchmarks/compare"], ["-m", "benchmarks.compare"]])
def test_it_is_one_command(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--talkers" in done.stdout


def test_a_run_that_cannot_be_made_says_why() -> None:
    result = CliRunner().invoke(main, ["--systems", "riva"])
    assert result.exit_code != 0
    assert "riva is none of" in result.output


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_captioner_alone_for_a_few_seconds(tmp_path: Path) -> None:
    target = tmp_path / "compare.json"
    options = ["--systems", "captioner", "--tracks", "monologues", "--talkers", "1"]
    options += ["--seconds", "4", "--output", str(target)]
    first = CliRunner().invoke(main, options)
    assert first.exit_code == 0, first.output
    content: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    (entry,) = content["points"]
    assert (entry["system"], entry["talkers"], entry["seconds"]) == ("captioner", 1, 4.0)
    assert sum(entry["losses"].values()) == 0
    assert entry["never_final"] == 0
    assert entry["displayed_p50"] > 0
    assert entry["cpu_seconds"] > 0
    assert entry["peak_memory_mib"] > 0
    assert (tmp_path / "compare-monologues-4s-latency.png").exists()
    again = CliRunner().invoke(main, options)
    assert "monologues: captioner" not in again.output  # it was known


async def test_a_peer_that_cannot_be_installed_is_told_in_the_results(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("a file where the environments should be", encoding="utf-8")
    systems = ("whisperlivekit:fairest",)
    plan = Plan(("monologues",), systems, (1, 2), 4.0, again=False, folder=place)
    results = Results(tmp_path / "compare.json", {"benchmark": "compare"})
    await measure_points(plan, Settings(), results)
    (entry,) = results.points  # two talkers were not tried
    assert "cannot be made" in entry["failed"]
    assert entry["talkers"] == 1
    content: dict[str, Any] = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    assert content["capacity"] == {"monologues, 4 s": {"whisperlivekit:fairest": 0}}


async def test_what_is_known_is_not_measured_again(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("a file where the environments should be", encoding="utf-8")
    plan = Plan(("monologues",), ("realtimestt:fairest",), (1,), 4.0, again=False, folder=place)
    results = Results(None, {})
    known = {"sustained": True, "fell_behind": False, "date": "before"}
    results.add(Point("monologues", "realtimestt:fairest", 1, 4.0), known)
    await measure_points(plan, Settings(), results)
    assert results.points[0]["date"] == "before"
    await measure_points(replace(plan, again=True), Settings(), results)
    assert results.points[0]["failed"]
