"""Long meetings: what the browser has to do is bounded by what is seen, not by what was said."""

from __future__ import annotations

from page_browser import Box, CaptionPage, Reader
from page_server import PageServer, page_server
from playwright.async_api import Browser, expect

SPOKEN = 3000  # captions: more than an hour of a lively meeting
SEEN = 300  # rows: a few windows
PIXEL = 1.0  # browsers scroll by whole pixels, and lines are not whole pixels high
NAMES = ("Claire", "Julien", "Sophie")


async def an_hour(server: PageServer) -> None:
    people = [await server.joins(name) for name in NAMES]
    notices = [
        people[number % 3].final(f"Nous en venons au point numéro {number}, le budget.")
        for number in range(SPOKEN)
    ]
    await server.publish(notices)


async def rows_laid_out(page: CaptionPage) -> int:
    count: int = await page.asks(
        "() => [...root().querySelectorAll('.log .text')].filter("
        "(text) => text.checkVisibility({ contentVisibilityAuto: true })).length"
    )
    return count


async def sees_last(page: CaptionPage, text: str) -> None:
    """Wait until the last final is within the window."""
    await page.until(
        """(text) => {
            const last = [...root().querySelectorAll('.log .text')].at(-1);
            const window = root().querySelector('.scroller').getBoundingClientRect();
            const { top, bottom } = last.getBoundingClientRect();
            return last.textContent.includes(text) && top >= window.top && bottom <= window.bottom;
        }""",
        text,
    )


async def test_a_long_meeting_is_there_at_once_and_only_what_is_seen_is_laid_out(
    browser: Browser,
) -> None:
    async with (
        page_server(room_history_size=SPOKEN) as server,
        Reader(browser, server.url) as reader,
    ):
        await an_hour(server)
        page = await reader.opens()
        last = f"numéro {SPOKEN - 1},"
        await sees_last(page, last)
        assert len(await page.finals()) == SPOKEN
        assert await rows_laid_out(page) < SEEN
        await page.raw.keyboard.press("+")
        await sees_last(page, last)
        await page.captions.locator(".scroller").focus()
        await page.raw.keyboard.press("Home")
        await page.until("() => root().querySelector('.scroller').scrollTop === 0")
        assert await page.log.get_by_text("numéro 0,").is_visible()
        assert await rows_laid_out(page) < SEEN
        await page.raw.keyboard.press("End")
        await sees_last(page, last)
        await page.raw.keyboard.press("/")
        await page.raw.keyboard.type("BUDGET")
        await expect(page.raw.locator("#search-count")).to_have_text(f"{SPOKEN} sur {SPOKEN}")
        assert await page.captions.locator("mark").count() < SEEN
        await page.raw.keyboard.press("Control+a")
        await page.raw.keyboard.type("numero 17,")
        await expect(page.captions.locator("mark.current")).to_have_text("numéro 17,")
        await expect(page.captions.locator("mark.current")).to_be_in_viewport()


async def test_people_who_always_interrupt_each_other_leave_no_holes(
    page: CaptionPage, server: PageServer
) -> None:
    people = [await server.joins(name) for name in NAMES]
    for number in range(30):
        await people[number % 3].says(f"Je disais donc {number}")
        await page.sees_interim(f"Je disais donc {number}")
        if number >= 2:
            before = await places(page)
            await people[(number + 1) % 3].ends(f"Je disais donc {number - 2}.")
            await page.sees_final(f"Je disais donc {number - 2}.")
            after = await places(page)
            assert len(after) == 2
            assert max(abs(box.y - before[text].y) for text, box in after.items()) < PIXEL
    assert await page.live.locator(".slot").count() <= len(NAMES)
    await sees_last(page, "Je disais donc 27.")


async def places(page: CaptionPage) -> dict[str, Box]:
    """Where each interim is, by its text."""
    return dict(zip(await page.interims(), await page.where_interims_are(), strict=True))
