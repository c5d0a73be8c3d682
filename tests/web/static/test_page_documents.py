"""The document of the page names what the code has, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import captioner.web

FOLDER = Path(captioner.web.__file__).with_name("static")
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "captions-page.md"
NAME = re.compile(r"`([^`]+)`")
CALLBACKS = {"constructor", "connectedCallback", "disconnectedCallback", "attributeChangedCallback"}


def documented(title: str) -> set[str]:
    """What the first column of the table with this title names."""
    text = DOCUMENT.read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n| {title} |")
    table = rest.partition("\n\n")[0].splitlines()[2:]
    cells = (line.split(" | ")[0] for line in table)
    return {name for cell in cells for name in NAME.findall(cell)}


def code(*names: str) -> str:
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


COMPONENT = code("captioner-captions.js")
SHADOW = code("captioner-captions.js", *(f"captions/{name}.js" for name in ("view", "sheet")))


def attributes() -> set[str]:
    [observed] = re.findall(r"observedAttributes = \[(.+)\]", COMPONENT)
    return (
        set(re.findall(r"'(\w+)'", observed))
        | set(re.findall(r"etAttribute\('(\w+)'", COMPONENT))
        | set(re.findall(r":host\((?::not\()?\[(\w+)", SHADOW)) - {"hidden"}
    )


def properties() -> set[str]:
    return set(re.findall(r"^  get (\w+)\(", COMPONENT, re.MULTILINE))


def methods() -> set[str]:
    return set(re.findall(r"^  (\w+)\(.*\) \{", COMPONENT, re.MULTILINE)) - CALLBACKS


def events() -> set[str]:
    told = set(re.findall(r"#dispatch\('(\w+)'", COMPONENT))
    [passed_on] = re.findall(r"if \((.+)\) this\.#dispatch\(type", COMPONENT)
    return told | set(re.findall(r"'(\w+)'", passed_on))


def parts() -> set[str]:
    values = re.findall(r"part(?:: |', )'([\w\- ]+)'", SHADOW)
    return {name for value in values for name in value.split()}


def custom_properties() -> set[str]:
    found = set(re.findall(r"(--captioner-[\w-]+\w)[,:)]", SHADOW))
    return found | {"--captioner-speaker-1", "--captioner-speaker-8"}


def overlay_parameters() -> set[str]:
    overlay = code("page/overlay.js")
    return set(re.findall(r"\b(?:number|among|colour|shown)\('(\w+)'", overlay))


def address_parameters() -> set[str]:
    pages = code("page/main.js", "page/mic.js", "page/overlay.js", "early.js")
    return set(re.findall(r"\.(?:has|get)\('(\w+)'\)", pages)) - {"language"}


def keys() -> set[str]:
    [table] = re.findall(r"KEYS = \{(.+?)\n\}", code("page/shortcuts.js"), re.DOTALL)
    return {key for keys in re.findall(r"\[(.+?)\]", table) for key in re.findall(r"'(.+?)'", keys)}


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("attribute", attributes()),
        ("property", properties()),
        ("event", events()),
        ("part", parts()),
        ("custom property", custom_properties()),
        ("overlay", overlay_parameters()),
        ("parameter", address_parameters()),
        ("key", keys()),
    ],
)
def test_the_document_names_what_there_is(title: str, found: set[str]) -> None:
    assert len(found) > 3
    assert documented(title) == found


def test_the_document_names_each_method() -> None:
    assert {name.partition("(")[0] for name in documented("method")} == methods()


def test_the_document_has_the_states_and_their_words() -> None:
    [states] = re.findall(
        r"states: \{(.+?)\}", code("captions/words.js").partition("en: {")[2], re.DOTALL
    )
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"`{state}`" in text for state in re.findall(r"(\w+): '", states))
    for state in ("reconnecting", "unauthorized", "refused", "waiting"):
        [words] = re.findall(rf"{state}: '(.+?)'", states)
        assert f'"{words}"' in text
