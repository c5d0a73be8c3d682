"""Captions and rooms as plain values for JSON: the names that pages and clients see. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import captioner
from captioner.asr.engine import EngineInfo
from captioner.rooms.captions import CaptionKey, RoomCaption, RoomStatus, Speaker
from captioner.transcript import SAMPLE_RATE, Caption, Word

Values = dict[str, Any]


def dump(values: Values) -> str:
    """One line of JSON, readable as it is."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def seconds(samples: int) -> float:
    """A position, to the nearest 0.1 ms: half a sample."""
    return round(samples / SAMPLE_RATE, 4)


def wall_time(since_1970: float) -> str | None:
    """A time of day in ISO 8601; None for one that no calendar has."""
    try:
        moment = datetime.fromtimestamp(since_1970, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def caption_id(key: CaptionKey) -> str:
    """What names a caption in its room, at every revision."""
    return f"{key.session}-{key.caption}"


def display_name(speaker: Speaker) -> str:
    """The name to show; empty when nobody told one."""
    return speaker.name or speaker.identity


def committed_characters(caption: Caption) -> int:
    """How many leading characters of the text are committed."""
    return len(" ".join(word.text for word in caption.words[: caption.committed]))


def caption_values(said: RoomCaption) -> Values:
    """A caption of a room at one revision."""
    speaker, caption = said.speaker, said.caption
    return {
        "id": caption_id(said.key),
        "revision": caption.revision,
        "track": speaker.track,
        "speaker": display_name(speaker),
        "speaker_id": speaker.identity,
        "start": seconds(caption.start),
        "end": seconds(caption.end),
        "wall": wall_time(said.start_time),
        "text": caption.text,
        "committed": committed_characters(caption),
        "final": caption.final,
        "language": caption.language,
    }


def word_values(words: Iterable[Word]) -> list[Values]:
    """Words with their times."""
    return [
        {
            "text": word.text,
            "start": seconds(word.start),
            "end": seconds(word.end),
            "confidence": round(word.probability, 4),
        }
        for word in words
    ]


def provenance_values(info: EngineInfo) -> Values:
    """What produces the captions: every consumer is told."""
    return {
        "machine_generated": True,
        "model": info.model,
        "digest": info.digest,
        "version": captioner.__version__,
    }


def room_values(status: RoomStatus) -> Values:
    """A room that is there."""
    names = (display_name(presence.speaker) for presence in status.speakers)
    talking = (display_name(it.speaker) for it in status.speakers if it.talking)
    return {
        "room": status.name,
        "since": wall_time(status.since),
        "ended": None if status.ended is None else wall_time(status.ended),
        "speakers": _once(names),
        "talking": _once(talking),
        "captions": status.captions,
    }


def _once(names: Iterable[str]) -> list[str]:
    """Each name once: a person may have several tracks."""
    return [name for name in dict.fromkeys(names) if name]
