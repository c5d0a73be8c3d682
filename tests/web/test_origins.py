from __future__ import annotations

import pytest

from captioner.web.origins import Origins

LISTED = Origins("https://visio.example.org http://localhost:3000")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8080", "localhost:8080"),
        ("https://captions.example.org", "captions.example.org"),
        ("https://captions.example.org", "Captions.Example.org"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_pages_of_the_server_itself_may_use_it(origin: str, host: str) -> None:
    assert Origins("").allow(origin, host)


@pytest.mark.parametrize(
    "origin",
    [
        "https://visio.example.org",
        "https://visio.example.org:443",
        "HTTPS://VISIO.example.org",
        "http://localhost:3000",
    ],
)
def test_pages_of_listed_sites_may_however_they_are_written(origin: str) -> None:
    assert LISTED.allow(origin, "captions.example.org")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example.org",
        "http://visio.example.org",
        "https://visio.example.org:8443",
        "https://visio.example.org.evil.org",
        "http://localhost:3001",
        "http://localhost",
        "https://[",
        "captions.example.org",
    ],
)
def test_pages_of_other_sites_may_not(origin: str) -> None:
    assert not LISTED.allow(origin, "captions.example.org")


def test_a_star_lets_every_site() -> None:
    assert Origins("*").allow("https://evil.example.org", "captions.example.org")
    assert Origins("*").allow("null", "captions.example.org")


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080", "a.localhost"],
)
def test_names_that_only_this_machine_has_are_known(host: str) -> None:
    assert Origins("").know_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example.org:8080", "10.0.0.1", "localhost.evil.org", "[", "127.0.0.1.evil.org"],
)
def test_names_that_anybody_may_give_this_machine_are_not(host: str) -> None:
    assert not Origins("").know_host(host)


def test_hosts_of_listed_sites_are_known() -> None:
    assert LISTED.know_host("visio.example.org")
    assert Origins("*").know_host("anything")
