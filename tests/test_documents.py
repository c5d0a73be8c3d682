"""The documents say what the program does: settings, constants, metrics, commands, links."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from captioner.cli.exits import MEANING
from captioner.cli.root import COMMANDS
from captioner.cli.settings import example_file
from captioner.config import Settings
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.streaming.settings import StreamingSettings
from captioner.transcript import SAMPLE_RATE
from captioner.vad.endpointing import EndpointingSettings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "examples", "models")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
NO_CONSTANTS = {"n_mels"}  # of the model
NO_CONSTANTS |= {"hop", "beam_size", "final_window", "silence_to_endpoint", "max_utterance"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def rows_of(page: str) -> dict[str, list[str]]:
    """The cells of each table row whose first cell is code, by that code."""
    lines = [line for line in text_of(page).splitlines() if line.startswith("| `")]
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {first.strip("`"): rest for first, *rest in cells}


def anchors_of(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            if "://" not in target:
                yield page, target


@pytest.mark.parametrize(
    ("page", "target"), list(links()), ids=lambda value: str(value).rpartition("/")[2]
)
def test_each_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    assert file.exists()
    if anchor:
        assert anchor in anchors_of(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("group", ["Captions", "Model", "Limits"])
def test_tuning_has_each_setting_with_its_default(group: str) -> None:
    rows = rows_of("docs/tuning.md")
    for name, info in Settings.model_fields.items():
        extra = info.json_schema_extra
        assert isinstance(extra, dict)
        if extra["group"] == group and info.default_factory is None:
            assert rows[name][0] == f"`{json.dumps(info.default)}`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_tuning_names_each_setting(name: str) -> None:
    assert f"`{name}`" in text_of("docs/tuning.md")


def numbers_of(settings: StreamingSettings | EndpointingSettings) -> dict[str, float]:
    """The numbers of settings that are not in the configuration, in seconds or as they are."""
    found = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        if type(value) is int and field.name not in NO_CONSTANTS:
            found[field.name] = value / SAMPLE_RATE
        elif type(value) is float and field.name not in NO_CONSTANTS:
            found[field.name] = value
    return found


@pytest.mark.parametrize(
    "settings",
    [StreamingSettings(WindowRule(padded=False, silence=4.0), 80), EndpointingSettings()],
    ids=lambda settings: type(settings).__name__,
)
def test_tuning_has_each_constant_with_its_value(
    settings: StreamingSettings | EndpointingSettings,
) -> None:
    rows = rows_of("docs/tuning.md")
    written = {name: float(rows[name][0]) for name in numbers_of(settings)}
    assert written == pytest.approx(numbers_of(settings))


def test_operations_has_each_metric_and_no_other() -> None:
    families = Metrics().registry.collect()
    known = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in families
        if family.name.startswith("captioner_")
    }
    rows = rows_of("docs/operations.md")
    written = {name.partition("{")[0] for name in rows if name.startswith("captioner_")}
    assert written == known


def test_the_architecture_page_has_the_layers_that_are_checked() -> None:
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    [layers] = [each["layers"] for each in contracts if each["type"] == "layers"]
    checked = [re.findall(r"\w+", layer) for layer in layers if layer != "(__main__)"]
    section = text_of("docs/architecture.md").partition("| layer |")[2].partition("\n\n")[0]
    cells = (line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert [re.findall(r"\w+", cell) for cell in cells] == checked


def test_the_commands_page_has_each_command_and_exit_code() -> None:
    text = text_of("docs/cli.md")
    for command in COMMANDS:
        assert f"| `captioner {command}" in text
    for code, meaning in MEANING.items():
        assert f"| {int(code)} | {meaning} |" in text


def test_the_example_settings_are_what_the_command_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert text_of("examples/captioner.toml") == example_file()


def test_the_manifest_for_kubernetes_sets_what_there_is_and_grants_the_drain_its_time() -> None:
    text = text_of("examples/kubernetes.yaml")
    values = dict(re.findall(r"name: (CAPTIONER_\w+), value: \"?([^\" ]+)\"? }", text))
    assert len(values) == text.count("name: CAPTIONER_")
    assert set(values) <= {f"CAPTIONER_{name.upper()}" for name in Settings.model_fields}
    [grace] = re.findall(r"terminationGracePeriodSeconds: (\d+)", text)
    drain = float(values["CAPTIONER_DRAIN_DELAY"]) + Settings().drain_timeout
    assert float(grace) > drain
