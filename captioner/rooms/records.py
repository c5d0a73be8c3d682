"""Captions and speakers as text, for hubs that keep them outside the process. Pure."""

from __future__ import annotations

import json
from typing import Any

from captioner.rooms.captions import Presence, RoomCaption, Speaker
from captioner.transcript import Caption, Word

FORMAT = 1  # part of every key: replicas that write another format share no rooms


def write_caption(said: RoomCaption) -> str:
    """Write a caption as JSON, on one line."""
    speaker, caption = said.speaker, said.caption
    record = {
        "speaker": [speaker.session, speaker.track, speaker.identity, speaker.name],
        "origin": said.origin,
        "id": caption.id,
        "revision": caption.revision,
        "start": caption.start,
        "end": caption.end,
        "words": [[word.text, word.start, word.end, word.probability] for word in caption.words],
        "committed": caption.committed,
        "final": caption.final,
        "language": caption.language,
    }
    return _line(record)


def read_caption(text: str) -> RoomCaption:
    """Read what `write_caption` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        record: dict[str, Any] = json.loads(text)
        caption = Caption(
            id=record["id"],
            revision=record["revision"],
            start=record["start"],
            end=record["end"],
            words=tuple(Word(*word) for word in record["words"]),
            committed=record["committed"],
            final=record["final"],
            language=record["language"],
        )
        return RoomCaption(Speaker(*record["speaker"]), caption, record["origin"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"a record of {len(text)} characters is no caption") from error


def write_speaker(speaker: Speaker, since: float) -> str:
    """Write who is there since when."""
    return _line([speaker.session, speaker.track, speaker.identity, speaker.name, since])


def read_presence(text: str, *, talking: bool) -> Presence:
    """Read what `write_speaker` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        session, track, identity, name, since = json.loads(text)
    except TypeError as error:
        raise ValueError(f"a record of {len(text)} characters is no speaker") from error
    return Presence(Speaker(session, track, identity, name), since, talking)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
