"""The microphone page in a browser whose microphone hears a recording."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soundfile
from page_browser import DESKTOP, PHONE, CaptionPage, Reader, chromium, violations
from page_server import SpokenServer, spoken_server
from playwright.async_api import Browser, Page, expect

ROOM = "essai"
SPEECH, SILENCE = 1.8, 1.2  # seconds: a few words, and more than an endpoint takes
HOST = "captions.test"  # not this machine, for the browser: no microphone without TLS
REFUSED = "L’accès au micro a été refusé"
LOST = "La connexion au service est perdue"


def recording(folder: Path, recordings: Path, speech: float | None) -> Path:
    """What the microphone hears, over and over: so much of a sentence, and a silence."""
    samples, rate = soundfile.read(recordings / "sentences" / "000.flac", dtype="int16")
    silence = np.zeros(int(SILENCE * rate), dtype="int16")
    path = folder / "microphone.wav"
    end = None if speech is None else int(speech * rate)
    soundfile.write(path, np.concatenate([samples[:end], silence]), rate)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hearing(
    recordings: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Browser]:
    """A browser whose microphone hears a few words from the moment that it is opened."""
    heard = recording(tmp_path_factory.mktemp("microphone"), recordings, SPEECH)
    flags = (
        f"--use-file-for-fake-audio-capture={heard}",
        f"--host-resolver-rules=MAP {HOST} 127.0.0.1",
    )
    async with chromium(*flags) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def service() -> AsyncIterator[SpokenServer]:
    async with spoken_server() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def speaker(hearing: Browser, service: SpokenServer) -> AsyncIterator[Reader]:
    """Somebody who has a microphone and allows its use."""
    async with Reader(hearing, service.url, permissions=["microphone"]) as reader:
        yield reader


@pytest_asyncio.fixture(loop_scope="session")
async def page(speaker: Reader) -> CaptionPage:
    return await speaker.opens(f"mic?room={ROOM}")


async def starts(page: CaptionPage) -> None:
    await page.raw.get_by_role("button", name="Commencer").click()


async def stops(page: CaptionPage) -> None:
    await page.raw.get_by_role("button", name="Arrêter").click()


async def has_state(page: CaptionPage, text: str) -> None:
    # A service that was full is asked again after the 5 s that it names.
    await expect(page.raw.locator("#mic-state")).to_have_text(text, timeout=20_000)


async def has_finals(page: CaptionPage, least: int = 1) -> list[str]:
    await page.until("(least) => root().querySelectorAll('.log .text').length >= least", least)
    return await page.finals()


async def test_what_is_said_appears_and_turns_final(page: CaptionPage) -> None:
    await has_state(page, "À l’arrêt")
    await starts(page)
    await has_state(page, "Le micro est ouvert")
    await page.until("() => root().querySelector('.slot:not(.blank) .committed')?.textContent")
    [interim] = await page.interims()
    [final, *_] = await has_finals(page)
    assert interim.split()[0] == final.split()[0] == "mot0"
    level = await page.raw.get_by_role("meter").get_attribute("aria-valuenow")
    assert level is not None


async def test_what_is_said_is_what_the_others_in_the_meeting_read(
    page: CaptionPage, speaker: Reader
) -> None:
    await page.raw.get_by_label("Votre nom").fill("Claire")
    await starts(page)
    [said, *_] = await has_finals(page)
    async with speaker.context.expect_page() as opened:
        await page.raw.get_by_role("link", name="comme les autres la voient").click()
    other = CaptionPage(await opened.value)
    await other.sees_final(said)
    await other.sees("Claire", within=other.captions)
    await has_state(page, "Le micro est ouvert")


async def test_stopping_keeps_the_text_and_finalizes_the_last_words(page: CaptionPage) -> None:
    await starts(page)
    await page.until("() => root().querySelector('.slot:not(.blank) .committed')?.textContent")
    await stops(page)
    await has_state(page, "À l’arrêt")
    assert await has_finals(page) != []
    assert await page.interims() == []
    await expect(page.raw.get_by_role("button", name="Commencer")).to_be_enabled()
    assert await page.raw.locator("#mic-error").text_content() == ""
    assert await page.raw.get_by_role("meter").get_attribute("aria-valuenow") == "0"


@pytest.mark.slow
async def test_it_can_be_started_again_with_nothing_of_the_time_before(page: CaptionPage) -> None:
    for _ in range(2):
        await starts(page)
        await has_state(page, "Le micro est ouvert")
        await page.until("() => root().querySelector('.slot:not(.blank) .words')")
        assert await page.finals() == []
        await stops(page)
        await has_state(page, "À l’arrêt")
        await has_finals(page)


@pytest.mark.parametrize(
    "resumable",
    [
        pytest.param(True, id="the same"),
        pytest.param(False, id="another", marks=pytest.mark.slow),
    ],
)
async def test_a_server_that_goes_away_is_said_to_be_gone_and_nothing_is_lost_when_it_is_back(
    page: CaptionPage, speaker: Reader, service: SpokenServer, resumable: bool
) -> None:
    speaker.expected += ["ERR_", "WebSocket"]
    await starts(page)
    await page.until("() => root().querySelector('.slot:not(.blank) .committed')?.textContent")
    async with service.away(forgetting=not resumable):
        await has_state(page, "Reconnexion…")
        await page.sees(LOST)
    await has_state(page, "Le micro est ouvert")
    await expect(page.raw.locator("#mic-error")).to_be_hidden()
    [first, *_] = await has_finals(page)
    assert first.startswith("mot0 mot1")  # from its beginning: it was sent again
    await stops(page)
    await has_state(page, "À l’arrêt")


async def test_one_can_stop_while_the_server_is_away(
    page: CaptionPage, speaker: Reader, service: SpokenServer
) -> None:
    speaker.expected += ["ERR_", "WebSocket"]
    await starts(page)
    await page.until("() => root().querySelector('.slot:not(.blank) .committed')?.textContent")
    async with service.away():
        await has_state(page, "Reconnexion…")
        await stops(page)
        await has_state(page, "Dernières paroles…")
    await has_state(page, "À l’arrêt")
    assert await has_finals(page) != []
    assert await page.interims() == []


async def test_a_microphone_that_is_refused_is_said_to_be(
    hearing: Browser, service: SpokenServer
) -> None:
    async with Reader(hearing, service.url) as reader:
        page = await reader.opens("mic")
        await denies_microphone(page.raw)
        await starts(page)
        await page.sees(REFUSED)
        await has_state(page, "À l’arrêt")
        await expect(page.raw.get_by_role("button", name="Commencer")).to_be_enabled()
        assert await page.raw.get_by_role("alert").get_by_text(REFUSED).is_visible()


async def denies_microphone(page: Page) -> None:
    devtools = await page.context.new_cdp_session(page)
    await devtools.send(
        "Browser.setPermission", {"permission": {"name": "microphone"}, "setting": "denied"}
    )


async def test_a_page_that_may_not_have_a_microphone_says_where_it_may(hearing: Browser) -> None:
    async with spoken_server(allowed_origins="*") as service:
        url = service.url.replace("127.0.0.1", HOST)
        async with Reader(hearing, url) as reader:
            page = await reader.opens("mic")
            await page.sees("HTTPS")


@pytest.mark.slow
async def test_a_browser_without_a_microphone_says_so(service: SpokenServer) -> None:
    async with chromium(fake_microphone=False) as browser, Reader(browser, service.url) as reader:
        page = await reader.opens("mic")
        await starts(page)
        await page.sees("Aucun micro n’a été trouvé")


async def test_a_service_with_tokens_asks_for_one_and_then_listens(
    hearing: Browser, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("jeton-secret\n")
    async with (
        spoken_server(tokens) as service,
        Reader(hearing, service.url, permissions=["microphone"]) as reader,
    ):
        page = await reader.opens("mic")
        await starts(page)
        await page.raw.get_by_label("Jeton d’accès").fill("jeton-secret")
        await page.raw.keyboard.press("Enter")
        await has_state(page, "Le micro est ouvert")
        await has_finals(page)


@pytest.mark.slow
async def test_a_service_that_is_full_says_so_and_is_asked_again(
    hearing: Browser,
) -> None:
    async with (
        spoken_server(max_sessions=1) as service,
        Reader(hearing, service.url, permissions=["microphone"]) as reader,
    ):
        first, second = await reader.opens("mic"), await reader.opens("mic")
        await starts(first)
        await has_state(first, "Le micro est ouvert")
        await starts(second)
        await second.sees("Le service est complet")
        await stops(first)
        await has_state(second, "Le micro est ouvert")


@pytest.mark.parametrize("name", ["x" * 300, "%20"], ids=["too long", "blank"])
async def test_a_name_that_is_none_is_refused_in_words(speaker: Reader, name: str) -> None:
    page = await speaker.opens(f"mic?room={name}")
    await starts(page)
    await page.sees("Le service n’accepte pas ce nom de réunion")
    await has_state(page, "À l’arrêt")


@pytest.mark.parametrize(
    ("theme", "size"),
    [
        ("light", PHONE),
        pytest.param("dark", DESKTOP, marks=pytest.mark.slow),
        pytest.param("contrast", DESKTOP, marks=pytest.mark.slow),
    ],
)
async def test_the_page_has_no_barrier_in_any_state(
    hearing: Browser, service: SpokenServer, axe: str, theme: str, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    found: dict[str, list[str]] = {}
    async with Reader(
        hearing, service.url, permissions=["microphone"], viewport=viewport
    ) as reader:
        reader.expected += ["ERR_", "WebSocket"]
        await reader.keeps("captioner.settings", json.dumps({"theme": theme}))
        page = await reader.opens("mic")
        found["idle"] = await violations(page, axe)
        await starts(page)
        await has_finals(page)
        found["running"] = await violations(page, axe)
        async with service.away():
            await has_state(page, "Reconnexion…")
            found["lost"] = await violations(page, axe)
            await stops(page)
            found["stopping"] = await violations(page, axe)
        await has_state(page, "À l’arrêt")
        await reader.context.clear_permissions()
        await starts(page)
        await page.sees(REFUSED)
        found["refused"] = await violations(page, axe)
    assert len(found) == 5
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


@pytest.mark.slow
async def test_the_real_model_writes_what_was_said(tmp_path: Path, recordings: Path) -> None:
    truth = json.loads((recordings / "sentences" / "truth.json").read_text(encoding="utf-8"))
    said = words_of(truth[0]["text"])
    heard = recording(tmp_path, recordings, None)
    async with (
        chromium(f"--use-file-for-fake-audio-capture={heard}") as browser,
        spoken_server(engine=None) as service,
        Reader(browser, service.url, permissions=["microphone"]) as reader,
    ):
        page = await reader.opens("mic")
        await starts(page)
        [final, *_] = await has_finals(page)
        await stops(page)
    assert len(said & words_of(final)) >= 0.8 * len(said), final


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
