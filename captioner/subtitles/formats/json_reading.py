"""JSON of speech recognisers: our own, OpenAI's ``verbose_json``, and WhisperX's.

They agree on ``segments`` with ``start``, ``end`` (s) and ``text``. Words are ``text`` or ``word``,
within their segment or, in OpenAI's answers, beside all segments; they may lack punctuation, times
and probabilities.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from operator import itemgetter
from typing import Any

from captioner.errors import InvalidRequest
from captioner.subtitles.characters import flatten
from captioner.subtitles.cues import Provenance, Segment
from captioner.subtitles.document import Document
from captioner.subtitles.formats.timestamps import MAX_HOURS
from captioner.transcript import SAMPLE_RATE, Word

_LANGUAGES = {  # OpenAI's answers have names in place of codes
    "dutch": "nl",
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
}
_PROBABILITIES = ("probability", "score")  # ours and Whisper's, WhisperX's


def parse(text: str, *, language: str) -> Document:
    """Read a file; a probability that it does not tell is not a number.

    Raises:
        InvalidRequest: it is not JSON, has no segments, or one of them has no text or wrong times.
    """
    content = _load(text)
    if not isinstance(content, dict) or not isinstance(content.get("segments"), list):
        found = f"the keys {sorted(content)}" if isinstance(content, dict) else type(content)
        raise InvalidRequest(f"found {found!s:.200}, expected an object with a list of segments")
    language = _language(content, language)
    rows = content["segments"]
    shares = _share_out(content.get("words"), rows)
    segments = [
        _segment(number, row, beside, language)
        for number, (row, beside) in enumerate(zip(rows, shares, strict=True), start=1)
    ]
    segments.sort(key=lambda segment: segment.start)  # at the same start, as the file has them
    ids = {segment.id for segment in segments}
    if "" in ids or len(ids) < len(segments):
        segments = [replace(segment, id=str(number)) for number, segment in enumerate(segments, 1)]
    return Document(tuple(segments), _provenance(content.get("metadata")))


def _load(text: str) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"line {error.lineno}: expected JSON, but {error.msg} at column {error.colno}"
        ) from None
    except ValueError as error:
        raise InvalidRequest(f"expected JSON, but {error}") from None
    except RecursionError:
        raise InvalidRequest("expected JSON, found values nested too deeply") from None


def _segment(number: int, row: object, beside: list[object], language: str) -> Segment:
    where = f"segment {number}"
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise InvalidRequest(f"{where}: found {row!r:.60}, expected an object with a text")
    start, end = (_samples(row.get(key), f"{where}: {key}") for key in ("start", "end"))
    if end < start:
        raise InvalidRequest(
            f"{where}: ends at {row['end']} s, before its start at {row['start']} s"
        )
    found = row.get("words", beside)
    if not isinstance(found, list):
        raise InvalidRequest(f"{where}: found {found!r:.60}, expected a list of words")
    said = flatten(row["text"])
    words = tuple(_words(found, start, end, where))
    if any("text" not in word for word in found):  # not our own, which say all that the text does
        words = _timed(said, words)
    speaker = row.get("speaker") or next(
        (word["speaker"] for word in found if isinstance(word, dict) and word.get("speaker")), ""
    )
    return Segment(
        id=flatten(str(row.get("id", ""))),
        start=start,
        end=end,
        words=words,
        speaker=flatten(str(speaker)),
        text=said,
        language=_language(row, language),
    )


def _samples(value: object, what: str) -> int:
    if not _is_time(value):
        raise InvalidRequest(f"{what}: found {value!r:.60}, expected seconds from 0")
    return round(value * SAMPLE_RATE)  # type: ignore[operator]  # a number


def _share_out(words: object, rows: Sequence[object]) -> list[list[object]]:
    """The words beside all segments, each with the segment in which its middle lies."""
    shares: list[list[object]] = [[] for _ in rows]
    spans = sorted(
        (row["start"], row["end"], at)
        for at, row in enumerate(rows)
        if isinstance(row, dict) and _is_timed(row)
    )
    timed = [
        ((word["start"] + word["end"]) / 2, word)
        for word in (words if isinstance(words, list) else ())
        if isinstance(word, dict) and _is_timed(word)
    ]
    for middle, word in sorted(timed, key=itemgetter(0)):
        last = bisect_right(spans, middle, key=itemgetter(0)) - 1
        if last >= 0 and middle < spans[last][1]:
            shares[spans[last][2]].append(word)
    return shares


def _is_timed(row: Mapping[str, object]) -> bool:
    return all(_is_time(row.get(key)) for key in ("start", "end"))


def _is_time(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= MAX_HOURS * 3600  # type: ignore[operator]  # a number


def _words(rows: Sequence[object], start: int, end: int, where: str) -> list[Word]:
    """Words with times that do not go backwards; those without times touch their neighbours."""
    words: list[Word] = []
    for number, row in enumerate(rows, start=1):
        text = row.get("word", row.get("text")) if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(text, str):
            raise InvalidRequest(
                f"{where}, word {number}: found {row!r:.60}, expected an object with a word"
            )
        what = f"{where}, word {number}"
        before = words[-1].end if words else start
        begin = _samples(row["start"], f"{what}: start") if "start" in row else before
        until = _samples(row["end"], f"{what}: end") if "end" in row else begin
        begin = min(max(begin, before), max(end, before))
        words.append(Word(flatten(text), begin, max(begin, until), _probability(row)))
    return [word for word in words if word.text]


def _probability(row: Mapping[str, object]) -> float:
    value = next((row[key] for key in _PROBABILITIES if key in row), None)
    known = isinstance(value, int | float) and 0 <= value <= 1
    return float(value) if known else math.nan  # type: ignore[arg-type]  # a number


def _timed(text: str, words: Sequence[Word]) -> tuple[Word, ...]:
    """The pieces of a text between its spaces, timed by the words found in it in their order.

    Words come without the punctuation of the text, with other spaces, or in parts. Where one of
    them is not in the text, the text has no words: they would say something else.
    """
    words = [word for word in words if word.text.split()]
    edges = _find_in_order(text, [word.text for word in words])
    if not edges:
        return ()
    pieces: list[Word] = []
    for word, (begin, end) in zip(words, pairwise([0, *edges[1:], len(text)]), strict=True):
        piece = replace(word, text=text[begin:end])
        if pieces and not text[begin - 1].isspace():
            piece = _one_word(pieces.pop(), piece)
        pieces.append(piece)
    return tuple(replace(piece, text=piece.text.strip()) for piece in pieces)


def _one_word(begin: Word, end: Word) -> Word:
    probability = min(begin.probability, end.probability)
    return Word(begin.text + end.text, begin.start, end.end, probability)


def _find_in_order(text: str, words: Sequence[str]) -> list[int]:
    """Where in a text each word begins, whatever case and spaces; none if one is missing."""
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    letters = _plain(text)
    edges = []
    at = 0
    for word in words:
        plain = _plain(word)
        found = letters.find(plain, at)
        if found < 0:
            return []
        edges.append(places[found])
        at = found + len(plain)
    return edges


def _plain(text: str) -> str:
    """The letters in lower case, as many as there were; no spaces."""
    lowered = ((letter, letter.lower()) for letter in text if not letter.isspace())
    return "".join(lower if len(lower) == 1 else letter for letter, lower in lowered)


def _language(row: Mapping[str, object], default: str) -> str:
    """A code, whether the file has codes or names."""
    value = row.get("language")
    if not isinstance(value, str) or not value:
        return default
    return _LANGUAGES.get(value.lower(), value.partition("-")[0].lower())


def _provenance(metadata: object) -> Provenance | None:
    model = metadata.get("model") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(model, dict):
        return None
    values = (metadata.get("version"), model.get("name"), model.get("digest"))
    if metadata.get("generator") != "Captioner" or not all(isinstance(v, str) for v in values):
        return None
    return Provenance(*(str(value) for value in values))
