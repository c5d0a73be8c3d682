from __future__ import annotations

from pathlib import Path

import pytest

from captioner.admission import Capacity
from captioner.cli.connection import client_tls, first_token, made_by, notice, unreachable
from captioner.config import Settings
from captioner.errors import ConfigError, Unavailable
from captioner.rpc.client import ClientTls, ServiceInfo
from captioner.subtitles.cues import Provenance

INFO = ServiceInfo(
    "1.2.3", "base", "sha256:abc", ("fr",), "cpu", "int8", Capacity(0, 0, 1, 1.0, False)
)


def test_a_client_sends_the_first_token_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# of the media servers\n\n  first \nsecond\n")
    assert first_token(path) == "first"


@pytest.mark.parametrize("content", [None, "", "# none\n"])
def test_a_token_file_without_token_is_a_wrong_setting(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="tokens"):
        first_token(path)


def test_without_tls_settings_there_is_no_tls() -> None:
    assert client_tls(Settings()) is None


@pytest.mark.parametrize(
    ("settings", "tls"),
    [
        (Settings(server_tls=True), ClientTls()),
        (Settings(server_ca=Path("ca")), ClientTls(authorities=Path("ca"))),
        (
            Settings(client_certificate=Path("c"), client_key=Path("k"), server_name="n"),
            ClientTls(certificate=Path("c"), key=Path("k"), server_name="n"),
        ),
    ],
)
def test_any_tls_setting_turns_tls_on(settings: Settings, tls: ClientTls) -> None:
    assert client_tls(settings) == tls


def test_readers_are_told_that_a_machine_wrote_the_captions() -> None:
    assert notice(INFO) == (
        "Captions are generated automatically by base (int8 on cpu), Captioner 1.2.3."
    )
    assert made_by(INFO) == Provenance("1.2.3", "base", "sha256:abc")


def test_an_unreachable_server_is_told_with_what_to_do() -> None:
    error = Unavailable("failed to connect to all addresses; last error: refused")
    assert str(unreachable("h:1", error)) == (
        "no server answers at h:1: start one with `captioner serve`, or name another with "
        "--server (refused)"
    )
