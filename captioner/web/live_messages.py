"""The messages of ``/v1/live``: what a browser sends to a session, and what it is told. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from captioner import live
from captioner.asr.engine import EngineInfo
from captioner.audio.format import AudioFormat, Encoding
from captioner.config import Settings
from captioner.errors import InvalidRequest
from captioner.rooms.captions import RoomCaption, Speaker
from captioner.transcript import SAMPLE_RATE
from captioner.web.values import Values, caption_values, provenance_values, seconds, word_values

ENCODINGS = {
    encoding.value: encoding
    for encoding in (Encoding.LINEAR16, Encoding.FLOAT32, Encoding.MULAW, Encoding.ALAW)
}
MODES = {mode.value: mode for mode in live.Mode}
LARGEST = 2**53  # of numbers: beyond, JavaScript does not tell neighbours apart
REPLAY_MARGIN = 10.0  # seconds of audio beyond the longest utterance that a client may replay

_CONFIG = frozenset(
    {"type", "room", "track", "speaker", "speaker_name", "capture_time", "language", "format"}
    | {"interim_results", "mode", "words", "key_terms", "endpointing", "resume_token"}
)
_FORMAT = frozenset({"encoding", "sample_rate", "channels"})
_ENDPOINTING = frozenset({"silence", "max_utterance"})


# --- What comes


@dataclass(frozen=True, slots=True)
class Flush:
    """Finalize what was said so far."""


@dataclass(frozen=True, slots=True)
class End:
    """The track is over."""


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The track is muted; capture has got to `position` (16 kHz samples), if that is told."""

    position: int | None


@dataclass(frozen=True, slots=True)
class Update:
    """Other settings from the next utterance on; None: as they are."""

    language: str | None
    key_terms: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Offset:
    """Where the next message of audio belongs, in samples at its own rate."""

    sample: int


Command = Flush | End | Keepalive | Update | Offset


class Fields:
    """The fields of one JSON object, each checked as it is read.

    Raises (from every method, and when made):
        InvalidRequest: naming the field that is wrong.
    """

    def __init__(self, values: object, known: Collection[str], *, within: str = "") -> None:
        if not isinstance(values, dict):
            name = within.removesuffix(".") or "the message"
            raise InvalidRequest(f"{name} is not a JSON object", field=within.removesuffix("."))
        self._values: dict[str, Any] = values
        self._within = within
        for name in values:
            if name not in known:
                expected = ", ".join(sorted(known))
                raise InvalidRequest(
                    f"{within}{name[:40]} is not a field here: there are {expected}",
                    field=f"{within}{name[:40]}",
                )

    def text(self, name: str, most: int, *, least: int = 0) -> str:
        """A text; empty when it is not there."""
        value = self._values.get(name, "")
        if not _is_text(value):
            raise self._wrong(name, "a text")
        return live.check_length(self._within + name, value, least, most)

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def number(self, name: str) -> float | None:
        """A number; None when it is not there."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
            raise self._wrong(name, "a number")
        return value

    def whole(self, name: str, *, default: int | None = None) -> int:
        """A whole number that is not negative."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise self._wrong(name, "a whole number")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """A list of texts; None when it is not there."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(_is_text(item) for item in value):
            raise self._wrong(name, "a list of texts")
        return tuple(value)

    def one_of(self, name: str, known: dict[str, Any], *, default: str | None = None) -> Any:  # noqa: ANN401 - what is known
        """The value that a word stands for."""
        value = self._values.get(name, default)
        if not isinstance(value, str) or value not in known:
            raise self._wrong(name, " or ".join(known))
        return known[value]

    def object(self, name: str, known: Collection[str], *, needed: bool = False) -> Fields:
        """The fields of an object inside; empty when it is not there."""
        if needed and name not in self._values:
            raise self._wrong(name, "an object")
        return Fields(self._values.get(name, {}), known, within=f"{self._within}{name}.")

    def _wrong(self, name: str, expected: str) -> InvalidRequest:
        field = self._within + name
        problem = "is missing" if name not in self._values else "is something else"
        return InvalidRequest(f"{field} {problem}: expected {expected}", field=field)


def _is_text(value: object) -> bool:
    """Whether it is a text that can be written again: JSON may hold halves of characters."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def read_json(text: str) -> object:
    """Read the JSON of one message.

    Raises:
        InvalidRequest: it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest(f"a text message of {len(text)} characters is not JSON") from None


def read_config(text: str) -> live.SessionConfig:
    """Read the first message.

    Raises:
        InvalidRequest: naming the field that is wrong.
    """
    fields = Fields(read_json(text), _CONFIG)
    fields.one_of("type", {"config": True}, default="config")
    endpointing = fields.object("endpointing", _ENDPOINTING)
    return live.SessionConfig(
        room=fields.text("room", live.MAX_NAME, least=1),
        track=fields.text("track", live.MAX_NAME, least=1),
        audio_format=_audio_format(fields.object("format", _FORMAT, needed=True)),
        speaker_identity=fields.text("speaker", live.MAX_SPEAKER),
        speaker_name=fields.text("speaker_name", live.MAX_SPEAKER),
        capture_time=_capture_time(fields.text("capture_time", 40)),
        language=fields.text("language", 40),
        interim_results=fields.flag("interim_results", default=True),
        mode=fields.one_of("mode", MODES, default=live.Mode.REVISABLE.value),
        word_times=fields.flag("words", default=False),
        key_terms=live.check_key_terms(fields.texts("key_terms") or ()),
        endpoint_silence=_limited(endpointing, "silence", live.ENDPOINT_SILENCE),
        max_utterance=_limited(endpointing, "max_utterance", live.MAX_UTTERANCE),
        resume_token=fields.text("resume_token", live.MAX_RESUME_TOKEN),
    )


