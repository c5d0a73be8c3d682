from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from subtitle_samples import SECOND

from captioner.errors import InvalidRequest
from captioner.subtitles.formats.json_reading import parse

OPENAI = {
    "task": "transcribe",
    "language": "french",
    "duration": 4.0,
    "text": "L'été, c'est « bien ». Oui !",
    "segments": [
        {"id": 0, "start": 0.0, "end": 2.5, "text": " L'été, c'est « bien ».", "avg_logprob": -0.1},
        {"id": 1, "start": 3.0, "end": 4.0, "text": " Oui !"},
    ],
    "words": [
        {"word": "L'", "start": 0.0, "end": 0.25},
        {"word": "été", "start": 0.25, "end": 0.5},
        {"word": "c'est", "start": 1.0, "end": 1.5},
        {"word": "bien", "start": 1.5, "end": 2.0},
        {"word": "oui", "start": 3.0, "end": 3.5},
    ],
}


def test_answers_of_openai_are_read_with_the_punctuation_of_their_text() -> None:
    read = parse(json.dumps(OPENAI), language="de")
    assert [(part.id, part.language, part.text) for part in read.segments] == [
        ("0", "fr", "L'été, c'est « bien »."),
        ("1", "fr", "Oui !"),
    ]
    words = [(word.text, word.start / SECOND) for part in read.segments for word in part.words]
    assert words == [("L'été,", 0.0), ("c'est «", 1.0), ("bien ».", 1.5), ("Oui !", 3.0)]


def test_files_of_whisperx_are_read_with_speakers_and_words_without_times() -> None:
    content = {
        "segments": [
            {
                "start": 1.0,
                "end": 3.0,
                "text": " Il y a 12 tables.",
                "words": [
                    {
                        "word": "Il",
                        "start": 1.0,
                        "end": 1.25,
                        "score": 0.5,
                        "speaker": "SPEAKER_01",
                    },
                    {"word": "y", "start": 1.25, "end": 1.5, "score": 0.75},
                    {"word": "a", "start": 1.5, "end": 1.75, "score": 0.75},
                    {"word": "12"},
                    {"word": "tables.", "start": 2.5, "end": 3.0, "score": 1.0},
                ],
            }
        ],
        "word_segments": [],
    }
    (part,) = parse(json.dumps(content), language="fr").segments
    assert (part.id, part.speaker, part.text) == ("1", "SPEAKER_01", "Il y a 12 tables.")
    assert [(w.text, w.start / SECOND, w.end / SECOND) for w in part.words] == [
        ("Il", 1.0, 1.25),
        ("y", 1.25, 1.5),
        ("a", 1.5, 1.75),
        ("12", 1.75, 1.75),
        ("tables.", 2.5, 3.0),
    ]
    assert [w.probability for w in part.words if w.text != "12"] == [0.5, 0.75, 0.75, 1.0]


@pytest.mark.parametrize("wrong", [None, "1", 10**400, math.nan, -1, True])
def test_words_beside_segments_without_a_time_are_left_out(wrong: object) -> None:
    content = {**OPENAI, "words": [{"word": "été", "start": 0.25, "end": wrong}, "été"]}
    read = parse(json.dumps(content), language="fr")
    assert [part.words for part in read.segments] == [(), ()]


@pytest.mark.parametrize("words", [["Ça", "va?", "Oui", "!"], ["Ça", "va", " ?", " Oui !"]])
def test_spaces_that_only_the_text_or_only_the_words_have_do_not_matter(words: list[str]) -> None:
    rows = [{"word": word, "start": at, "end": at + 1} for at, word in enumerate(words)]
    row = {"start": 0, "end": 4, "text": " Ça va\u202f? Oui!", "words": rows}
    (part,) = parse(json.dumps({"segments": [row]}), language="fr").segments
    assert "".join("".join(word.text.split()) for word in part.words) == "Çava?Oui!"
    starts = {word.text.split()[0]: word.start // SECOND for word in part.words}
    assert (starts["Ça"], starts["va"]) == (0, 1)
    assert starts["Oui!"] == words.index("Oui" if "Oui" in words else " Oui !")


def test_words_that_are_not_in_the_text_are_left_out() -> None:
    row = {"start": 0, "end": 2, "text": "Oui.", "words": [{"word": "non", "start": 0, "end": 1}]}
    (part,) = parse(json.dumps({"segments": [row]}), language="fr").segments
    assert (part.text, part.words) == ("Oui.", ())


def test_segments_with_the_same_id_are_numbered() -> None:
    rows = [{"id": 0, "start": start, "end": 3, "text": "Oui."} for start in (2, 1)]
    read = parse(json.dumps({"segments": rows}), language="fr").segments
    assert [(part.id, part.start) for part in read] == [("1", SECOND), ("2", 2 * SECOND)]


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    row: dict[str, Any] = {"start": 1, "end": 2, "text": "oui", "words": []}
    change(row)
    return json.dumps({"segments": [row]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"segments": [}', "line 1: expected JSON, but Expecting value at column 15"),
        ("[" * 100_000, "expected JSON, found values nested too deeply"),
        ("[]", "found <class 'list'>, expected an object with a list of segments"),
        ('{"text": "oui"}', "found the keys ['text'], expected an object with a list of"),
        ('{"segments": [1]}', "segment 1: found 1, expected an object with a text"),
        (changed(lambda row: row.pop("text")), "segment 1: found {'start': 1, 'end': 2, 'words'"),
        (changed(lambda row: row.pop("end")), "segment 1: end: found None, expected seconds"),
        (changed(lambda row: row.update(start=-1)), "segment 1: start: found -1, expected"),
        (changed(lambda row: row.update(start=True)), "segment 1: start: found True, expected"),
        (changed(lambda row: row.update(end=math.nan)), "segment 1: end: found nan, expected"),
        (changed(lambda row: row.update(end=1e30)), "segment 1: end: found 1e+30, expected"),
        (changed(lambda row: row.update(end=0)), "segment 1: ends at 0 s, before its start at 1 s"),
        (changed(lambda row: row.update(words=1)), "segment 1: found 1, expected a list of words"),
        (changed(lambda row: row.update(words=[1])), "segment 1, word 1: found 1, expected an"),
        (
            changed(lambda row: row.update(words=[{"word": "oui", "start": "1"}])),
            "segment 1, word 1: start: found '1', expected seconds from 0",
        ),
    ],
)
def test_what_is_no_transcript_is_refused_with_what_was_found(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text, language="fr")
    assert str(raised.value).startswith(message)
