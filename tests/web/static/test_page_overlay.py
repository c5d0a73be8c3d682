"""The overlay: a few lines over a stream."""

from __future__ import annotations

import io
from typing import Any

import pytest
from page_browser import Reader
from page_server import ROOM, PageServer
from PIL import Image
from playwright.async_api import Page, expect


async def overlay(reader: Reader, choices: str = "") -> Page:
    page = (await reader.opens(f"?room={ROOM}&overlay=1{choices}")).raw
    await page.locator(".overlay-box").wait_for()
    return page


async def alpha_at(page: Page, x: int, y: int) -> int:
    """How opaque a place of the page is, 0 to 255."""
    picture = Image.open(io.BytesIO(await page.screenshot(omit_background=True)))
    pixel: Any = picture.convert("RGBA").getpixel((x, y))
    return int(pixel[3])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_there_is_nothing_but_the_captions(
    reader: Reader, server: PageServer, scheme: Any
) -> None:
    page = await overlay(reader)
    await page.emulate_media(color_scheme=scheme)
    assert await alpha_at(page, 640, 700) == 0
    claire = await server.joins("Claire")
    await claire.says("Bonjour à tous")
    await expect(page.locator(".overlay-rows")).to_have_text("Claire\u00a0: Bonjour à tous")
    assert await page.locator("header").count() == 0
    assert await alpha_at(page, 640, 20) == 0
    box = await page.locator(".overlay-window").bounding_box()
    assert box is not None
    assert await alpha_at(page, int(box["x"] + 3), int(box["y"] + 3)) == 204  # 80 % of 255
    await expect(page.get_by_text("Sous-titrage automatique")).to_be_visible()


async def test_lines_roll_up_and_no_more_are_seen_than_asked_for(
    reader: Reader, server: PageServer
) -> None:
    page = await overlay(reader, "&lines=3&size=30")
    claire = await server.joins("Claire")
    for count in (5, 60, 120):
        await claire.says(" ".join(f"mot{number}" for number in range(count)))
        await expect(page.get_by_text(f"mot{count - 1}")).to_be_visible()
        box = await page.locator(".overlay-window").bounding_box()
        assert box is not None
        assert box["height"] <= 3 * 30 * 1.4 + 0.5 * 30
        last = await page.locator(".overlay-rows .tentative").last.bounding_box()
        assert last is not None
        assert last["y"] + last["height"] <= box["y"] + box["height"] + 1


async def test_a_final_takes_the_place_of_its_interim(reader: Reader, server: PageServer) -> None:
    page = await overlay(reader)
    claire = await server.joins("Claire")
    await claire.says("Bonjour à")
    rows = page.locator(".overlay-rows p")
    await expect(rows).to_have_text("Claire\u00a0: Bonjour à")
    before = await rows.first.bounding_box()
    await claire.ends("Bonjour à tous.")
    await expect(rows).to_have_text("Claire\u00a0: Bonjour à tous.")
    assert await rows.first.bounding_box() == before


async def test_lines_disappear_after_a_silence(reader: Reader, server: PageServer) -> None:
    page = await overlay(reader, "&clear=0.2")
    claire = await server.joins("Claire")
    await claire.ends("Bonjour à tous.")
    await expect(page.locator(".overlay-rows p")).to_have_count(0)
    await expect(page.locator(".overlay-window")).to_be_hidden()


async def test_what_is_taken_back_disappears(reader: Reader, server: PageServer) -> None:
    page = await overlay(reader)
    claire = await server.joins("Claire")
    await claire.says("Hum")
    await expect(page.locator(".overlay-rows p")).to_have_count(1)
    await claire.ends("")
    await expect(page.locator(".overlay-rows p")).to_have_count(0)


async def test_the_address_says_how_it_looks(reader: Reader, server: PageServer) -> None:
    page = await overlay(
        reader,
        "&size=50&color=ffff00&background=003&opacity=100&position=top&align=left&width=50"
        "&margin=10&names=0&interims=0&label=0&font=serif",
    )
    claire = await server.joins("Claire")
    await claire.says("Provisoire")
    await claire.ends("Bonjour.")
    rows = page.locator(".overlay-rows p")
    await expect(rows).to_have_text(["Bonjour."])
    style = await page.locator(".overlay-window").evaluate(
        "(e) => { const s = getComputedStyle(e); return [s.fontSize, s.color, s.fontFamily]; }"
    )
    assert style[:2] == ["50px", "rgb(255, 255, 0)"]
    assert "serif" in style[2]
    box = await page.locator(".overlay-window").bounding_box()
    assert box is not None
    assert (box["x"], box["y"]) == (10, 10)
    assert box["width"] == pytest.approx((1280 - 20) / 2)
    assert await page.locator(".overlay-label").count() == 0
    assert await alpha_at(page, 12, 12) == 255


async def test_choices_that_are_none_are_as_if_they_were_not_there(
    reader: Reader, server: PageServer
) -> None:
    page = await overlay(
        reader,
        "&size=x&lines=99&color=red;}&background=url(http://x)&position=left&font=Comic&opacity=-3",
    )
    claire = await server.joins("Claire")
    await claire.ends("Bonjour.")
    await expect(page.locator(".overlay-rows p")).to_have_count(1)
    values = await page.locator(".overlay-box").evaluate(
        """(e) => ['size', 'lines', 'color', 'background', 'opacity']
            .map((name) => e.style.getPropertyValue(`--overlay-${name}`))"""
    )
    assert values == ["40px", "4", "#ffffff", "#000000", "0%"]
    assert await page.locator(".overlay-box").get_attribute("data-position") == "bottom"


async def test_what_is_wrong_is_said_to_whoever_sets_it_up(reader: Reader) -> None:
    reader.expected.append("400")
    page = (await reader.opens("?overlay=1&room=" + "x" * 300)).raw
    await expect(page.get_by_role("status")).to_contain_text("Demande refusée")
