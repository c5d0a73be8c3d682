"""Files of subtitles and text, whoever wrote them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from captioner.errors import InvalidRequest
from captioner.subtitles.document import Document
from captioner.subtitles.formats import FORMATS, Parser, ttml_reading

MAX_BYTES = 32 << 20  # 10 hours of speech as JSON with words are about 10 MB

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MAY_BE_EMPTY = ("srt", "txt")  # what is written in them of a silent recording: nothing
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x19\x1c-\x1f]")  # what no text has; 1A ends files of DOS


PARSERS: Mapping[str, Parser] = MappingProxyType(
    {
        **{format_.name: format_.parse for format_ in FORMATS.values()},
        **dict.fromkeys(("dfxp", "xml"), ttml_reading.parse),
    }
)


def read_document(path: Path, *, format_name: str | None = None, language: str = "fr") -> Document:
    """Read a file in the format that its suffix names, or in the one that is given.

    Raises:
        InvalidRequest: the suffix is none of them, or the file is not what it says.
        OSError: it cannot be read.
    """
    name = format_name or path.suffix.removeprefix(".").lower()
    if name not in PARSERS:
        raise InvalidRequest(f"{path}: found the suffix {name!r}, expected one of {_known()}")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    return parse_bytes(content, name, source=str(path), language=language)


def parse_bytes(
    content: bytes, format_name: str, *, source: str = "", language: str = "fr"
) -> Document:
    """Read the bytes of a file; ``source`` is what errors call it.

    Raises:
        InvalidRequest: they are not what the format wants, or more than ``MAX_BYTES``.
    """
    try:
        return parse(decode(content), format_name, language=language)
    except InvalidRequest as error:
        raise InvalidRequest(f"{source}: {error}" if source else str(error)) from None


def parse(text: str, format_name: str, *, language: str = "fr") -> Document:
    """Read the text of a file in a format of ``PARSERS``.

    Raises:
        InvalidRequest: it is not what the format wants; the message has the line.
    """
    if format_name not in PARSERS:
        raise InvalidRequest(f"found the format {format_name!r}, expected one of {_known()}")
    text = text.removeprefix("\ufeff")
    if not text.strip() and format_name not in _MAY_BE_EMPTY:
        raise InvalidRequest(f"found an empty file, expected {format_name}")
    return PARSERS[format_name](text, language=language)


def decode(content: bytes) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else Windows-1252.

    Raises:
        InvalidRequest: it is no text, or too much.
    """
    if len(content) > MAX_BYTES:
        raise InvalidRequest(f"found more than {MAX_BYTES} bytes, the most that is read of a file")
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.removeprefix(mark).decode(encoding, "replace")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
        if control := _CONTROLS.search(text):
            raise _binary(control) from None
    if "\0" in text:
        raise _binary("\0")
    return text


def _binary(control: re.Match[str] | str) -> InvalidRequest:
    code = ord(control if isinstance(control, str) else control[0])
    return InvalidRequest(f"found the byte 0x{code:02x}, expected text")


def _known() -> str:
    return ", ".join(PARSERS)