def _audio_format(fields: Fields) -> AudioFormat:
    encoding = fields.one_of("encoding", ENCODINGS)
    rate, channels = fields.whole("sample_rate"), fields.whole("channels", default=1)
    try:
        return AudioFormat(encoding, rate, channels)
    except InvalidRequest as error:
        [violation] = error.violations
        field = violation.field.replace("audio_format", "format").removesuffix("_hertz")
        raise InvalidRequest(str(error), field=field) from None


def _capture_time(written: str) -> float | None:
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(written)
        if moment.tzinfo is not None:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest(
        "capture_time is not a time with its zone, such as 2026-11-23T16:12:34.927Z",
        field="capture_time",
    )


def _limited(fields: Fields, name: str, limits: tuple[float, float]) -> float | None:
    value = fields.number(name)
    return None if value is None else live.check_seconds(name, value, limits)


def read_command(text: str) -> Command:
    """Read any other text message.

    Raises:
        InvalidRequest: naming the field that is wrong.
    """
    values = read_json(text)
    kind = values.get("type") if isinstance(values, dict) else None
    match kind:
        case "flush" | "end":
            Fields(values, {"type"})
            return Flush() if kind == "flush" else End()
        case "keepalive":
            position = Fields(values, {"type", "position"}).number("position")
            return Keepalive(None if position is None else _samples(position))
        case "update":
            fields = Fields(values, {"type", "language", "key_terms"})
            terms = fields.texts("key_terms")
            terms = None if terms is None else live.check_key_terms(terms)
            return Update(fields.text("language", 40) or None, terms)
        case "offset":
            return Offset(Fields(values, {"type", "sample"}).whole("sample"))
        case "config":
            raise InvalidRequest("config came twice", field="type")
        case _:
            raise InvalidRequest(
                "a text message has the type flush, end, keepalive, update or offset", field="type"
            )


def _samples(position: float) -> int:
    if not 0 <= position < 2**40 / SAMPLE_RATE:
        raise InvalidRequest(f"position is {position:g} s: expected 0 or more", field="position")
    return round(position * SAMPLE_RATE)


# --- What goes


@dataclass(frozen=True, slots=True)
class MessageWriter:
    """Writes the events of one session: knows what they do not say."""

    session: str
    config: live.SessionConfig
    origin: float
    """Wall time of sample 0 of the session, seconds since 1970."""
    info: EngineInfo
    settings: Settings

    def message(self, event: live.Event) -> Values:
        """The message of an event."""
        match event:
            case live.Started():
                return self._started(event)
            case live.Captioned():
                return self._caption(event)
            case _:
                return _plain_message(event)

    def _started(self, event: live.Started) -> Values:
        rate = self.config.audio_format.sample_rate
        burst = self.settings.max_burst
        if self.config.resume_token:
            burst = max(burst, self.settings.max_utterance + REPLAY_MARGIN)
        return {
            "type": "started",
            **provenance_values(self.info),
            "session": event.session_id,
            "room": self.config.room,
            "track": self.config.track,
            "resume_token": event.resume_token,
            "resume_from": seconds(event.resume_from),
            "resume_from_sample": -(-event.resume_from * rate // SAMPLE_RATE),
            "next_caption": event.next_caption_id,
            "limits": {
                "message_bytes": self.settings.max_message_bytes,
                "message_seconds": live.MAX_AUDIO_PER_MESSAGE,
                "burst": burst,
                "idle": self.settings.idle_timeout,
                "resume_window": self.settings.resume_window,
                "utterance": self.settings.max_utterance,
            },
        }

    def _caption(self, event: live.Captioned) -> Values:
        config, caption = self.config, event.caption
        speaker = Speaker(self.session, config.track, config.speaker_identity, config.speaker_name)
        said = RoomCaption(speaker, caption, self.origin)
        values: Values = {"type": "caption", **caption_values(said)}
        if config.mode is live.Mode.APPEND_ONLY:
            values["appended"] = caption.appended
        if config.word_times:
            values["words"] = word_values(caption.words)
        if event.resume_token:
            values["resume_token"] = event.resume_token
        return values


_Plain = (
    live.SpeechStarted | live.SpeechEnded | live.Progress | live.Gap | live.Reconnect | live.Ended
)


def _plain_message(event: _Plain) -> Values:
    """The message of an event that says all there is to say."""
    values: Values
    match event:
        case live.SpeechStarted(position=position):
            values = {"type": "speech_started", "position": seconds(position)}
        case live.SpeechEnded(position=position):
            values = {"type": "speech_ended", "position": seconds(position)}
        case live.Progress():
            values = {
                "type": "progress",
                "received": seconds(event.received),
                "finalized": seconds(event.finalized),
                "lag": round(event.lag, 3),
                "clamped": event.clamped,
                "resume_token": event.resume_token,
            }
        case live.Gap(start=start, end=end):
            values = {"type": "gap", "start": seconds(start), "end": seconds(end)}
        case live.Reconnect(delay=delay, reason=reason):
            values = {"type": "reconnect", "delay": delay, "reason": reason}
        case live.Ended():
            values = {
                "type": "ended",
                "audio": seconds(event.audio),
                "speech": seconds(event.speech),
                "captions": event.captions,
                "words": event.words,
            }
        case _:
            assert_never(event)
    return values
