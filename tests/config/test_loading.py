from __future__ import annotations

from pathlib import Path

import pytest
from config_problems import problems

from captioner.config import Settings, Source, load_settings, resolve_settings


def test_without_anything_every_setting_has_its_default() -> None:
    resolved = resolve_settings(environ={})
    assert resolved.settings == Settings()
    assert set(resolved.sources.values()) == {Source.DEFAULT}


def test_flags_go_before_environment_before_file_before_defaults(toml: Path) -> None:
    toml.write_text('hop = 1.0\nworkers = 1\nmodel = "small"')
    environ = {"CAPTIONER_HOP": "2", "CAPTIONER_WORKERS": "2"}
    resolved = resolve_settings({"hop": 3}, file=toml, environ=environ)
    settings = resolved.settings
    assert (settings.hop, settings.workers, settings.model) == (3, 2, "small")
    assert settings.device == "auto"
    assert [resolved.sources[name] for name in ("hop", "workers", "model", "device")] == [
        Source.FLAG,
        Source.ENVIRONMENT,
        Source.FILE,
        Source.DEFAULT,
    ]


def test_a_flag_that_was_not_given_is_no_value() -> None:
    assert load_settings({"hop": None}, environ={"CAPTIONER_HOP": "2"}).hop == 2


def test_the_environment_can_name_the_file(toml: Path) -> None:
    toml.write_text("hop = 1.0")
    resolved = resolve_settings(environ={"CAPTIONER_CONFIG": str(toml)})
    assert resolved.settings.hop == 1
    assert resolved.file == toml


def test_the_file_of_the_flag_goes_before_that_of_the_environment(toml: Path) -> None:
    toml.write_text("hop = 1.0")
    environ = {"CAPTIONER_CONFIG": str(toml.with_name("other.toml"))}
    assert load_settings(file=toml, environ=environ).hop == 1


def test_a_file_that_is_not_there_is_an_error_with_its_name(toml: Path) -> None:
    assert problems(file=toml) == [f"cannot read the settings in {toml}: No such file or directory"]


@pytest.mark.parametrize("content", [b"hop = ", b"hop = '\xff'"])
def test_a_file_that_is_not_toml_is_an_error_with_its_name(toml: Path, content: bytes) -> None:
    toml.write_bytes(content)
    assert problems(file=toml)[0].startswith(f"{toml} is not TOML")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CAPTIONER_SERVICE_HOST", "10.0.0.1"),
        ("CAPTIONER_SERVICE_PORT", "50051"),
        ("CAPTIONER_SERVICE_PORT_GRPC", "50051"),
        ("CAPTIONER_PORT", "tcp://10.0.0.1:50051"),
        ("CAPTIONER_PORT_50051_TCP", "tcp://10.0.0.1:50051"),
        ("CAPTIONER_PORT_50051_TCP_PROTO", "tcp"),
        ("CAPTIONER_HTTP_SERVICE_HOST", "10.0.0.1"),
        ("CAPTIONER_HTTP_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_the_variables_that_kubernetes_makes_of_a_service_are_not_settings(
    variable: str, value: str
) -> None:
    assert load_settings(environ={variable: value}) == Settings()


def test_variables_of_other_programs_are_left_alone() -> None:
    assert load_settings(environ={"HOP": "x", "_CAPTIONER_COMPLETE": "bash_source"}) == Settings()
