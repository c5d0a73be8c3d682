"""The list of rooms, and the form that asks for a token."""

from __future__ import annotations

from pathlib import Path

from page_browser import Reader
from page_server import ROOM, PageServer, page_server
from playwright.async_api import Browser, expect

LOOK_NOW = "document.dispatchEvent(new Event('visibilitychange'))"


async def test_no_room_is_said_to_be_none(reader: Reader) -> None:
    page = await reader.opens("")
    await page.sees("Aucune réunion n’est en cours")


async def test_rooms_show_who_is_there_and_who_speaks_and_lead_to_their_captions(
    reader: Reader, server: PageServer
) -> None:
    await server.joins("Claire")
    await server.joins("Julien", talking=True)
    await server.joins("Amina", room="Revue & <sécurité>/2")
    page = await reader.opens("")
    cards = page.raw.locator(".cards li")
    await expect(cards).to_have_count(2)
    first = cards.filter(has_text=ROOM)
    await expect(first).to_contain_text("Claire, Julien")
    await expect(first).to_contain_text("Julien parle")
    await page.raw.get_by_role("link", name="Revue & <sécurité>/2").click()
    await page.sees_state("waiting")
    await expect(page.raw.get_by_role("heading", level=1)).to_have_text("Revue & <sécurité>/2")


async def test_meetings_that_ended_are_apart_from_those_that_go_on(
    reader: Reader, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.ends("Au revoir.")
    page = await reader.opens("")
    await page.sees(ROOM)
    over = page.raw.locator("#rooms-over")
    await expect(over).to_be_hidden()
    await server.end()
    await page.raw.evaluate(LOOK_NOW)
    await expect(over).to_contain_text("terminée à")
    await page.sees("Aucune réunion n’est en cours")
    await over.get_by_role("link", name=ROOM).click()
    await page.sees_final("Au revoir.")
    await page.sees_state("ended")


async def test_the_list_keeps_itself_up_to_date(reader: Reader, server: PageServer) -> None:
    page = await reader.opens("")
    await page.sees("Aucune réunion n’est en cours")
    await server.joins("Claire")
    await page.sees(ROOM)
    await page.raw.locator(".note").filter(has_text="Aucune réunion").wait_for(state="hidden")


async def test_a_room_can_be_opened_by_name_before_anybody_is_there(reader: Reader) -> None:
    page = await reader.opens("")
    await page.raw.get_by_label("Nom d’une réunion").fill("Conseil n° 4")
    await page.raw.get_by_role("button", name="Ouvrir").click()
    await page.sees_state("waiting")
    await expect(page.raw.get_by_role("heading", level=1)).to_have_text("Conseil n° 4")


async def test_a_list_that_cannot_be_had_says_so_and_comes_back(
    reader: Reader, server: PageServer
) -> None:
    reader.expected += ["ERR_", "503"]
    page = await reader.opens("")
    await page.sees("Aucune réunion n’est en cours")
    async with server.unreachable():
        await page.raw.evaluate(LOOK_NOW)
        await page.sees("Le service ne répond pas")
    await server.joins("Claire")
    await page.raw.evaluate(LOOK_NOW)
    await page.sees(ROOM)


async def test_a_room_name_that_is_too_long_is_refused_in_words(reader: Reader) -> None:
    reader.expected += ["400"]
    page = await reader.opens("?room=" + "x" * 300)
    await page.sees_state("refused")
    await page.sees("Demande refusée", within=page.captions)
    await page.sees("1 à 128 caractères", within=page.captions)


async def test_a_service_with_tokens_asks_for_one_and_then_shows_the_captions(
    browser: Browser, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("jeton-secret\n")
    async with page_server(tokens) as server, Reader(browser, server.url) as reader:
        reader.expected += ["401"]
        page = await reader.opens()
        await page.sees("Ce service demande un jeton d’accès")
        await expect(page.raw.get_by_label("Jeton d’accès")).to_be_focused()
        await page.raw.keyboard.type("faux")
        await page.raw.keyboard.press("Enter")
        await page.sees("Ce jeton n’est pas accepté")
        await expect(page.raw.get_by_label("Jeton d’accès")).to_have_attribute(
            "aria-invalid", "true"
        )
        await page.raw.keyboard.type("jeton-secret")
        await page.raw.keyboard.press("Enter")
        await page.sees_state("waiting")
        claire = await server.joins("Claire")
        await claire.ends("Bonjour.")
        await page.sees_final("Bonjour.")
        listing = await reader.opens("")
        await listing.sees(ROOM)


async def test_the_list_of_a_service_with_tokens_asks_for_one(
    browser: Browser, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("jeton-secret\n")
    async with page_server(tokens) as server, Reader(browser, server.url) as reader:
        reader.expected += ["401"]
        page = await reader.opens("")
        await page.sees("Ce service demande un jeton d’accès")
        await page.raw.keyboard.type("jeton-secret")
        await page.raw.keyboard.press("Enter")
        await page.sees("Aucune réunion n’est en cours")


async def test_without_javascript_the_page_says_what_to_do(
    browser: Browser, server: PageServer
) -> None:
    async with Reader(browser, server.url, java_script_enabled=False) as reader:
        for path in ("", "?room=essai"):
            page = await reader.opens(path)
            plain = page.raw.locator("noscript main")
            await expect(plain).to_be_visible()
            await expect(plain).to_contain_text("elle a besoin de JavaScript")
            await expect(plain).to_contain_text("/transcript.txt")
            assert not await page.raw.locator("header .links").is_visible()
        mic = await reader.opens("mic")
        await expect(mic.raw.locator("noscript main")).to_contain_text("captioner listen")
