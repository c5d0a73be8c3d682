from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.routing import Router

from captioner.web.pages import FOLDER, MEDIA_TYPES, pages

MARKUP = "<!doctype html><title>été</title>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "parts").mkdir(parents=True)
    (folder / "index.html").write_text(MARKUP, encoding="utf-8")
    (folder / "mic.html").write_text(MARKUP, encoding="utf-8")
    (folder / "page.css").write_text("body { margin: 0 }", encoding="utf-8")
    (folder / "favicon.ico").write_bytes(b"icon")
    (folder / "parts" / "feed.js").write_text("export {};", encoding="utf-8")
    (folder / "notes.py").write_text("secret", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    return folder


def client_of(folder: Path, frame_ancestors: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Router(pages(frame_ancestors, folder)))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


@pytest_asyncio.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(folder) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/mic", "text/html; charset=utf-8"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/parts/feed.js", "text/javascript; charset=utf-8"),
        ("/favicon.ico", "image/x-icon"),
    ],
)
async def test_files_have_their_addresses_and_kinds(
    client: httpx.AsyncClient, path: str, media_type: str
) -> None:
    response = await client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    head = await client.head(path)
    assert head.headers["content-length"] == str(len(response.content))


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/static/index.html",
        "/static/notes.py",
        "/static/",
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/parts/..%2f..%2f..%2fsecret.txt",
        "/static//page.css",
    ],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert "secret" not in response.text


async def test_a_browser_asks_whether_its_copy_is_current(
    client: httpx.AsyncClient, folder: Path
) -> None:
    first = await client.get("/static/page.css")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    same = await client.get("/static/page.css", headers={"if-none-match": f'"other", {etag}'})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == etag
    (folder / "page.css").write_text("body { margin: 1em }", encoding="utf-8")
    async with client_of(folder) as after_an_upgrade:
        other = await after_an_upgrade.get("/static/page.css", headers={"if-none-match": etag})
    assert other.status_code == 200
    assert other.headers["etag"] != etag


async def test_a_file_that_is_asked_for_by_its_version_never_changes(
    client: httpx.AsyncClient,
) -> None:
    version = (await client.get("/static/page.css")).headers["etag"].strip('"')
    named = await client.get("/static/page.css", params={"v": version})
    assert named.headers["cache-control"] == "public, max-age=31536000, immutable"
    outdated = await client.get("/static/page.css", params={"v": "0"})
    assert outdated.headers["cache-control"] == "no-cache"


async def test_a_page_runs_no_inline_script_and_loads_nothing_from_elsewhere(
    client: httpx.AsyncClient,
) -> None:
    headers = (await client.get("/")).headers
    policy = dict(
        rule.strip().split(" ", 1) for rule in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert "microphone=(self)" in headers["permissions-policy"]


@pytest.mark.parametrize(
    ("setting", "ancestors"),
    [
        ("https://a.example https://b.example", "'self' https://a.example https://b.example"),
        ("*", "*"),
    ],
)
async def test_other_sites_may_show_a_page_when_they_are_listed(
    folder: Path, setting: str, ancestors: str
) -> None:
    async with client_of(folder, setting) as client:
        policy = (await client.get("/")).headers["content-security-policy"]
    assert policy.endswith(f"frame-ancestors {ancestors}")


async def test_scripts_may_be_used_by_pages_of_other_sites(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/static/parts/feed.js")).headers
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert "content-security-policy" not in headers


def test_every_file_of_the_product_can_be_served() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert files
    assert [path.name for path in files if path.suffix not in MEDIA_TYPES] == []


async def test_the_pages_of_the_product_are_there() -> None:
    async with client_of(FOLDER) as client:
        assert "<html" in (await client.get("/")).text
