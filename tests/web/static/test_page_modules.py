"""The parts of the page that decide without touching it, run where they run."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from page_browser import CaptionPage, Reader
from page_server import page_server
from playwright.async_api import Browser

import captioner.web
from captioner.subtitles.typography import typeset

FOLDER = Path(captioner.web.__file__).parent / "static"
IMPORT = re.compile(r"^import (?:.*? from )?'(.+)';$", re.MULTILINE)
PRELOAD = re.compile(r'<link rel="modulepreload" href="static/(.+)">')


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def blank(browser: Browser) -> AsyncIterator[CaptionPage]:
    """A page that may import the modules."""
    async with page_server() as server, Reader(browser, server.url) as reader:
        yield await reader.opens("mic")


async def events(page: CaptionPage, *pieces: str) -> Any:
    return await page.raw.evaluate(
        """async (pieces) => {
            const { EventStreamReader } = await import('/static/captions/event-stream.js');
            const reader = new EventStreamReader();
            return pieces.flatMap((piece) => reader.push(piece))
                .map(({ type, data, id }) => [type, data, id ?? null]);
        }""",
        list(pieces),
    )


STREAM = 'event: caption\nid: 7-1\ndata: {"a":\ndata: 1}\n\n: alive\n\ndata:x\n\nid\ndata: y\n\n'


async def test_events_are_read_as_the_standard_says_however_they_are_cut(
    blank: CaptionPage,
) -> None:
    whole = await events(blank, STREAM)
    assert whole == [
        ["caption", '{"a":\n1}', "7-1"],
        ["message", "x", "7-1"],
        ["message", "y", ""],
    ]
    for ends in ("\n", "\r\n", "\r"):
        text = STREAM.replace("\n", ends) + ends
        assert await events(blank, *text) == whole
        assert await events(blank, text[:30], text[30:]) == whole
    assert await events(blank, "data: cut short") == []


async def typeset_by_page(page: CaptionPage, texts: list[str]) -> list[str]:
    result: list[str] = await page.raw.evaluate(
        """async (texts) => {
            const { typeset } = await import('/static/captions/transcript.js');
            return texts.map((text) => typeset(text, 'fr-FR'));
        }""",
        texts,
    )
    return result


async def test_french_spaces_are_those_of_files(blank: CaptionPage) -> None:
    texts = [
        "Vraiment ? Oui ! Non; si: voilà.",
        "Il dit « bonjour » à 14:30 sur https://exemple.fr ?",
        "Quoi ?! (vraiment ?) «Ah!»",
        "« Bien », dit-il ; puis : « Non ! »",
        "",
        " ? seul",
    ]
    assert await typeset_by_page(blank, texts) == [typeset(text) for text in texts]


async def test_other_languages_keep_their_spaces(blank: CaptionPage) -> None:
    text = await blank.raw.evaluate(
        """async () => (await import('/static/captions/transcript.js')).typeset('So ?', 'en')"""
    )
    assert text == "So ?"


async def test_committed_characters_are_counted_as_the_service_counts_them(
    blank: CaptionPage,
) -> None:
    text = "Un 😀 deux"
    parts = await blank.raw.evaluate(
        """async (caption) => (await import('/static/captions/transcript.js'))
            .committedAndRest(caption)""",
        {"text": text, "committed": len("Un 😀"), "language": "fr"},
    )
    assert parts == ["Un 😀 ", "deux"]


async def transcript(page: CaptionPage, captions: list[dict[str, object]]) -> Any:
    return await page.raw.evaluate(
        """async (captions) => {
            const { Transcript } = await import('/static/captions/transcript.js');
            const transcript = new Transcript();
            const kinds = captions.map((caption) => transcript.receive(caption));
            return { kinds, finals: transcript.finals.map(({ text }) => text),
                interims: [...transcript.interims.values()].map(({ text }) => text) };
        }""",
        captions,
    )


def said(number: int, text: str, revision: int = 1, *, final: bool = False) -> dict[str, object]:
    return {"id": f"s-{number}", "track": "t", "text": text, "revision": revision, "final": final}


async def test_what_comes_twice_or_late_changes_nothing(blank: CaptionPage) -> None:
    told = [
        said(1, "un", 1),
        said(1, "un deux", 2),
        said(1, "un", 1),
        said(1, "Un, deux.", 3, final=True),
        said(1, "Un, deux.", 3, final=True),
        said(1, "un deux", 2),
        said(2, "", 1, final=True),
        said(3, "trois", 1),
    ]
    assert await transcript(blank, told) == {
        "kinds": ["interim", "interim", "", "final", "", "", "retracted", "interim"],
        "finals": ["Un, deux."],
        "interims": ["trois"],
    }


async def test_the_oldest_finals_are_dropped_beyond_a_limit(blank: CaptionPage) -> None:
    kept = await blank.raw.evaluate(
        """async () => {
            const { MOST_FINALS, Transcript } = await import('/static/captions/transcript.js');
            const transcript = new Transcript();
            for (let n = 0; n < MOST_FINALS + 2; n += 1) {
                transcript.receive({ id: `s-${n}`, track: 't', text: `${n}`, final: true });
            }
            return [MOST_FINALS, transcript.finals.length, transcript.finals[0].text];
        }"""
    )
    assert kept == [20_000, 20_000, "2"]


async def test_the_last_seconds_of_sound_are_kept_and_given_back_from_any_sample(
    blank: CaptionPage,
) -> None:
    start, end, blocks = await blank.raw.evaluate(
        """async () => {
            const { SoundLog } = await import('/static/page/sound-log.js');
            const log = new SoundLog(10);
            for (let block = 0; block < 5; block += 1) {
                log.append(Int16Array.from({ length: 4 }, (_, n) => 4 * block + n));
            }
            const given = log.from(14).map(([first, samples]) => [first, [...samples]]);
            return [log.start, log.end, given];
        }"""
    )
    assert (start, end) == (12, 20)
    assert blocks == [[14, [14, 15]], [16, [16, 17, 18, 19]]]


async def test_speakers_beyond_the_last_colour_share_them(blank: CaptionPage) -> None:
    styles = await blank.raw.evaluate(
        """async () => {
            const { Speakers } = await import('/static/captions/speakers.js');
            const speakers = new Speakers();
            const names = Array.from({ length: 9 }, (_, n) => `Personne ${n}`);
            return names.map((speaker) => speakers.styleOf({ speaker }));
        }"""
    )
    assert sorted(styles[:8]) == list(range(8))
    assert styles[8] in range(8)


async def test_texts_are_compared_without_case_and_accents(blank: CaptionPage) -> None:
    folded = await blank.raw.evaluate(
        """async (texts) => {
            const { folded } = await import('/static/captions/search.js');
            return texts.map(folded);
        }""",
        ["ÉTÉ", "l’été", "Œuvre ?", "😀 a", "ﬁn"],
    )
    assert folded == ["ete", "l'ete", "œuvre ?", "😀 a", "ﬁn"]


PALETTE = """async (scheme) => {
    const { SPEAKERS_SHEET } = await import('/static/captions/speakers.js');
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(SPEAKERS_SHEET);
    document.adoptedStyleSheets = [sheet];
    return Array.from({ length: 8 }, (_, n) => {
        const probe = document.createElement('p');
        probe.className = `speaker-${n}`;
        probe.style.colorScheme = scheme;
        probe.style.color = 'var(--speaker)';
        document.body.append(probe);
        return getComputedStyle(probe).color;
    });
}"""


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("scheme", "backgrounds"),
    [
        ("light", ["rgb(255, 255, 255)", "rgb(243, 244, 246)"]),
        ("dark", ["rgb(22, 22, 22)", "rgb(0, 0, 0)"]),
    ],
)
async def test_each_speaker_can_be_read_on_each_background(
    blank: CaptionPage, scheme: str, backgrounds: list[str]
) -> None:
    colours = await blank.raw.evaluate(PALETTE, scheme)
    assert len(set(colours)) == 8
    for background in backgrounds:
        for colour in colours:
            darker, lighter = sorted([luminance(background), luminance(colour)])
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (colour, background)


def imported_by(module: Path) -> set[Path]:
    """All that a module needs, itself included."""
    found, waiting = set(), [module]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            names = IMPORT.findall(path.read_text(encoding="utf-8"))
            waiting += [(path.parent / name).resolve() for name in names]
    return found


@pytest.mark.parametrize(("page", "module"), [("index", "main"), ("mic", "mic")])
def test_a_page_announces_each_module_that_it_needs(page: str, module: str) -> None:
    entry = FOLDER / "page" / f"{module}.js"
    needed = {path.relative_to(FOLDER).as_posix() for path in imported_by(entry) - {entry}}
    announced = PRELOAD.findall((FOLDER / f"{page}.html").read_text(encoding="utf-8"))
    assert sorted(announced) == sorted(needed)


def test_nothing_writes_markup() -> None:
    writing = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(")
    for path in FOLDER.rglob("*.js"):
        assert not writing.search(path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_text_of_the_markup_is_without_words(language: str) -> None:
    texts = (FOLDER / "page" / "texts.js").read_text(encoding="utf-8")
    part = texts.partition("  en: {")[2] if language == "en" else texts.partition("  en: {")[0]
    for page in ("index", "mic"):
        markup = (FOLDER / f"{page}.html").read_text(encoding="utf-8")
        for key in re.findall(r'data-t(?:-label|-placeholder)?="(\w+)"', markup):
            assert re.search(rf"^    {key}: ", part, re.MULTILINE), key
