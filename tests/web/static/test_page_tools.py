"""What a reader does with the captions: settings, search, files, keys."""

from __future__ import annotations

import json

import pytest
from page_browser import PHONE, CaptionPage, Reader
from page_server import ROOM, PageServer
from playwright.async_api import Browser, expect


async def test_settings_show_at_once_and_are_kept(page: CaptionPage) -> None:
    raw = page.raw
    await raw.get_by_role("button", name="Réglages").click()
    await raw.get_by_label("Taille du texte").fill("40")
    await raw.get_by_label("Très lisible").check(force=True)
    await raw.get_by_label("Sombre").check(force=True)
    await raw.get_by_label("Opacité du fond").fill("50")
    await raw.get_by_label("Lignes visibles").select_option("3 lignes")
    await raw.get_by_label("En haut").check(force=True)
    await raw.get_by_label("Afficher les heures").check()
    for _ in range(2):
        await page.until(
            "() => getComputedStyle(root().querySelector('.scroller')).fontSize === '40px'"
        )
        look = await page.asks(
            """() => [document.documentElement.dataset.theme, getComputedStyle(document.body).colorScheme,
                root().host.getAttribute('lines'), root().host.hasAttribute('times'),
                getComputedStyle(root().querySelector('.stage')).backgroundColor,
                getComputedStyle(root().host).fontFamily.includes('Verdana')]"""
        )
        assert look[:4] == ["dark", "dark", "3", True]
        assert "0.5" in look[4]
        assert look[5]
        top = await page.captions.bounding_box()
        assert top is not None
        assert top["height"] < 400
        await raw.reload()


async def test_settings_go_back_to_the_original_ones(page: CaptionPage) -> None:
    await page.raw.get_by_role("button", name="Texte plus grand").click()
    await page.until(
        "() => getComputedStyle(root().querySelector('.scroller')).fontSize === '24px'"
    )
    await page.raw.get_by_role("button", name="Réglages").click()
    await page.raw.get_by_role("button", name="Réglages d’origine").click()
    await page.until(
        "() => getComputedStyle(root().querySelector('.scroller')).fontSize === '22px'"
    )


@pytest.mark.parametrize(
    "kept",
    [
        "nonsense",
        "[1,2]",
        "null",
        json.dumps({"size": 1e9, "theme": "<b>", "lines": -1, "font": 3}),
    ],
)
async def test_settings_that_were_damaged_are_not_used(
    browser: Browser, server: PageServer, kept: str
) -> None:
    async with Reader(browser, server.url) as reader:
        await reader.keeps("captioner.settings", kept)
        page = await reader.opens()
        await page.sees_state("waiting")
        size = await page.asks("() => getComputedStyle(root().querySelector('.scroller')).fontSize")
        assert size == ("72px" if "size" in kept else "22px")
        assert await page.captions.get_attribute("lines") is None


async def test_a_browser_that_keeps_nothing_shows_the_captions_all_the_same(
    browser: Browser, server: PageServer
) -> None:
    async with Reader(browser, server.url) as reader:
        await reader.context.add_init_script(
            "Object.defineProperty(window, 'localStorage', "
            "{ get() { throw new DOMException('no', 'SecurityError'); } })"
        )
        page = await reader.opens()
        await page.sees_state("waiting")
        await page.raw.get_by_role("button", name="Texte plus grand").click()
        await page.until(
            "() => getComputedStyle(root().querySelector('.scroller')).fontSize === '24px'"
        )


async def test_the_page_speaks_the_language_of_the_browser_or_the_one_that_is_chosen(
    browser: Browser, server: PageServer
) -> None:
    async with Reader(browser, server.url, locale="en-GB") as reader:
        page = await reader.opens()
        claire = await server.joins("Claire")
        await claire.ends("Bonjour.")
        await page.sees("Captions generated automatically", within=page.captions)
        await page.raw.get_by_role("button", name="Français").click()
        await page.sees("Sous-titres générés automatiquement", within=page.captions)
        await page.sees_final("Bonjour.")
        assert await page.raw.locator("html").get_attribute("lang") == "fr"
        await page.raw.reload()
        await page.sees("Sous-titres générés automatiquement", within=page.captions)
        german = await reader.opens("?lang=en")
        await german.sees("Meetings now")


