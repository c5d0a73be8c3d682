from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.config import (
    Settings,
    Source,
    expectation,
    flag_of,
    load_settings,
    resolve_settings,
    variable_of,
)
from captioner.errors import ConfigError


def problems(
    flags: dict[str, Any] | None = None,
    *,
    file: Path | None = None,
    environ: dict[str, str] | None = None,
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(flags, file=file, environ=environ or {})
    return str(caught.value).splitlines()


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "captioner.toml"


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


def test_a_mistyped_setting_in_the_file_is_an_error_that_names_the_nearest(toml: Path) -> None:
    toml.write_text("hopp = 1.0")
    assert problems(file=toml) == [f"hopp = 1.0 in {toml}: no such setting, did you mean hop?"]


def test_a_table_in_the_file_is_an_error(toml: Path) -> None:
    toml.write_text("[captions]\nhop = 1.0")
    assert problems(file=toml) == [
        f"captions = [table] in {toml}: settings stand at the top of the file, not in tables"
    ]


def test_a_mistyped_variable_is_an_error_that_names_the_nearest() -> None:
    assert problems(environ={"CAPTIONER_MODELL": "x"}) == [
        "CAPTIONER_MODELL=x: no such setting, did you mean CAPTIONER_MODEL?"
    ]


def test_a_variable_like_no_setting_is_an_error_without_a_guess() -> None:
    assert problems(environ={"CAPTIONER_QQQ": "x"}) == ["CAPTIONER_QQQ=x: no such setting"]


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


def test_every_problem_is_told_at_once_a_line_each_with_its_origin(toml: Path) -> None:
    toml.write_text("max_utterance = 60")
    lines = problems(
        {"hop": "9"}, file=toml, environ={"CAPTIONER_WORKERS": "many", "CAPTIONER_DEVICE": "tpu"}
    )
    assert sorted(lines) == [
        "--hop 9: must be a number from 0.1 to 5",
        "CAPTIONER_DEVICE=tpu: must be auto, cpu or cuda",
        "CAPTIONER_WORKERS=many: must be a whole number from 0 to 256",
        f"max_utterance = 60 in {toml}: must be a number from 5 to 28",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("drain_delay", -0.1),
        ("drain_delay", 300.1),
        ("drain_timeout", 0),
        ("drain_timeout", 3600.1),
        ("model", ""),
        ("models_dir", ""),
        ("device", "tpu"),
        ("compute_type", "int4"),
        ("workers", -1),
        ("workers", 257),
        ("workers", 1.5),
        ("threads_per_worker", 0),
        ("threads_per_worker", 257),
        ("max_batch", -1),
        ("max_batch", 513),
        ("engine_timeout", 0),
        ("engine_timeout", 600.1),
        ("language", "french"),
        ("language", ""),
        ("hop", 0.09),
        ("hop", 5.1),
        ("hop", float("nan")),
        ("final_beam_size", 0),
        ("final_beam_size", 11),
        ("final_window", "long"),
        ("endpoint_silence", 0.19),
        ("endpoint_silence", 3.1),
        ("max_utterance", 4.9),
        ("max_utterance", 28.1),
        ("max_sessions", 0),
        ("max_sessions", 100_001),
        ("max_talking", -1),
        ("config_timeout", 0),
        ("config_timeout", 60.1),
        ("idle_timeout", 0),
        ("idle_timeout", 600.1),
        ("max_burst", 0.9),
        ("max_burst", 60.1),
        ("resume_window", -1),
        ("resume_window", 3601),
        ("max_message_bytes", 4095),
        ("max_message_bytes", 4_194_305),
        ("max_upload_bytes", 65_535),
        ("log_level", "trace"),
        ("log_format", "xml"),
        ("insecure", "perhaps"),
        ("listen", ""),
        ("listen", "127.0.0.1"),
        ("listen", "127.0.0.1:65536"),
        ("listen", "127.0.0.1:http"),
        ("listen", ":50051"),
        ("http_listen", "8080"),
        ("allowed_origins", "visio.example.org"),
        ("allowed_origins", "https://visio.example.org/"),
        ("allowed_origins", "https://visio.example.org, https://other.example.org"),
        ("frame_ancestors", "https://visio.example.org; script-src *"),
        ("max_room_followers", 0),
        ("max_room_followers", 1_000_001),
        ("server", "example.org"),
    ],
)
def test_a_value_beyond_its_limit_is_an_error_that_names_the_setting(
    name: str, value: object
) -> None:
    (line,) = problems({name: value})
    assert line.startswith(f"{flag_of(name)} {value}: must be ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hop", 0.1),
        ("hop", 5),
        ("max_utterance", 5),
        ("max_utterance", 28),
        ("language", "fr-FR"),
        ("listen", "[::1]:0"),
        ("listen", "localhost:65535"),
        ("listen", "unix:/run/captioner.sock"),
        ("http_listen", ""),
    ],
)
def test_a_value_at_its_limit_is_accepted(name: str, value: object) -> None:
    assert getattr(load_settings({name: value}, environ={}), name) == value


