"""Every state of the pages, under the rules of axe-core."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from page_browser import DESKTOP, PHONE, CaptionPage, Reader, violations
from page_server import PageServer, page_server
from playwright.async_api import Browser, expect


async def room_states(page: CaptionPage, server: PageServer) -> AsyncIterator[str]:
    """Take the page of a room through its states; stops at each."""
    await page.sees_state("waiting")
    yield "waiting"
    claire, julien = await server.joins("Claire"), await server.joins("Julien")
    people = [await server.joins(f"Personne {number}") for number in range(7)]
    for person in people:
        await person.ends("Bonjour à tous, et merci d'être venus.")
    await claire.says("Nous avons trois points à l'ordre du")
    await julien.says("Attendez une question")
    await page.sees_interim("Attendez une question")
    yield "two speak"
    await page.raw.keyboard.press("t")
    await page.raw.keyboard.press("/")
    await page.raw.keyboard.type("merci")
    await expect(page.captions.locator("mark.current")).to_be_visible()
    yield "search"
    await page.raw.keyboard.press("Escape")
    for key, name in (("d", "downloads"), ("r", "settings"), ("?", "help")):
        await page.raw.keyboard.press(key)
        yield name
        await page.raw.keyboard.press("Escape")
    await server.publish([people[0].final(f"Phrase {number}.") for number in range(60)])
    await page.sees_final("Phrase 59")
    await page.scrolls(-500)
    await page.captions.locator(".new").wait_for()
    yield "paused"
    await page.captions.get_by_text("générés automatiquement").click()
    yield "facts"
    await page.raw.keyboard.press("c")
    yield "hidden"
    await page.raw.keyboard.press("c")
    async with server.unreachable():
        await page.sees_state("reconnecting")
        yield "reconnecting"
    await page.tries_again()
    await page.sees_state("live")
    await server.end()
    await page.sees_state("ended")
    yield "ended"


@pytest.mark.parametrize(
    ("theme", "size"),
    [
        ("light", DESKTOP),
        pytest.param("dark", PHONE, marks=pytest.mark.slow),
        pytest.param("light", PHONE, marks=pytest.mark.slow),
        pytest.param("dark", DESKTOP, marks=pytest.mark.slow),
        pytest.param("contrast", DESKTOP, marks=pytest.mark.slow),
        pytest.param("contrast", PHONE, marks=pytest.mark.slow),
    ],
)
async def test_the_page_of_a_room_has_no_barrier_in_any_state(
    browser: Browser, server: PageServer, axe: str, theme: str, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    async with Reader(browser, server.url, viewport=viewport) as reader:
        reader.expected += ["ERR_", "503"]
        await reader.keeps("captioner.settings", json.dumps({"theme": theme}))
        page = await reader.opens()
        found = {state: await violations(page, axe) async for state in room_states(page, server)}
    assert len(found) == 11
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    "theme",
    [
        "light",
        pytest.param("dark", marks=pytest.mark.slow),
        pytest.param("contrast", marks=pytest.mark.slow),
    ],
)
async def test_the_other_pages_have_no_barrier(
    browser: Browser, tmp_path: Path, axe: str, theme: str
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("jeton-secret\n")
    settings = json.dumps({"theme": theme})
    found: dict[str, list[str]] = {}
    async with page_server() as server, Reader(browser, server.url) as reader:
        await reader.keeps("captioner.settings", settings)
        page = await reader.opens("")
        await page.sees("Aucune réunion")
        found["no rooms"] = await violations(page, axe)
        claire = await server.joins("Claire", talking=True)
        await server.joins("Amina", room="Autre")
        page = await reader.opens("")
        await page.sees("Claire parle")
        found["rooms"] = await violations(page, axe)
        found["microphone"] = await violations(await reader.opens("mic"), axe)
        overlay = await reader.opens("?room=Autre&overlay=1")
        await overlay.raw.locator(".overlay-box").wait_for()
        found["overlay"] = await violations(overlay, axe)
        await claire.leaves()
    async with page_server(tokens) as server, Reader(browser, server.url) as reader:
        reader.expected.append("401")
        await reader.keeps("captioner.settings", settings)
        page = await reader.opens()
        await page.raw.get_by_label("Jeton d’accès").fill("faux")
        await page.raw.keyboard.press("Enter")
        await page.sees("Ce jeton n’est pas accepté")
        found["token"] = await violations(page, axe)
    assert len(found) == 5
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


@pytest.mark.slow
async def test_colours_of_the_system_are_honoured(browser: Browser, server: PageServer) -> None:
    look = "() => getComputedStyle(root().querySelector('.stage')).backgroundColor"
    seen = []
    for options in (
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"color_scheme": "dark", "contrast": "more"},
    ):
        async with Reader(browser, server.url, **options) as reader:
            seen.append(await (await reader.opens()).asks(look))
    white, grey, black = seen
    assert "1 1 1" in white or "255" in white
    assert grey not in (white, black)
    assert black.replace("color(srgb ", "rgb(").startswith("rgb(0")
    async with Reader(browser, server.url, forced_colors="active") as reader:
        page = await reader.opens()
        claire = await server.joins("Claire")
        await claire.ends("Bonjour.")
        await page.sees_final("Bonjour.")
        shape = page.log.locator(".mark").first
        drawn = await shape.evaluate(
            "(mark) => [getComputedStyle(mark).backgroundColor, getComputedStyle(mark.parentNode).backgroundColor]"
        )
        assert drawn[0] != drawn[1]


async def test_a_history_is_not_read_aloud_but_what_follows_is(
    reader: Reader, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await server.publish([claire.final(f"Phrase {number}.") for number in range(20)])
    page = await reader.opens()
    await page.until("() => root().querySelector('.log[aria-busy=true]')")
    await page.until("() => root().querySelector('.log:not([aria-busy])')")
    await claire.ends("Une de plus.")
    await page.sees_final("Une de plus.")
    assert await page.log.get_attribute("aria-busy") is None
