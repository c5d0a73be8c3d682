"""The events of a live session to the messages of its call, and back. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from captioner import live
from captioner.rpc.convert import (
    NANOS,
    confidence,
    duration,
    duration_of_seconds,
    samples,
    stream_position,
    timestamp,
    word_message,
    words,
)
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.transcript import Caption, Word
from captioner.transcription.events import (
    RecordingEnded,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
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
        message = caption_message(
            event.caption, origin=self.capture_time, word_times=self.word_times
        )
        message.resume_token = event.resume_token
        return message


def caption_message(caption: Caption, *, origin: float, word_times: bool) -> pb.Caption:
    """Write a caption; `origin` is the wall time of sample 0 of its session."""
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
        start_time=timestamp(origin, caption.start),
        language=caption.language,
        confidence=confidence(caption.words),
        words=[word_message(word) for word in caption.words] if word_times else (),
    )


def committed_characters(caption: Caption) -> int:
    """How many leading characters of the text are committed."""
    return len(" ".join(word.text for word in caption.words[: caption.committed]))


def _progress(event: live.Progress) -> pb.Progress:
    return pb.Progress(
        received_until=duration(event.received),
        finalized_until=duration(event.finalized),
        lag=duration_of_seconds(event.lag),
        clamped_samples=event.clamped,
        resume_token=event.resume_token,
    )


def _ended(event: live.Ended) -> pb.Ended:
    return pb.Ended(
        audio=duration(event.audio),
        speech=duration(event.speech),
        captions=event.captions,
        words=event.words,
    )


# --- As a client reads them


def event(response: pb.StreamCaptionsResponse) -> live.Event | None:
    """The event of a message; None for one of a later version of the protocol."""
    kind = response.WhichOneof("response")
    return _READERS[kind](response) if kind else None


def started(message: pb.Started) -> live.Started:
    """Read the answer to a config."""
    return live.Started(
        session_id=message.session_id,
        resume_token=message.resume_token,
        resume_from=samples(message.resume_from),
        next_caption_id=message.next_caption_id,
    )


def _read_caption(response: pb.StreamCaptionsResponse) -> live.Event:
    return live.Captioned(caption(response.caption), response.caption.resume_token)


def _read_progress(response: pb.StreamCaptionsResponse) -> live.Event:
    progress = response.progress
    return live.Progress(
        received=samples(progress.received_until),
        finalized=samples(progress.finalized_until),
        lag=progress.lag.ToNanoseconds() / NANOS,
        clamped=progress.clamped_samples,
        resume_token=progress.resume_token,
    )


def _read_reconnect(response: pb.StreamCaptionsResponse) -> live.Event:
    reconnect = response.reconnect
    return live.Reconnect(reconnect.delay.ToNanoseconds() / NANOS, reconnect.reason)


def _read_ended(response: pb.StreamCaptionsResponse) -> live.Event:
    ended = response.ended
    return live.Ended(samples(ended.audio), samples(ended.speech), ended.captions, ended.words)


_READERS: dict[str, Callable[[pb.StreamCaptionsResponse], live.Event]] = {
    "started": lambda it: started(it.started),
    "caption": _read_caption,
    "speech_started": lambda it: live.SpeechStarted(samples(it.speech_started.position)),
    "speech_ended": lambda it: live.SpeechEnded(samples(it.speech_ended.position)),
    "progress": _read_progress,
    "gap": lambda it: live.Gap(samples(it.gap.start), samples(it.gap.end)),
    "reconnect": _read_reconnect,
    "ended": _read_ended,
}


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


def _untimed(text: str, start: int, end: int, probability: float) -> tuple[Word, ...]:
    # Only at plain spaces: French puts no-break spaces inside what is one word here.
    return tuple(Word(word, start, end, probability) for word in text.split(" ") if word)


# --- Recordings


def transcription_response(event: TranscriptionEvent, *, word_times: bool) -> pb.TranscribeResponse:
    """The message of an event."""
    match event:
        case RecordingProgress():
            return pb.TranscribeResponse(
                progress=pb.TranscribeProgress(
                    transcribed_until=duration(event.transcribed),
                    duration=duration(event.duration or 0),
                )
            )
        case RecordingSegment():
            timed = [word_message(word) for word in event.words] if word_times else ()
            return pb.TranscribeResponse(
                segment=pb.TranscribedSegment(
                    segment_id=event.id,
                    text=event.text,
                    start=duration(event.start),
                    end=duration(event.end),
                    confidence=confidence(event.words),
                    words=timed,
                    language=event.language,
                )
            )
        case RecordingEnded():
            return pb.TranscribeResponse(
                ended=pb.TranscribeEnded(duration=duration(event.duration), segments=event.segments)
            )
        case _:
            assert_never(event)


def transcription_event(response: pb.TranscribeResponse) -> TranscriptionEvent | None:
    """Read a message; None for the first one, and for those of a later version."""
    match response.WhichOneof("response"):
        case "progress":
            progress = response.progress
            length = samples(progress.duration) or None
            return RecordingProgress(samples(progress.transcribed_until), length)
        case "segment":
            segment = response.segment
            start, end = samples(segment.start), samples(segment.end)
            timed = words(segment.words) or _untimed(segment.text, start, end, segment.confidence)
            return RecordingSegment(segment.segment_id, start, end, timed, segment.language)
        case "ended":
            return RecordingEnded(samples(response.ended.duration), response.ended.segments)
        case _:
            return None
