from __future__ import annotations

import pytest

from captioner.cli.serve import welcome
from captioner.config import Settings


def test_the_welcome_tells_the_ports_that_were_got_and_the_model() -> None:
    settings = Settings(listen="127.0.0.1:0", http_listen="localhost:0")
    lines = welcome(settings, grpc_port=7, http_port=8, engine="base, int8 on cpu").splitlines()
    assert lines[1:] == [
        "  gRPC   127.0.0.1:7",
        "  HTTP   http://localhost:8  /metrics /livez /readyz",
        "  model  base, int8 on cpu",
        "  watch  http://localhost:8/  in a browser",
    ]


def test_the_welcome_of_a_server_without_http_or_tcp_has_neither() -> None:
    settings = Settings(listen="unix:/run/captioner.sock", http_listen="")
    text = welcome(settings, grpc_port=0, http_port=None, engine="base")
    assert "unix:/run/captioner.sock\n" in text
    assert "HTTP" not in text


@pytest.mark.parametrize(
    ("address", "shown"), [("0.0.0.0:8080", "127.0.0.1:9"), ("[::]:8080", "[::1]:9")]
)
def test_where_to_look_is_an_address_that_a_browser_of_this_machine_reaches(
    address: str, shown: str
) -> None:
    settings = Settings(http_listen=address, insecure=True)
    text = welcome(settings, grpc_port=1, http_port=9, engine="base")
    assert f"  watch  http://{shown}/  in a browser\n" in text


def test_a_browser_cannot_look_at_a_unix_socket() -> None:
    settings = Settings(http_listen="unix:/run/http.sock")
    assert "watch" not in welcome(settings, grpc_port=1, http_port=0, engine="base")


def test_the_welcome_warns_of_an_open_server() -> None:
    settings = Settings(listen="0.0.0.0:1", insecure=True)
    assert "anybody" in welcome(settings, grpc_port=1, http_port=None, engine="base")
