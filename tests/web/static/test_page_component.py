"""<captioner-captions> in pages of others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from page_browser import CaptionPage, Reader
from page_server import ROOM, PageServer, page_server
from playwright.async_api import Browser, expect

HOST = "<!doctype html><title>Une réunion</title><body></body>"
ROOT = Path(__file__).resolve().parents[3]


class Site:
    """Another site, of one page."""

    def __init__(self) -> None:
        self.markup = ""
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        found = b"200 OK" if request.startswith(b"GET / ") else b"204 No Content"
        body = self.markup.encode() if found == b"200 OK" else b""
        head = b"HTTP/1.1 %s\r\nContent-Type: text/html; charset=utf-8\r\n" % found
        writer.write(head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        writer.close()
        await writer.wait_closed()


@pytest_asyncio.fixture(loop_scope="session")
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with await asyncio.start_server(site.answer, "127.0.0.1", 0) as listening:
        site.url = f"http://localhost:{listening.sockets[0].getsockname()[1]}"
        yield site


@pytest_asyncio.fixture(loop_scope="session")
async def embedding(site: Site) -> AsyncIterator[PageServer]:
    """A server that lets the pages of the site use it."""
    async with page_server(allowed_origins=site.url) as server:
        yield server


class Host(Reader):
    """Somebody who reads a page of another site."""

    async def visits(self, site: Site, markup: str) -> CaptionPage:
        site.markup = markup
        page = CaptionPage(await self.context.new_page())
        await page.goes(f"{site.url}/")
        self.asked = [url for url in self.asked if not url.startswith(site.url)]
        return page


def line(server: PageServer, attributes: str = f'room="{ROOM}"') -> str:
    """The line that embeds the captions."""
    script = f'<script type="module" src="{server.url}static/captioner-captions.js"></script>'
    return HOST + script + f"<captioner-captions {attributes}></captioner-captions>"


async def test_one_line_shows_the_captions_of_a_room_in_a_page_of_another_site(
    browser: Browser, site: Site, embedding: PageServer
) -> None:
    async with Host(browser, embedding.url) as host:
        page = await host.visits(site, line(embedding))
        await page.sees_state("waiting")
        claire = await embedding.joins("Claire")
        await claire.says("Bonjour à tous")
        await page.sees_interim("Bonjour à tous")
        await claire.ends("Bonjour à tous.")
        await page.sees_final("Bonjour à tous.")
        await page.sees("Sous-titres générés automatiquement", within=page.captions)


@pytest.mark.slow
async def test_it_goes_on_where_it_was_on_another_site_too(
    browser: Browser, site: Site, embedding: PageServer
) -> None:
    async with Host(browser, embedding.url) as host:
        host.expected += ["ERR_", "503"]
        page = await host.visits(site, line(embedding))
        claire = await embedding.joins("Claire")
        await claire.ends("Un.")
        await page.sees_final("Un.")
        async with embedding.unreachable():
            await page.sees_state("reconnecting")
            await claire.ends("Deux.")
        await page.sees_final("Deux.")
        assert await page.finals() == ["Un.", "Deux."]


async def test_a_site_that_is_not_allowed_sees_that_the_connection_fails(
    browser: Browser, site: Site, server: PageServer
) -> None:
    async with Host(browser, server.url) as host:
        host.expected += ["CORS", "ERR_FAILED"]
        page = await host.visits(site, line(server))
        await page.sees_state("reconnecting")


async def test_the_example_shows_captions_and_who_speaks(
    browser: Browser, site: Site, embedding: PageServer
) -> None:
    example = ROOT / "examples" / "meeting.html"
    markup = example.read_text(encoding="utf-8")
    assert "http://localhost:8080/static/captioner-captions.js" in markup
    async with Host(browser, embedding.url) as host:
        page = await host.visits(site, markup.replace("http://localhost:8080/", embedding.url))
        await page.sees_state("waiting")
        claire = await embedding.joins("Claire", room="reunion")
        await claire.says("Bonjour à tous")
        await page.sees_interim("Bonjour à tous")
        await expect(page.raw.locator("figure.speaking")).to_have_text(re.compile("Claire"))
        await claire.ends("Bonjour à tous.")
        await page.sees_final("Bonjour à tous.")
        await expect(page.raw.locator("figure.speaking")).to_have_count(0)
        await page.raw.get_by_role("button", name="Sous-titres", exact=True).click()
        await expect(page.captions).to_be_hidden()


LISTEN = """(names) => {
    window.told = [];
    for (const name of names) {
        document.addEventListener(name, ({ detail }) => window.told.push([name, detail]));
    }
}"""
EVENTS = ["started", "caption", "shown", "retracted", "reset", "ended", "statechange"]


async def told(page: CaptionPage, name: str) -> list[Any]:
    result: list[Any] = await page.raw.evaluate(
        "(name) => window.told.filter(([each]) => each === name).map(([, detail]) => detail)", name
    )
    return result


async def test_events_tell_the_page_what_happens(page: CaptionPage, server: PageServer) -> None:
    await page.sees_state("waiting")
    await page.raw.evaluate(LISTEN, EVENTS)
    claire = await server.joins("Claire")
    await claire.says("Bonjour à tous")
    await page.sees_interim("Bonjour à tous")
    await claire.ends("Bonjour à tous.")
    await page.sees_final("Bonjour à tous.")
    interim, final = await told(page, "caption")
    assert (interim["final"], final["final"]) == (False, True)
    assert final["text"] == "Bonjour à tous."
    assert final["speaker"] == "Claire"
    assert interim["committed"] == len("Bonjour à")
    await claire.says("Hum")
    await page.sees_interim("Hum")
    await claire.comes_back()
    await page.until("() => !root().querySelector('.slot')")
    assert await told(page, "retracted") == [{"id": interim["id"].replace("-1", "-2")}]
    await server.delete()
    await page.until("() => !root().querySelector('.log .row')")
    assert [event["reason"] for event in await told(page, "reset")] == ["epoch"]
    await claire.ends("De nouveau.")
    await page.sees_final("De nouveau.")
    await server.end()
    await page.sees_state("ended")
    assert len(await told(page, "ended")) == 1
    states = [event["state"] for event in await told(page, "statechange")]
    assert states[-1] == "ended"
    assert set(states) <= {"waiting", "live", "ended"}


async def test_properties_and_methods_are_those_of_the_documentation(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.ends("Bonjour à tous.")
    await page.sees_final("Bonjour à tous.")
    found = await page.captions.evaluate(
        """(element) => {
            const said = element.captions.map(({ text }) => text);
            element.pause();
            const paused = element.following;
            element.follow();
            const { following } = element;
            const hits = element.search('bonjour');
            element.search('');
            element.disconnect();
            const idle = element.state;
            element.receive('caption', { id: 'x-1', revision: 1, track: 't', speaker: 'Moi',
                start: 0, end: 1, wall: null, text: 'À part.', committed: 7, final: true });
            return { said, paused, following, hits, idle,
                more: element.captions.length, room: element.room };
        }"""
    )
    assert found == {
        "said": ["Bonjour à tous."],
        "paused": False,
        "following": True,
        "hits": {"count": 1, "index": 0},
        "idle": "idle",
        "more": 2,
        "room": ROOM,
    }
    await page.sees_final("À part.")
    await page.captions.evaluate("(element) => element.clear()")
    await page.until("() => !root().querySelector('.log .row')")


async def test_another_room_is_another_transcript(page: CaptionPage, server: PageServer) -> None:
    claire = await server.joins("Claire")
    await claire.ends("Ici.")
    amina = await server.joins("Amina", room="Ailleurs")
    await amina.ends("Là-bas.")
    await page.sees_final("Ici.")
    await page.captions.evaluate("(element) => { element.room = 'Ailleurs'; }")
    await page.sees_final("Là-bas.")
    assert await page.finals() == ["Là-bas."]


async def test_it_can_be_taken_out_and_put_back(
    page: CaptionPage, reader: Reader, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.ends("Un.")
    await page.sees_final("Un.")
    await page.raw.evaluate(
        "window.kept = document.querySelector('captioner-captions'); kept.remove()"
    )
    await claire.ends("Deux.")
    await page.raw.evaluate("document.querySelector('.captions-place').append(window.kept)")
    await page.sees_final("Deux.")
    assert await page.finals() == ["Un.", "Deux."]


async def test_a_token_is_sent_where_there_is_no_cookie(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("jeton-secret\n")
    async with (
        page_server(tokens, allowed_origins=site.url) as server,
        Host(browser, server.url) as host,
    ):
        host.expected.append("401")
        page = await host.visits(site, line(server))
        await page.sees_state("unauthorized")
        await page.captions.evaluate("(element) => { element.token = 'jeton-secret'; }")
        await page.sees_state("waiting")
        assert (
            await page.captions.evaluate("(element) => element.outerHTML.includes('secret')")
            is False
        )


async def test_it_can_be_styled_from_outside(
    browser: Browser, site: Site, embedding: PageServer
) -> None:
    style = (
        "<style>captioner-captions { --captioner-size: 30px; --captioner-color: rgb(1, 2, 3) }"
        " captioner-captions::part(text) { letter-spacing: 3px }</style>"
    )
    async with Host(browser, embedding.url) as host:
        page = await host.visits(
            site, line(embedding, f'room="{ROOM}" lines="2" bar="off"') + style
        )
        claire = await embedding.joins("Claire")
        for number in range(9):
            await claire.ends(f"Phrase {number}.")
        await page.sees_final("Phrase 8.")
        look = await page.log.locator(".text").last.evaluate(
            "(e) => { const s = getComputedStyle(e); return [s.fontSize, s.color, s.letterSpacing] }"
        )
        assert look == ["30px", "rgb(1, 2, 3)", "3px"]
        assert not await page.captions.locator(".bar").is_visible()
        box = await page.captions.bounding_box()
        assert box is not None
        assert box["height"] < 150
        assert await page.log.get_by_text("Phrase 8.").is_visible()