@pytest.mark.parametrize("name", ["listen", "http_listen"])
@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "example.org:1"])
def test_an_address_beyond_loopback_needs_a_token_file_or_insecure(name: str, address: str) -> None:
    assert problems({name: address}) == [
        f"{flag_of(name)} {address}: is not loopback: set token_file, or insecure to do without"
    ]
    for allowed in ({"insecure": True}, {"token_file": "tokens"}):
        settings = load_settings({name: address, **allowed}, environ={})
        assert getattr(settings, name) == address


def test_a_host_that_only_begins_like_loopback_is_not_loopback() -> None:
    assert problems({"listen": "127.0.0.1.example.org:1"})


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"tls_key": "k"}, "--tls-key k: needs tls_certificate beside it"),
        ({"tls_certificate": "c"}, "--tls-certificate c: needs tls_key beside it"),
        ({"client_key": "k"}, "--client-key k: needs client_certificate beside it"),
        ({"client_certificate": "c"}, "--client-certificate c: needs client_key beside it"),
        ({"tls_client_ca": "a"}, "--tls-client-ca a: needs tls_certificate and tls_key beside it"),
    ],
)
def test_tls_settings_that_lack_their_other_half_are_errors(
    flags: dict[str, str], line: str
) -> None:
    assert problems(flags) == [line]


def test_an_empty_variable_for_a_file_means_none() -> None:
    assert load_settings(environ={"CAPTIONER_TOKEN_FILE": ""}).token_file is None


def test_a_tilde_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert load_settings({"models_dir": "~/models"}).models_dir == Path("/home/somebody/models")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().hop = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("flags", "target"),
    [
        ({}, "127.0.0.1:50051"),
        ({"listen": "0.0.0.0:7", "insecure": True}, "127.0.0.1:7"),
        ({"listen": "[::]:7", "insecure": True}, "[::1]:7"),
        ({"listen": "192.0.2.1:7", "insecure": True}, "192.0.2.1:7"),
        ({"listen": "unix:/run/captioner.sock"}, "unix:/run/captioner.sock"),
        ({"server": "captions.example.org:443"}, "captions.example.org:443"),
    ],
)
def test_clients_find_the_server_of_the_same_settings(flags: dict[str, Any], target: str) -> None:
    assert load_settings(flags, environ={}).client_target == target


def test_every_setting_has_a_group_and_a_sentence() -> None:
    for info in Settings.model_fields.values():
        assert info.description
        assert info.description.endswith(".")
        assert isinstance(info.json_schema_extra, dict)
        assert info.json_schema_extra["group"]


def test_an_expectation_tells_the_kind_and_the_limits() -> None:
    assert expectation("hop") == "a number from 0.1 to 5"
    assert expectation("drain_timeout") == "a number above 0 and at most 3600"
    assert expectation("max_talking") == "a whole number of at least 0"
    assert expectation("insecure") == "true or false"
    assert expectation("token_file") == "a path"


@given(hop=st.floats(allow_nan=False))
def test_a_number_is_accepted_exactly_within_its_limits(hop: float) -> None:
    inside = 0.1 <= hop <= 5
    try:
        assert load_settings({"hop": hop}, environ={}).hop == hop
        assert inside
    except ConfigError:
        assert not inside


@given(st.sampled_from(sorted(Settings.model_fields)))
def test_a_setting_is_spelled_after_its_name_everywhere(name: str) -> None:
    assert flag_of(name).removeprefix("--").replace("-", "_") == name
    assert variable_of(name).lower() == f"captioner_{name}"
    assert tomllib.loads(f"{name} = 1") == {name: 1}
