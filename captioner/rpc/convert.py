"""The messages of the native API to the values of the service, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from captioner import live
from captioner.asr.engine import EngineInfo
from captioner.audio.format import AudioFormat, Encoding
from captioner.config import Settings
from captioner.errors import InvalidRequest
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.transcript import SAMPLE_RATE, Word

NANOS = 1_000_000_000
NANOS_PER_SAMPLE = NANOS // SAMPLE_RATE  # 62500: a position has an exact duration
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
    live.check_length("room", config.room, 1, live.MAX_NAME)
    live.check_length("track", config.track, 1, live.MAX_NAME)
    live.check_length("speaker_identity", config.speaker_identity, 0, live.MAX_SPEAKER)
    live.check_length("speaker_name", config.speaker_name, 0, live.MAX_SPEAKER)
    live.check_length("resume_token", config.resume_token, 0, live.MAX_RESUME_TOKEN)
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
        key_terms=live.check_key_terms(tuple(config.key_terms)),
        endpoint_silence=_seconds("silence", config.endpointing.silence, live.ENDPOINT_SILENCE),
        max_utterance=_seconds(
            "max_utterance", config.endpointing.max_utterance, live.MAX_UTTERANCE
        ),
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


def update(message: pb.UpdateConfig) -> tuple[str | None, tuple[str, ...] | None]:
    """The new language and key terms, each None when it stays as it is.

    Raises:
        InvalidRequest: key terms that break a limit, or come without `replace_key_terms`.
    """
    terms = live.check_key_terms(tuple(message.key_terms))
    if terms and not message.replace_key_terms:
        raise InvalidRequest(
            "key terms came without replace_key_terms", field="update.replace_key_terms"
        )
    return message.language or None, terms if message.replace_key_terms else None


def _seconds(name: str, value: Duration, limits: tuple[float, float]) -> float | None:
    seconds = (value.seconds * NANOS + value.nanos) / NANOS
    return live.check_seconds(name, seconds, limits) if seconds else None


# --- Words


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


def words(messages: Iterable[pb.Word]) -> tuple[Word, ...]:
    """Read words."""
    return tuple(
        Word(word.text, samples(word.start), samples(word.end), word.confidence)
        for word in messages
    )


# --- What the service is


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
        max_audio_per_message=duration_of_seconds(live.MAX_AUDIO_PER_MESSAGE),
        max_burst=duration_of_seconds(burst),
        idle_timeout=duration_of_seconds(settings.idle_timeout),
        resume_window=duration_of_seconds(settings.resume_window),
        max_utterance=duration_of_seconds(settings.max_utterance),
    )
