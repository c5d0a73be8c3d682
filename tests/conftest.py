"""What every test gets: options, time limits, and an environment that is the same everywhere."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
SLOW_TIMEOUT = 600  # seconds: a real model on two cores that others use too

# An example that takes long says something about the machine, not about the code.
hypothesis.settings.register_profile(
    "captioner",
    parent=hypothesis.settings.get_profile(hypothesis.settings.get_current_profile_name()),
    deadline=None,
    max_examples=60,
)
# For a night: `scripts/test --hypothesis-profile=thorough`.
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("captioner"), max_examples=1000
)
hypothesis.settings.load_profile("captioner")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fail-on-skip",
        action="store_true",
        help="a skipped test is a failed one: for CI, where nothing may be missing",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow"):
            # One after the other: they measure time, or keep every core busy.
            item.add_marker(pytest.mark.xdist_group("slow"))
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _fail_if_skips_are_failures(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped:
        _fail_if_skips_are_failures(report, collector.config)
    return report


def _fail_if_skips_are_failures(
    report: pytest.TestReport | pytest.CollectReport, config: pytest.Config
) -> None:
    if config.getoption("--fail-on-skip"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and --fail-on-skip was given: {report.longreprtext}"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of whoever runs the tests, except where their models are."""
    for name in os.environ:
        if name.startswith("CAPTIONER_") and name != "CAPTIONER_MODELS_DIR":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The bundled audio, with the true words and times in its ``truth.json`` files."""
    return ROOT / "examples" / "audio"
