"""The captions of a room, as somebody sees them who reads along."""

from __future__ import annotations

import pytest
from page_browser import DESKTOP, PHONE, CaptionPage, Reader, stand_where
from page_server import PageServer, Person
from playwright.async_api import Browser

SENTENCES = (
    "Bonjour à tous, merci d'être présents ce matin.",
    "Nous avons trois points à l'ordre du jour.",
    "Le premier est le budget de l'année prochaine, que Sophie va nous présenter.",
)


async def fill(page: CaptionPage, server: PageServer) -> Person:
    """Somebody who has said more than the page has room for."""
    claire = await server.joins("Claire")
    await server.publish([claire.final(f"Phrase {number} sur quarante.") for number in range(40)])
    await page.sees_final("Phrase 39")
    return claire


async def test_a_room_where_nobody_has_spoken_says_that_it_waits(page: CaptionPage) -> None:
    await page.sees_state("waiting")
    await page.sees("En attente d’une prise de parole", within=page.captions)


async def test_what_is_being_said_appears_with_its_committed_part_apart(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.says("Bonjour à tous merci", committed=3)
    await page.sees_interim("Bonjour à tous merci")
    committed, tentative = page.live.locator(".committed"), page.live.locator(".tentative")
    assert await committed.text_content() == "Bonjour à tous "
    assert await tentative.text_content() == "merci"
    styles = [
        await each.evaluate("(e) => getComputedStyle(e).color") for each in (committed, tentative)
    ]
    assert styles[0] != styles[1]
    await page.sees_state("live")


async def test_only_finals_are_read_aloud(page: CaptionPage, server: PageServer) -> None:
    claire = await server.joins("Claire")
    await claire.ends(SENTENCES[0])
    await claire.says("Nous avons trois")
    await page.sees_interim("Nous avons trois")
    log = page.captions.get_by_role("log")
    assert await log.get_attribute("aria-live") == "polite"
    assert "Nous avons" not in (await log.text_content() or "")
    assert await page.live.get_attribute("aria-live") == "off"


async def test_an_interim_becomes_final_where_it_stands(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    for sentence in SENTENCES:
        await claire.says(sentence)
        await page.sees_interim(sentence)
        before = await page.where_all_is()
        await claire.ends(sentence)
        await page.sees_final(sentence)
        assert stand_where(await page.where_finals_are(), before)
        assert await page.interims() == []


async def test_an_interim_becomes_final_where_it_stands_when_the_page_is_full(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await fill(page, server)
    await claire.says("Et voici la suite")
    await page.sees_interim("Et voici la suite")
    assert await page.scroll_top() > 0
    before = await page.where_all_is()
    await claire.ends("Et voici la suite.")
    await page.sees_final("Et voici la suite.")
    assert stand_where(await page.where_finals_are(), before)


@pytest.mark.parametrize("width", [DESKTOP[0], PHONE[0]])
async def test_growing_and_changing_interims_move_nothing(
    page: CaptionPage, server: PageServer, width: int
) -> None:
    await page.raw.set_viewport_size({"width": width, "height": 800})
    claire = await fill(page, server)
    julien = await server.joins("Julien")
    await claire.says("Alors")
    await page.sees_interim("Alors")
    await julien.says("Oui")
    await page.sees_interim("Oui")
    before = await page.where_all_is()
    words = ["Alors", "nous", "passons", "au", "calendrier", "avec", "une", "étape"]
    for count in range(2, len(words) + 1, 2):
        said = " ".join(words[:count])
        await claire.says(said)
        await page.sees_interim(said)
        assert stand_where(await page.where_all_is(), before)
    await claire.says("Alors nous passerons")
    await page.sees_interim("Alors nous passerons")
    assert stand_where(await page.where_all_is(), before)


async def test_the_words_of_a_long_utterance_above_another_roll_within_their_place(
    page: CaptionPage, server: PageServer
) -> None:
    claire, julien = await server.joins("Claire"), await server.joins("Julien")
    await claire.says("Alors")
    await page.sees_interim("Alors")
    await julien.says("Oui")
    await page.sees_interim("Oui")
    before = (await page.where_interims_are())[1]
    long = " ".join(f"mot{number}" for number in range(80))
    await claire.says(long)
    await page.sees_interim(long)
    assert (await page.where_interims_are())[1].is_at(before)
    slot, words = page.live.locator(".slot").first, page.live.locator(".words").first
    outer, inner = await slot.bounding_box(), await words.bounding_box()
    assert outer is not None
    assert inner is not None
    assert inner["height"] > outer["height"]
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1  # its end is seen


@pytest.mark.parametrize("width", [DESKTOP[0], PHONE[0]])
async def test_the_finals_of_two_who_speak_at_once_come_where_their_interims_were(
    page: CaptionPage, server: PageServer, width: int
) -> None:
    await page.raw.set_viewport_size({"width": width, "height": 800})
    claire, julien = await server.joins("Claire"), await server.joins("Julien")
    await claire.says("Nous avons fini")
    await page.sees_interim("Nous avons fini")
    await julien.says("Attendez")
    await page.sees_interim("Attendez")
    before = await page.where_all_is()
    await claire.ends("Nous avons fini.")
    await page.sees_final("Nous avons fini.")
    assert stand_where(await page.where_all_is(), before)
    await julien.ends("Attendez !")
    await page.sees_final("Attendez")
    assert stand_where(await page.where_all_is(), before)


@pytest.mark.parametrize("width", [DESKTOP[0], PHONE[0]])
@pytest.mark.parametrize("full", [False, True])
async def test_a_short_word_of_another_leaves_a_long_utterance_where_it_is(
    page: CaptionPage, server: PageServer, width: int, full: bool
) -> None:
    await page.raw.set_viewport_size({"width": width, "height": 800})
    claire = await fill(page, server) if full else await server.joins("Claire")
    julien = await server.joins("Julien")
    await claire.ends("Commençons.")
    await claire.says("Nous avons trois points")
    await page.sees_interim("Nous avons trois points")
    await julien.says("Oui")
    await page.sees_interim("Oui")
    before = (await page.where_interims_are())[0]
    await julien.ends("Oui.")
    await page.sees_final("Oui.")
    assert stand_where(await page.where_interims_are(), [before])
    assert (await page.finals())[-2:] == ["Commençons.", "Oui."]


async def test_an_interim_that_is_taken_back_disappears(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.says("Hum")
    await page.sees_interim("Hum")
    await claire.ends("")
    await page.until("() => !root().querySelector('.slot')")
    assert await page.finals() == []


async def test_an_interim_whose_speaker_is_lost_disappears(
    page: CaptionPage, server: PageServer
) -> None:
    claire, julien = await server.joins("Claire"), await server.joins("Julien")
    await julien.says("Je reste")
    await claire.says("Je pars")
    await page.sees_interim("Je pars")
    await claire.comes_back()
    await page.until("() => root().querySelectorAll('.slot:not(.blank)').length === 1")
    assert await page.interims() == ["Je reste"]


async def test_a_name_stands_at_the_start_of_each_turn(
    page: CaptionPage, server: PageServer
) -> None:
    claire, julien = await server.joins("Claire"), await server.joins("Julien")
    await claire.ends("Bonjour.")
    await claire.ends("Commençons.")
    await julien.ends("Oui.")
    await page.sees_final("Oui.")
    shown = await page.asks(
        """() => [...root().querySelectorAll('.log .row')].map((row) =>
            [row.querySelector('.name').textContent, row.classList.contains('same')])"""
    )
    assert shown == [["Claire", False], ["Claire", True], ["Julien", False]]


async def test_speakers_have_the_same_colours_and_shapes_for_all_readers_and_after_a_reload(
    browser: Browser, page: CaptionPage, server: PageServer
) -> None:
    look = """() => [...root().querySelectorAll('.log .row')].map((row) => [
        getComputedStyle(row.querySelector('.name')).color,
        getComputedStyle(row.querySelector('.mark')).clipPath])"""
    for name in ("Claire", "Julien", "Sophie", "Amina"):
        await (await server.joins(name)).ends("Bonjour.")
    await page.until("() => root().querySelectorAll('.log .row').length === 4")
    looks = await page.asks(look)
    assert len({colour for colour, _ in looks}) == len({shape for _, shape in looks}) == 4
    await page.raw.reload()
    await page.until("() => root().querySelectorAll('.log .row').length === 4")
    assert await page.asks(look) == looks
    async with Reader(browser, server.url) as other:
        second = await other.opens()
        await second.until("() => root().querySelectorAll('.log .row').length === 4")
        assert await second.asks(look) == looks


async def test_a_reload_keeps_the_history(page: CaptionPage, server: PageServer) -> None:
    claire = await server.joins("Claire")
    for sentence in SENTENCES:
        await claire.ends(sentence)
    await claire.says("Et ensuite")
    await page.sees_interim("Et ensuite")
    await page.raw.reload()
    await page.sees_interim("Et ensuite")
    assert await page.finals() == list(SENTENCES)


async def test_two_readers_see_the_same_whenever_they_came(
    browser: Browser, page: CaptionPage, server: PageServer
) -> None:
    claire, julien = await server.joins("Claire"), await server.joins("Julien")
    await claire.ends(SENTENCES[0])
    await claire.says("Nous avons trois")
    await julien.ends("Bonjour !")
    await page.sees_final("Bonjour")
    async with Reader(browser, server.url) as other:
        second = await other.opens()
        await claire.ends(SENTENCES[1])
        await julien.says("D'accord")
        for each in (page, second):
            await each.sees_interim("D'accord")
        assert await page.finals() == await second.finals()
        assert len(await page.finals()) == 3


async def test_the_page_recovers_when_the_server_restarts(
    page: CaptionPage, reader: Reader, server: PageServer
) -> None:
    reader.expected += ["ERR_", "503"]
    claire = await server.joins("Claire")
    await claire.ends(SENTENCES[0])
    await page.sees_final(SENTENCES[0])
    await server.stop()
    await page.sees_state("reconnecting")
    await page.sees("Connexion perdue", within=page.captions)
    assert await page.finals() == [SENTENCES[0]]  # what was read stays while nobody answers
    await server.start()
    again = await server.joins("Claire")
    await again.ends("Nous reprenons.")
    await page.tries_again()
    await page.sees_final("Nous reprenons.")
    await page.sees_state("live")
    assert await page.finals() == ["Nous reprenons."]  # another meeting: the server says so


async def test_the_page_goes_on_where_it_was_when_only_the_connection_broke(
    page: CaptionPage, reader: Reader, server: PageServer
) -> None:
    reader.expected += ["ERR_", "503"]
    claire = await server.joins("Claire")
    await claire.ends(SENTENCES[0])
    await page.sees_final(SENTENCES[0])
    async with server.unreachable():
        await page.sees_state("reconnecting")
        await claire.ends(SENTENCES[1])
    await page.sees_final(SENTENCES[1])
    assert await page.finals() == list(SENTENCES[:2])


async def test_a_meeting_that_ends_is_said_to_have_ended(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.ends(SENTENCES[0])
    await page.sees_final(SENTENCES[0])
    await server.end()
    await page.sees_state("ended")
    await page.sees("Réunion terminée", within=page.captions)
    assert await page.finals() == [SENTENCES[0]]


async def test_a_meeting_that_ends_without_a_word_says_so(
    page: CaptionPage, server: PageServer
) -> None:
    await server.joins("Claire")
    await page.sees_state("waiting")
    await page.sees("En attente d’une prise de parole")
    await server.end()
    await page.sees("Rien n’a été dit")


async def test_a_meeting_that_was_deleted_is_gone_from_the_page(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.ends(SENTENCES[0])
    await page.sees_final(SENTENCES[0])
    await server.delete()
    await page.until("() => !root().querySelector('.log .row')")


async def test_scrolling_back_pauses_and_counts_what_is_new(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await fill(page, server)
    button = page.captions.locator(".new")
    assert not await button.is_visible()
    await page.scrolls(-600)
    await button.wait_for()
    assert await button.text_content() == "Revenir au direct"
    top = await page.scroll_top()
    await claire.ends("Première de plus.")
    await page.until("() => root().querySelector('.new').textContent === '1 nouveau sous-titre'")
    await claire.ends("Deuxième de plus.")
    await page.until("() => root().querySelector('.new').textContent === '2 nouveaux sous-titres'")
    assert await page.scroll_top() == top
    await button.click()
    await button.wait_for(state="hidden")
    assert await page.log.get_by_text("Deuxième de plus.").is_visible()
    await claire.ends("Troisième de plus.")
    await page.sees_final("Troisième de plus.")
    assert not await button.is_visible()


async def test_scrolling_forward_to_the_end_follows_again(
    page: CaptionPage, server: PageServer
) -> None:
    await fill(page, server)
    await page.scrolls(-600)
    await page.captions.locator(".new").wait_for()
    await page.scrolls(2000)
    await page.captions.locator(".new").wait_for(state="hidden")


async def test_french_marks_are_never_left_alone_on_a_line(
    page: CaptionPage, server: PageServer
) -> None:
    claire = await server.joins("Claire")
    await claire.ends("Est-ce clair ? Oui : très !")
    await page.sees_final("Est-ce clair")
    assert await page.finals() == ["Est-ce clair\u202f? Oui\u00a0: très\u202f!"]


HOSTILE = (
    '<img src=x onerror="document.title=1">',
    "<script>document.title=2</script>",
    "&lt;b&gt;gras&lt;/b&gt; ${title} {{title}} ]]>",
    "\u202eesrevni\u202c \u0000 \u2028 fin",
    "javascript:alert(1)",
)


async def test_hostile_names_and_texts_are_shown_as_text(
    page: CaptionPage, server: PageServer
) -> None:
    title = await page.raw.title()
    for text in HOSTILE:
        person = await server.joins(text)
        await person.says(text)
        await page.until("() => root().querySelector('.slot')")
        await person.ends(text)
        await page.until("() => !root().querySelector('.slot')")
    assert await page.raw.title() == title
    inside = await page.asks(
        "() => [...root().querySelectorAll('.log *')].map((element) => element.localName)"
    )
    assert set(inside) <= {"div", "span", "bdi", "time", "p"}
    assert (await page.finals())[0] == HOSTILE[0]
    names = await page.log.locator(".name").all_text_contents()
    assert names[0] == HOSTILE[0]


async def test_long_words_and_names_stay_within_the_page(
    page: CaptionPage, server: PageServer
) -> None:
    endless = await server.joins("Anticonstitutionnellement" * 8)
    await endless.ends("x" * 2000)
    await endless.says("y" * 500)
    await page.sees_interim("y" * 500)
    for width in (1280, 320):
        await page.raw.set_viewport_size({"width": width, "height": 800})
        over = await page.asks(
            """() => [document.documentElement, root().querySelector('.scroller')]
                .map((element) => element.scrollWidth - element.clientWidth)"""
        )
        assert over == [0, 0]


async def test_text_from_right_to_left_begins_at_the_right(
    page: CaptionPage, server: PageServer
) -> None:
    amina = await server.joins("أمينة")
    await amina.ends("مرحبا بكم جميعا")
    await page.sees_final("مرحبا")
    [words] = await page.where_finals_are()
    place = await page.log.locator(".text").bounding_box()
    assert place is not None
    assert words.x + words.width > place["x"] + place["width"] - 2


async def test_the_page_says_what_made_the_captions(page: CaptionPage) -> None:
    await page.sees_state("waiting")
    summary = page.captions.get_by_text("Sous-titres générés automatiquement")
    await summary.click()
    facts = page.captions.locator(".facts")
    assert await facts.is_visible()
    text = await facts.text_content() or ""
    assert "echo" in text
    assert "0" * 64 in text
