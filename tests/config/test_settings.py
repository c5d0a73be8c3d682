from __future__ import annotations

from typing import Any

import pytest
from config_problems import problems
from hypothesis import given
from hypothesis import strategies as st

from captioner.config import Settings, flag_of, load_settings
from captioner.errors import ConfigError


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


@given(hop=st.floats(allow_nan=False))
def test_a_number_is_accepted_exactly_within_its_limits(hop: float) -> None:
    inside = 0.1 <= hop <= 5
    try:
        assert load_settings({"hop": hop}, environ={}).hop == hop
        assert inside
    except ConfigError:
        assert not inside
