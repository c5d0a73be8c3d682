"""What the project promises about itself: its locks, its generated code, its scripts."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)( ; .+?)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
COMMENT = re.compile(r" *#.*")


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of a lock."""

    name: str
    version: Version
    wanted_by: frozenset[str]


def read_lock(name: str) -> list[Locked]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = []
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        pin = PIN.match(block)
        assert pin, f"not a pinned version: {block.splitlines()[0]}"
        assert "--hash=sha256:" in block, f"no digest: {pin['name']}"
        comments = re.findall(r"#(?: +via)? +(\S.*)", block)
        entries.append(Locked(pin["name"], Version(pin["version"]), frozenset(comments)))
    return entries


def resolve_group(name: str) -> list[str]:
    found: list[str] = []
    for entry in PYPROJECT["dependency-groups"][name]:
        found += [entry] if isinstance(entry, str) else resolve_group(entry["include-group"])
    return found


def declared(lock: str) -> list[Requirement]:
    """What pyproject.toml says a lock must contain; the same choice as in scripts/lock."""
    project: dict[str, Any] = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    texts = [*project["dependencies"], *extras["mic"], *extras["redis"]]
    if lock == "run":
        texts += resolve_group("build")
    else:
        texts += [*extras["cluster"], *extras["bench"], *resolve_group("dev")]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("lock", ["run", "test"])
class TestLocks:
    def test_every_line_is_a_pin_a_digest_or_a_comment(self, lock: str) -> None:
        lines = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
        strange = [
            line for line in lines if not any(p.fullmatch(line) for p in (PIN, HASH, COMMENT))
        ]
        assert strange == []

    def test_no_address_or_path_of_a_package_index_is_recorded(self, lock: str) -> None:
        text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
        assert not re.search(r"://|--(extra-)?index|--find-links|(?<!\w)/\w", text)

    def test_every_declared_dependency_is_locked_at_a_version_that_it_allows(
        self, lock: str
    ) -> None:
        versions: dict[str, list[Version]] = {}
        for entry in read_lock(lock):
            versions.setdefault(entry.name, []).append(entry.version)
        for requirement in declared(lock):
            found = versions.get(canonicalize_name(requirement.name), [])
            assert found, f"{requirement} is not locked: run scripts/lock"
            assert all(requirement.specifier.contains(version) for version in found), (
                f"{requirement} is locked at {found}: run scripts/lock"
            )

    def test_nothing_is_locked_that_is_declared_no_longer(self, lock: str) -> None:
        names = {canonicalize_name(requirement.name) for requirement in declared(lock)}
        stale = [
            entry.name
            for entry in read_lock(lock)
            if any(user.startswith("captioner (pyproject.toml") for user in entry.wanted_by)
            and entry.name not in names
        ]
        assert stale == []


def test_what_is_tested_is_what_runs() -> None:
    run = {(entry.name, entry.version) for entry in read_lock("run")}
    test = {(entry.name, entry.version) for entry in read_lock("test")}
    assert run <= test


def test_no_package_for_a_gpu_is_locked() -> None:
    names = {entry.name for entry in read_lock("test")}
    assert not [name for name in names if name == "torch" or name.startswith("nvidia")]


@pytest.mark.parametrize("requirement", PYPROJECT["project"]["dependencies"])
def test_a_base_dependency_has_a_lower_and_an_upper_bound(requirement: str) -> None:
    operators = {specifier.operator for specifier in Requirement(requirement).specifier}
    assert operators == {">=", "<"}


def test_the_generated_code_is_what_the_protos_say() -> None:
    subprocess.run([ROOT / "scripts" / "generate-protos", "--check"], check=True)


def test_the_oldest_allowed_runtimes_can_load_the_generated_code() -> None:
    folder = ROOT / "captioner" / "rpc" / "generated"
    messages = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*_pb2.py"))
    calls = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*_pb2_grpc.py"))
    made_with = {
        "protobuf": re.findall(r"# Protobuf Python Version: (\S+)", messages),
        "grpcio": re.findall(r"GRPC_GENERATED_VERSION = '(\S+)'", calls),
    }
    requirements = {r.name: r for r in declared("run")}
    for name, versions in made_with.items():
        assert versions
        lower = [s for s in requirements[name].specifier if s.operator == ">="]
        assert Version(lower[0].version) >= max(map(Version, versions)), name


SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if not path.suffix)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.name))
def test_a_script_can_be_run_says_what_it_does_and_stops_at_the_first_error(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert script.stat().st_mode & 0o111
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith("# ")
    assert "set -euo pipefail" in lines


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What scripts/setup looks at, without a virtual environment."""
    for name in ("scripts", "requirements"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def setup(checkout: Path, *arguments: str, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "setup", *arguments],
        env={"PATH": "/usr/bin:/bin", "PYTHON": python},
        capture_output=True,
        text=True,
        check=False,
    )


def test_setup_without_a_recent_python_says_what_to_install(checkout: Path) -> None:
    result = setup(checkout, python="no-such-python")
    assert result.returncode == 1
    assert "needs Python 3.11 or newer" in result.stderr
    assert "apt-get install python3 python3-venv" in result.stderr
    assert not (checkout / ".venv").exists()


def test_setup_with_a_python_without_venv_says_what_to_install(checkout: Path) -> None:
    python = checkout / "python"
    # Recent enough for the first question, without the modules of the second.
    python.write_text('#!/bin/sh\ncase "$2" in *version_info*) exit 0 ;; *) exit 1 ;; esac\n')
    python.chmod(0o755)
    result = setup(checkout, python=str(python))
    assert result.returncode == 1
    assert "has no venv module" in result.stderr


def test_setup_of_an_unknown_profile_shows_its_usage(checkout: Path) -> None:
    result = setup(checkout, "production", python="python3")
    assert (result.returncode, result.stderr) == (2, "usage: scripts/setup [run|test]\n")