async def test_search_marks_counts_and_goes_from_one_to_the_next(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.ends("Le budget d'abord, et l'été ensuite.")
    await server.publish([claire.final(f"Phrase {number}.") for number in range(200)])
    await claire.ends("Revenons au Budget : le BUDGÉT.")
    await page.sees_final("Revenons")
    await page.raw.get_by_role("button", name="Rechercher").click()
    await page.raw.keyboard.type("budget")
    count = page.raw.locator("#search-count")
    await expect(count).to_have_text("3 sur 3")
    marked = page.captions.locator("mark")
    await expect(marked).to_have_text(["Budget", "BUDGÉT"])
    await expect(page.captions.locator("mark.current")).to_have_text("BUDGÉT")
    await page.raw.keyboard.press("Enter")
    await expect(count).to_have_text("2 sur 3")
    await page.raw.keyboard.press("Enter")
    await expect(count).to_have_text("1 sur 3")
    await expect(page.captions.locator("mark.current")).to_have_text("budget")
    await expect(page.captions.locator("mark.current")).to_be_in_viewport()
    await page.raw.get_by_role("button", name="Résultat précédent").click()
    await expect(count).to_have_text("3 sur 3")
    await claire.ends("Un budget de plus.")
    await expect(count).to_have_text("3 sur 4")
    await page.raw.keyboard.press("Escape")
    await expect(marked).to_have_count(0)
    await expect(page.raw.get_by_role("button", name="Rechercher")).to_be_focused()
    assert (await page.finals())[0] == "Le budget d'abord, et l'été ensuite."


async def test_a_search_without_a_result_says_so(page: CaptionPage, server: PageServer) -> None:
    await (await server.joins("Claire")).ends("Bonjour.")
    await page.sees_final("Bonjour.")
    await page.raw.keyboard.press("/")
    await page.raw.keyboard.type("<b>")
    await expect(page.raw.locator("#search-count")).to_have_text("Aucun résultat")


@pytest.mark.parametrize("name", ["txt", "vtt", "srt", "ttml", "json"])
async def test_the_transcript_can_be_downloaded(
    page: CaptionPage, server: PageServer, name: str
) -> None:
    await (await server.joins("Claire")).ends("Bonjour à tous.")
    await page.sees_final("Bonjour")
    await page.raw.get_by_role("button", name="Télécharger").click()
    async with page.raw.expect_download() as download:
        await page.raw.get_by_role("link", name=f".{name}").click()
    path = await (await download.value).path()
    assert "Bonjour à tous." in path.read_text(encoding="utf-8")


async def test_the_text_can_be_copied(
    page: CaptionPage, reader: Reader, server: PageServer
) -> None:
    await reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    claire, julien = await server.joins("Claire"), await server.joins("Julien")
    await claire.ends("Bonjour.")
    await claire.ends("Ça va ?")
    await julien.ends("Oui.")
    await page.sees_final("Oui.")
    await page.raw.get_by_role("button", name="Télécharger").click()
    await page.raw.get_by_role("button", name="Copier le texte").click()
    await page.sees("Le texte est copié.")
    copied = await page.raw.evaluate("navigator.clipboard.readText()")
    assert copied == "Claire\u00a0: Bonjour. Ça va\u202f?\n\nJulien\u00a0: Oui."


async def test_everything_can_be_done_with_keys(page: CaptionPage, server: PageServer) -> None:
    await (await server.joins("Claire")).ends("Bonjour.")
    await page.sees_final("Bonjour.")
    keys, raw = page.raw.keyboard, page.raw
    await keys.press("?")
    await expect(raw.get_by_role("dialog", name="Raccourcis clavier")).to_be_visible()
    await keys.press("Escape")
    await keys.press("r")
    await expect(raw.get_by_role("dialog", name="Réglages")).to_be_visible()
    await keys.press("Escape")
    await keys.press("t")
    await expect(page.log.locator("time").first).to_be_visible()
    await keys.press("c")
    await expect(page.captions).to_be_hidden()
    await page.sees("Les sous-titres sont masqués")
    await keys.press("c")
    await expect(page.captions).to_be_visible()
    await keys.press("+")
    await page.until(
        "() => getComputedStyle(root().querySelector('.scroller')).fontSize === '24px'"
    )
    await keys.press("d")
    await expect(raw.get_by_role("link", name=".txt")).to_be_focused()
    await keys.press("Escape")
    await expect(raw.get_by_role("link", name=".txt")).to_be_hidden()


async def test_scrolling_back_and_forth_needs_no_mouse(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await server.publish([claire.final(f"Phrase {number}.") for number in range(60)])
    await page.sees_final("Phrase 59")
    await page.captions.locator(".scroller").focus()
    await page.raw.keyboard.press("PageUp")
    await page.captions.locator(".new").wait_for()
    await page.raw.keyboard.press("End")
    await page.captions.locator(".new").wait_for(state="hidden")


async def test_the_tab_key_reaches_each_control_and_what_has_the_focus_is_seen(
    page: CaptionPage,
) -> None:
    await page.sees_state("waiting")
    reached = []
    for _ in range(14):
        await page.raw.keyboard.press("Tab")
        name, outlined = await page.asks(
            """() => {
                let element = document.activeElement;
                if (element.shadowRoot) element = element.shadowRoot.activeElement;
                const { outlineStyle, outlineWidth } = getComputedStyle(element);
                return [element.id || element.className || element.localName,
                    outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2];
            }"""
        )
        reached.append(name)
        assert outlined, name
        if name == "summary":
            break
    for name in ("skip", "brand", "language", "back", "smaller", "larger", "search-open"):
        assert name in reached
    for name in ("download-open", "settings-open", "help-open", "scroller", "summary"):
        assert name in reached


async def test_keys_of_one_letter_can_be_turned_off_and_never_act_while_one_types(
    page: CaptionPage,
) -> None:
    await page.raw.keyboard.press("/")
    await page.raw.keyboard.type("rt?")
    await expect(page.raw.locator("#search-text")).to_have_value("rt?")
    await page.raw.keyboard.press("Escape")
    await page.raw.get_by_role("button", name="Réglages").click()
    await page.raw.get_by_label("Raccourcis à une touche").uncheck()
    await page.raw.keyboard.press("Escape")
    await page.raw.keyboard.press("t")
    await page.raw.keyboard.press("?")
    assert await page.raw.locator("dialog[open]").count() == 0
    assert not await page.captions.evaluate("(element) => element.hasAttribute('times')")


async def test_nothing_is_wider_than_a_phone_even_with_large_text(
    browser: Browser, server: PageServer
) -> None:
    kept = json.dumps({"size": 72, "times": True})
    size = {"width": 320, "height": PHONE[1]}
    async with Reader(browser, server.url, viewport=size, has_touch=True) as reader:
        await reader.keeps("captioner.settings", kept)
        claire = await server.joins("Claire")
        await claire.ends("Constitutionnellement parlant, anticipons.")
        for path in ("", f"?room={ROOM}", "mic"):
            page = await reader.opens(path)
            await page.raw.locator("h1:visible").first.wait_for()
            over = await page.raw.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert over == 0, path
