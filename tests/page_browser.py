"""Debian's Chromium, driven as a reader does: what is on the screen, and where."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import pytest
from page_server import ROOM
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    async_playwright,
)

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FAKE_MICROPHONE = "--use-fake-device-for-media-stream"
TIMEOUT = 15_000  # ms: a machine that others use too
DESKTOP = (1280, 800)
PHONE = (390, 844)
ROUNDING = 0.5  # pixels
RUN_AXE = ";axe.run(document, { resultTypes: ['violations'] })"


@contextlib.asynccontextmanager
async def chromium(*flags: str, fake_microphone: bool = True) -> AsyncIterator[Browser]:
    """The browser, without a window."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs the Debian package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=[*CHROMIUM_FLAGS, *([FAKE_MICROPHONE] if fake_microphone else []), *flags],
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(frozen=True, slots=True)
class Box:
    """Where something is on the screen, in CSS pixels."""

    x: float
    y: float
    width: float
    height: float

    def is_at(self, other: Box) -> bool:
        """Whether both begin at the same place, but for the rounding of layouts."""
        return abs(self.x - other.x) < ROUNDING and abs(self.y - other.y) < ROUNDING


class Reader:
    """A browser profile of its own: nothing of another reader is in it.

    At its end it fails if the console has complaints, or if anything but the server was asked.
    """

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self._browser = browser
        self._url = url
        self._options: dict[str, Any] = {
            "viewport": {"width": DESKTOP[0], "height": DESKTOP[1]},
            "locale": "fr-FR",
            "timezone_id": "Europe/Paris",
            "reduced_motion": "reduce",  # scrolling is over when it has begun
        } | options
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.expected: list[str] = []
        """Parts of complaints that the test provokes."""

    async def __aenter__(self) -> Self:
        self.context: BrowserContext = await self._browser.new_context(**self._options)
        self.context.set_default_timeout(TIMEOUT)
        self.context.on("console", self._console)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("request", self._request)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.context.close()
        if error is None:
            assert self.unexpected() == []
            assert [url for url in self.asked if not url.startswith(self._url)] == []

    async def opens(self, path: str | None = None) -> CaptionPage:
        """Open an address of the server; by default, the room."""
        page = CaptionPage(await self.context.new_page())
        await page.goes(self._url + (f"?room={quote(ROOM)}" if path is None else path))
        return page

    async def keeps(self, name: str, value: str) -> None:
        """Have the browser remember something from before."""
        await self.context.add_init_script(
            f"if (location.protocol === 'http:') "
            f"localStorage.setItem({json.dumps(name)}, {json.dumps(value)})"
        )

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(part in text for part in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _request(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.asked.append(request.url)


class CaptionPage:
    """One page, in the words of somebody who looks at it."""

    def __init__(self, page: Page) -> None:
        self.raw = page
        self.captions = page.locator("captioner-captions")
        self.log = self.captions.locator(".log")
        self.live = self.captions.locator(".live")

    async def goes(self, url: str) -> None:
        await self.raw.goto(url)

    async def sees(self, text: str, *, within: Locator | None = None) -> None:
        """Wait until a text is there."""
        place = within or self.raw.locator("body")
        await place.get_by_text(text, exact=False).first.wait_for(state="visible")

    async def sees_final(self, text: str) -> None:
        await self.log.locator(".text").get_by_text(text, exact=False).last.wait_for()

    async def sees_interim(self, text: str) -> None:
        """Wait until this is all that one of those who speak says."""
        await self.until(
            "text => [...root().querySelectorAll('.slot:not(.blank) .words')]"
            ".some((words) => words.textContent === text)",
            text,
        )

    async def tries_again(self) -> None:
        """Press the button, which may be gone: the page also comes back by itself."""
        await self.captions.locator("[part=retry]").dispatch_event("click")

    async def sees_state(self, state: str) -> None:
        await self.captions.locator(f'.state[data-state="{state}"]').wait_for()

    async def until(self, predicate: str, argument: object = None) -> None:
        """Wait until a function is true; `root()` is the inside of the captions."""
        await self.raw.wait_for_function(_with_root(predicate), arg=argument)

    async def asks(self, function: str, argument: object = None) -> Any:
        """The value of a function; `root()` is the inside of the captions."""
        return await self.raw.evaluate(_with_root(function), argument)

    async def finals(self) -> list[str]:
        return await self.log.locator(".text").all_text_contents()

    async def interims(self) -> list[str]:
        return await self.live.locator(".slot:not(.blank) .words").all_text_contents()

    async def where_finals_are(self) -> list[Box]:
        return await self._boxes(".log .text")

    async def where_interims_are(self) -> list[Box]:
        return await self._boxes(".slot:not(.blank) .words")

    async def where_all_is(self) -> list[Box]:
        return [*await self.where_finals_are(), *await self.where_interims_are()]

    async def _boxes(self, selector: str) -> list[Box]:
        """Of the letters, not of the room around them."""
        rects: Sequence[dict[str, float]] = await self.asks(
            """(selector) => [...root().querySelectorAll(selector)].map((element) => {
                const range = document.createRange();
                range.selectNodeContents(element);
                const { x, y, width, height } = range.getBoundingClientRect();
                return { x, y, width, height };
            })""",
            selector,
        )
        return [Box(**rect) for rect in rects]

    async def scrolls(self, pixels: int) -> None:
        """Turn the wheel over the captions."""
        box = await self.captions.bounding_box()
        assert box is not None
        await self.raw.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
        await self.raw.mouse.wheel(0, pixels)

    async def scroll_top(self) -> float:
        top: float = await self.asks("() => root().querySelector('.scroller').scrollTop")
        return top


async def violations(page: CaptionPage, axe: str) -> list[str]:
    """What axe-core finds wrong, with the first place of each."""
    result = await page.raw.evaluate(axe + RUN_AXE)
    assert len(result["passes"]) > 10  # it did look
    return [f"{found['id']}: {found['nodes'][0]['html']}" for found in result["violations"]]


def stand_where(now: Sequence[Box], before: Sequence[Box]) -> bool:
    """Whether each is where it was; says which are not."""
    moved = [pair for pair in zip(before, now, strict=True) if not pair[0].is_at(pair[1])]
    assert moved == [], moved
    return True


def _with_root(function: str) -> str:
    return (
        "(argument) => { const root = () => "
        "document.querySelector('captioner-captions').shadowRoot;"
        f"return ({function})(argument); }}"
    )
