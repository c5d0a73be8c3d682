"""A real Chromium, and a server whose captions the tests write.

The browser starts once for all tests: they share one event loop, and one process of xdist.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from page_browser import CaptionPage, Reader, chromium
from page_server import PageServer, page_server
from playwright.async_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and _is_async(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if not item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.xdist_group("browser"))


def _is_async(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[PageServer]:
    async with page_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def reader(browser: Browser, server: PageServer) -> AsyncIterator[Reader]:
    """Somebody with a browser of their own, in which nothing may go wrong unnoticed."""
    reader = Reader(browser, server.url)
    async with reader:
        yield reader


@pytest_asyncio.fixture(loop_scope="session")
async def page(reader: Reader) -> CaptionPage:
    """The page of the room, before anybody has spoken."""
    return await reader.opens()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, as a Python package brings it."""
    import axe_playwright_python

    folder = Path(axe_playwright_python.__file__).parent
    return (folder / "axe.min.js").read_text(encoding="utf-8")
