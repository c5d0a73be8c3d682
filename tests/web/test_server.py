from __future__ import annotations

import signal
import ssl
from pathlib import Path

import httpx
import pytest
import trustme
from rpc_fakes import EchoService, settings_with

from captioner.errors import ConfigError
from captioner.web.application import application
from captioner.web.server import HttpServer


def server(**settings: object) -> HttpServer:
    service = EchoService(settings_with(**settings))
    return HttpServer(application(service), service.settings)


async def test_it_answers_on_the_port_that_was_bound() -> None:
    http = server(http_listen="127.0.0.1:0")
    await http.start()
    async with httpx.AsyncClient() as client:
        response = await client.get(f"http://127.0.0.1:{http.port}/livez")
    assert response.text == "alive\n"
    assert "server" not in response.headers
    await http.stop()


async def test_it_leaves_the_signals_of_the_process_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    http = server(http_listen="127.0.0.1:0")
    await http.start()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    await http.stop()


async def test_a_port_in_use_is_told_with_the_address() -> None:
    first = server(http_listen="127.0.0.1:0")
    await first.start()
    address = f"127.0.0.1:{first.port}"
    with pytest.raises(ConfigError, match=f"cannot listen on {address}: Address already in use"):
        await server(http_listen=address).start()
    await first.stop()


async def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        await server(http_listen="192.0.2.1:0", insecure=True).start()


async def test_a_unix_socket_can_be_listened_on(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    http = server(http_listen=f"unix:{path}")
    await http.start()
    transport = httpx.AsyncHTTPTransport(uds=str(path))
    async with httpx.AsyncClient(transport=transport) as client:
        assert (await client.get("http://captioner/livez")).status_code == 200
    await http.stop()


async def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    http = server(http_listen="127.0.0.1:0", tls_certificate=certificate, tls_key=key)
    await http.start()
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with httpx.AsyncClient(verify=trust) as client:
        assert (await client.get(f"https://localhost:{http.port}/livez")).status_code == 200
    await http.stop()


async def test_a_file_that_is_not_a_certificate_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    with pytest.raises(ConfigError, match="certificate"):
        await server(http_listen="127.0.0.1:0", tls_certificate=wrong, tls_key=wrong).start()
