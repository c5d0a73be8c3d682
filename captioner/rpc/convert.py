"""The messages of the native API to the values of the service, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from captioner import live
from captioner.asr.engine import EngineInfo
from captioner.audio.format import AudioFormat, Encoding
from captioner.config import Settings
from captioner.errors import InvalidRequest
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.transcript import SAMPLE_RATE, Caption, Word

NANOS = 1_000_000_000
NANOS_PER_SAMPLE = NANOS // SAMPLE_RATE  # 62500: a position has an exact duration
MAX_NAME = 128  # characters of a room or a track
MAX_SPEAKER = 256  # characters of a participant's identity or name
MAX_KEY_TERMS = 100
MAX_KEY_TERM = 64  # characters
MAX_RESUME_TOKEN = 4096  # bytes
MAX_AUDIO_PER_MESSAGE = 1.0  # seconds
REPLAY_MARGIN = 10.0  # seconds of audio beyond the longest utterance that a client may replay

_ENCODINGS = {
    pb.AUDIO_ENCODING_LINEAR16: Encoding.LINEAR16,
    pb.AUDIO_ENCODING_FLOAT32: Encoding.FLOAT32,
    pb.AUDIO_ENCODING_MULAW: Encoding.MULAW,
    pb.AUDIO_ENCODING_ALAW: Encoding.ALAW,
    pb.AUDIO_ENCODING_OPUS: Encoding.OPUS,
}
_ENCODINGS_OUT = {encoding: value for value, encoding in _ENCODINGS.items()}
_MODES = {
    pb.CAPTION_MODE_UNSPECIFIED: live.Mode.REVISABLE,
    pb.CAPTION_MODE_REVISABLE: live.Mode.REVISABLE,
    pb.CAPTION_MODE_APPEND_ONLY: live.Mode.APPEND_ONLY,
}
_MODES_OUT = {
    live.Mode.REVISABLE: pb.CAPTION_MODE_REVISABLE,
    live.Mode.APPEND_ONLY: pb.CAPTION_MODE_APPEND_ONLY,
}


# --- Time


def duration(samples: int) -> Duration:
    """The exact duration of a number of 16 kHz samples."""
    seconds, rest = divmod(samples, SAMPLE_RATE)
    return Duration(seconds=seconds, nanos=rest * NANOS_PER_SAMPLE)


def samples(value: Duration) -> int:
    """The nearest number of 16 kHz samples."""
    nanos = value.seconds * NANOS + value.nanos
    return (nanos + NANOS_PER_SAMPLE // 2) // NANOS_PER_SAMPLE


def duration_of_seconds(seconds: float) -> Duration:
    """The nearest duration."""
    whole, nanos = divmod(round(seconds * NANOS), NANOS)
    return Duration(seconds=whole, nanos=nanos)


def timestamp(seconds: float, position: int = 0) -> Timestamp:
    """The wall time `position` samples after `seconds` since 1970."""
    whole, nanos = divmod(round(seconds * NANOS) + position * NANOS_PER_SAMPLE, NANOS)
    return Timestamp(seconds=whole, nanos=nanos)


def stream_position(position: int, rate: int) -> int:
    """A 16 kHz position in samples of another rate: the first one at or after it."""
    return -(-position * rate // SAMPLE_RATE)


def native_position(position: int, rate: int) -> int:
    """A position in samples of another rate as the last 16 kHz position at or before it."""
    return position * SAMPLE_RATE // rate


# --- Requests


def session_config(config: pb.StreamConfig) -> live.SessionConfig:
    """Read the first message of a stream.

    Raises:
        InvalidRequest: naming the field that is wrong.
    """
    _check_length("room", config.room, 1, MAX_NAME)
    _check_length("track", config.track, 1, MAX_NAME)
    _check_length("speaker_identity", config.speaker_identity, 0, MAX_SPEAKER)
    _check_length("speaker_name", config.speaker_name, 0, MAX_SPEAKER)
    _check_length("resume_token", config.resume_token, 0, MAX_RESUME_TOKEN)
    if config.mode not in _MODES:
        raise InvalidRequest(f"mode {config.mode} is not known", field="mode")
    if not config.HasField("audio_format"):
        raise InvalidRequest("audio_format is missing", field="audio_format")
    capture = config.capture_time.ToNanoseconds() / NANOS
    return live.SessionConfig(
        room=config.room,
        track=config.track,
        audio_format=audio_format(config.audio_format),
        speaker_identity=config.speaker_identity,
        speaker_name=config.speaker_name,
        capture_time=capture if config.HasField("capture_time") else None,
        language=config.language,
        interim_results=not config.disable_interim_results,
        mode=_MODES[config.mode],
        word_times=config.word_times,
        key_terms=key_terms(tuple(config.key_terms)),
        endpoint_silence=_between("silence", config.endpointing.silence, 0.2, 3),
        max_utterance=_between("max_utterance", config.endpointing.max_utterance, 5, 28),
        resume_token=config.resume_token,
    )


def stream_config(config: live.SessionConfig) -> pb.StreamConfig:
    """Write the first message of a stream."""
    message = pb.StreamConfig(
        room=config.room,
        track=config.track,
        speaker_identity=config.speaker_identity,
        speaker_name=config.speaker_name,
        audio_format=audio_format_message(config.audio_format),
        language=config.language,
        disable_interim_results=not config.interim_results,
        mode=_MODES_OUT[config.mode],
        word_times=config.word_times,
        key_terms=config.key_terms,
        resume_token=config.resume_token,
    )
    if config.capture_time is not None:
        message.capture_time.CopyFrom(timestamp(config.capture_time))
    if config.endpoint_silence is not None:
        message.endpointing.silence.CopyFrom(duration_of_seconds(config.endpoint_silence))
    if config.max_utterance is not None:
        message.endpointing.max_utterance.CopyFrom(duration_of_seconds(config.max_utterance))
    return message


def audio_format(message: pb.AudioFormat) -> AudioFormat:
    """Read what the audio bytes mean.

    Raises:
        InvalidRequest: the encoding is not known, or rate or channels are out of range.
    """
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        raise InvalidRequest(
            f"encoding {message.encoding} is not known", field="audio_format.encoding"
        )
    return AudioFormat(encoding, message.sample_rate_hertz, message.channels or 1)


def audio_format_message(value: AudioFormat) -> pb.AudioFormat:
    """Write what the audio bytes mean."""
    return pb.AudioFormat(
        encoding=_ENCODINGS_OUT[value.encoding],
        sample_rate_hertz=value.sample_rate,
        channels=value.channels,
    )


def key_terms(terms: tuple[str, ...]) -> tuple[str, ...]:
    """Check names and acronyms against their limits.

    Raises:
        InvalidRequest: too many, too long, or an empty one.
    """
    if len(terms) > MAX_KEY_TERMS:
        raise InvalidRequest(
            f"{len(terms)} key terms, expected no more than {MAX_KEY_TERMS}", field="key_terms"
        )
    for index, term in enumerate(terms):
        _check_length(f"key_terms[{index}]", term, 1, MAX_KEY_TERM)
    return terms


def update(message: pb.UpdateConfig) -> tuple[str | None, tuple[str, ...] | None]:
    """The new language and key terms, each None when it stays as it is.

    Raises:
        InvalidRequest: key terms that break a limit, or come without `replace_key_terms`.
    """
    terms = key_terms(tuple(message.key_terms))
    if terms and not message.replace_key_terms:
        raise InvalidRequest(
            "key terms came without replace_key_terms", field="update.replace_key_terms"
        )
    return message.language or None, terms if message.replace_key_terms else None


def check_audio_size(data: bytes, value: AudioFormat, max_bytes: int) -> None:
    """Refuse a message that is too large, or holds more than a second of audio.

    Raises:
        InvalidRequest: with the numbers.
    """
    if len(data) > max_bytes:
        raise InvalidRequest(
            f"{len(data)} bytes of audio in a message, expected no more than {max_bytes}",
            field="audio.data",
        )
    bytes_a_second = value.frame_bytes * value.sample_rate  # 0 for Opus: a packet is 120 ms at most
    if bytes_a_second and len(data) > MAX_AUDIO_PER_MESSAGE * bytes_a_second:
        raise InvalidRequest(
            f"{len(data) / bytes_a_second:.3f} s of audio in a message, "
            f"expected no more than {MAX_AUDIO_PER_MESSAGE:g} s",
            field="audio.data",
        )


def _check_length(field: str, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        raise InvalidRequest(
            f"{field} has {len(text)} characters, expected {least} to {most}", field=field
        )


def _between(name: str, value: Duration, least: float, most: float) -> float | None:
    seconds = (value.seconds * NANOS + value.nanos) / NANOS
    if not seconds:
        return None
    if not least <= seconds <= most:
        raise InvalidRequest(
            f"{name} is {seconds:g} s, expected {least:g} s to {most:g} s",
            field=f"endpointing.{name}",
        )
    return seconds


# --- Responses


def provenance(info: EngineInfo, version: str) -> pb.Provenance:
    """What produces the captions."""
    return pb.Provenance(
        machine_generated=True,
        service_version=version,
        model=info.model,
        model_digest=info.digest,
    )


def stream_limits(settings: Settings, *, resumed: bool = False) -> pb.StreamLimits:
    """What a session may do; a resumed one may replay its longest utterance at once."""
    burst = settings.max_burst
    if resumed:
        burst = max(burst, settings.max_utterance + REPLAY_MARGIN)
    return pb.StreamLimits(
        max_message_bytes=settings.max_message_bytes,
        max_audio_per_message=duration_of_seconds(MAX_AUDIO_PER_MESSAGE),
        max_burst=duration_of_seconds(burst),
        idle_timeout=duration_of_seconds(settings.idle_timeout),
        resume_window=duration_of_seconds(settings.resume_window),
        max_utterance=duration_of_seconds(settings.max_utterance),
    )


@dataclass(frozen=True, slots=True)
class ResponseWriter:
    """Writes the events of one call: knows what they do not say."""

    provenance: pb.Provenance
    limits: pb.StreamLimits
    sample_rate: int
    capture_time: float
    """Wall time of sample 0 of the session."""
    word_times: bool

    def response(self, event: live.Event) -> pb.StreamCaptionsResponse:
        """The message of an event."""
        response = pb.StreamCaptionsResponse()
        match event:
            case live.Started():
                response.started.CopyFrom(self._started(event))
            case live.Captioned():
                response.caption.CopyFrom(self._caption(event))
            case live.SpeechStarted():
                response.speech_started.position.CopyFrom(duration(event.position))
            case live.SpeechEnded():
                response.speech_ended.position.CopyFrom(duration(event.position))
            case live.Progress():
                response.progress.CopyFrom(_progress(event))
            case live.Gap():
                response.gap.CopyFrom(pb.Gap(start=duration(event.start), end=duration(event.end)))
            case live.Reconnect():
                response.reconnect.CopyFrom(
                    pb.Reconnect(delay=duration_of_seconds(event.delay), reason=event.reason)
                )
            case live.Ended():
                response.ended.CopyFrom(_ended(event))
            case _:
                assert_never(event)
        return response

    def _started(self, event: live.Started) -> pb.Started:
        return pb.Started(
            session_id=event.session_id,
            resume_token=event.resume_token,
            provenance=self.provenance,
            limits=self.limits,
            resume_from=duration(event.resume_from),
            resume_from_sample=stream_position(event.resume_from, self.sample_rate),
            next_caption_id=event.next_caption_id,
        )

    def _caption(self, event: live.Captioned) -> pb.Caption:
        caption = event.caption
        return pb.Caption(
            caption_id=caption.id,
            revision=caption.revision,
            final=caption.final,
            text=caption.text,
            committed_words=caption.committed,
            committed_characters=committed_characters(caption),
            appended_text=caption.appended,
            start=duration(caption.start),
            end=duration(caption.end),
            start_time=timestamp(self.capture_time, caption.start),
            language=caption.language,
            confidence=confidence(caption.words),
            words=[word_message(word) for word in caption.words] if self.word_times else (),
            resume_token=event.resume_token,
        )


def committed_characters(caption: Caption) -> int:
    """How many leading characters of the text are committed."""
    return len(" ".join(word.text for word in caption.words[: caption.committed]))


def confidence(words: tuple[Word, ...]) -> float:
    """The mean probability of some words; 0 of none."""
    return sum(word.probability for word in words) / len(words) if words else 0.0


def word_message(word: Word) -> pb.Word:
    """Write a word."""
    return pb.Word(
        text=word.text,
        start=duration(word.start),
        end=duration(word.end),
        confidence=word.probability,
    )


def _progress(event: live.Progress) -> pb.Progress:
    return pb.Progress(
        received_until=duration(event.received),
        finalized_until=duration(event.finalized),
        lag=duration_of_seconds(event.lag),
        clamped_samples=event.clamped,
    )


def _ended(event: live.Ended) -> pb.Ended:
    return pb.Ended(
        audio=duration(event.audio),
        speech=duration(event.speech),
        captions=event.captions,
        words=event.words,
    )


# --- Responses, as a client reads them


def event(response: pb.StreamCaptionsResponse) -> live.Event | None:
    """The event of a message; None for one of a later version of the protocol."""
    match response.WhichOneof("response"):
        case "started":
            return live.Started(
                session_id=response.started.session_id,
                resume_token=response.started.resume_token,
                resume_from=samples(response.started.resume_from),
                next_caption_id=response.started.next_caption_id,
            )
        case "caption":
            return live.Captioned(caption(response.caption), response.caption.resume_token)
        case "speech_started":
            return live.SpeechStarted(samples(response.speech_started.position))
        case "speech_ended":
            return live.SpeechEnded(samples(response.speech_ended.position))
        case "progress":
            return live.Progress(
                received=samples(response.progress.received_until),
                finalized=samples(response.progress.finalized_until),
                lag=response.progress.lag.ToNanoseconds() / NANOS,
                clamped=response.progress.clamped_samples,
            )
        case "gap":
            return live.Gap(samples(response.gap.start), samples(response.gap.end))
        case "reconnect":
            delay = response.reconnect.delay.ToNanoseconds() / NANOS
            return live.Reconnect(delay, response.reconnect.reason)
        case "ended":
            return live.Ended(
                audio=samples(response.ended.audio),
                speech=samples(response.ended.speech),
                captions=response.ended.captions,
                words=response.ended.words,
            )
        case _:
            return None


def caption(message: pb.Caption) -> Caption:
    """Read a caption; without word times, each word has those of its caption."""
    start, end = samples(message.start), samples(message.end)
    return Caption(
        id=message.caption_id,
        revision=message.revision,
        start=start,
        end=end,
        words=words(message.words) or _untimed(message.text, start, end, message.confidence),
        committed=message.committed_words,
        final=message.final,
        language=message.language,
        appended=message.appended_text,
    )


def words(messages: Iterable[pb.Word]) -> tuple[Word, ...]:
    """Read words."""
    return tuple(
        Word(word.text, samples(word.start), samples(word.end), word.confidence)
        for word in messages
    )


def _untimed(text: str, start: int, end: int, probability: float) -> tuple[Word, ...]:
    # Only at plain spaces: French puts no-break spaces inside what is one word here.
    return tuple(Word(word, start, end, probability) for word in text.split(" ") if word)
