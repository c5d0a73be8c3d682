from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rpc_fakes import SETTINGS

from captioner import live
from captioner.rpc import convert, responses
from captioner.rpc.generated.captioner.v1 import captioner_pb2 as pb
from captioner.rpc.responses import ResponseWriter
from captioner.transcript import Caption, Word
from captioner.transcription.events import RecordingEnded, RecordingProgress, RecordingSegment

WORDS = (
    Word("Bonjour", 16_000, 20_000, 0.5),
    Word("l'été\u00a0!", 20_000, 24_000, 1.0),
    Word("Ça", 24_000, 28_000, 0.75),
)
CAPTION = Caption(
    id=3,
    revision=2,
    start=16_000,
    end=28_000,
    words=WORDS,
    committed=2,
    final=False,
    language="fr",
    appended=" l'été\u00a0!",
)


def writer(*, word_times: bool = True) -> ResponseWriter:
    return ResponseWriter(
        provenance=pb.Provenance(machine_generated=True, model="base"),
        limits=convert.stream_limits(SETTINGS),
        sample_rate=44_100,
        capture_time=1_000_000.5,
        word_times=word_times,
    )


EVENTS = [
    live.Started("s", "t", 16_000, 7),
    live.Captioned(CAPTION),
    live.Captioned(CAPTION, "token"),
    live.SpeechStarted(5),
    live.SpeechEnded(6),
    live.Progress(received=7, finalized=3, lag=0.25, clamped=9),
    live.Gap(3, 90_000),
    live.Reconnect(1.5, "drain"),
    live.Ended(audio=1, speech=2, captions=3, words=4),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_each_event_survives_the_wire(event: live.Event) -> None:
    assert responses.event(writer().response(event)) == event


def test_an_event_of_a_later_version_is_none() -> None:
    assert responses.event(pb.StreamCaptionsResponse()) is None


def test_a_start_tells_where_to_go_on_in_samples_of_the_stream() -> None:
    started = writer().response(live.Started("s", "t", 16_001, 1)).started
    assert started.resume_from_sample == 44_103  # the first at or after 44102.76
    assert started.provenance.machine_generated


def test_committed_characters_are_those_of_the_committed_words() -> None:
    message = writer().response(live.Captioned(CAPTION)).caption
    assert message.text[: message.committed_characters] == "Bonjour l'été\u00a0!"
    assert message.committed_words == 2


@given(st.integers(0, 3))
def test_the_committed_characters_never_end_inside_a_word(committed: int) -> None:
    caption = Caption(1, 1, 0, 9, WORDS, committed, final=False, language="fr")
    text = caption.text[: responses.committed_characters(caption)]
    assert text == " ".join(word.text for word in WORDS[:committed])


def test_a_caption_tells_the_wall_time_of_its_start() -> None:
    message = writer().response(live.Captioned(CAPTION)).caption
    assert message.start_time.ToNanoseconds() == 1_000_001_500_000_000


def test_the_confidence_is_the_mean_of_the_words() -> None:
    assert writer().response(live.Captioned(CAPTION)).caption.confidence == 0.75
    assert convert.confidence(()) == 0


def test_without_word_times_a_client_still_gets_the_words() -> None:
    message = writer(word_times=False).response(live.Captioned(CAPTION))
    assert not message.caption.words
    event = responses.event(message)
    assert isinstance(event, live.Captioned)
    assert event.caption.text == CAPTION.text
    assert [word.text for word in event.caption.words] == [word.text for word in WORDS]
    assert {(word.start, word.end) for word in event.caption.words} == {(16_000, 28_000)}


def test_an_empty_final_has_no_words() -> None:
    empty = Caption(1, 1, 0, 9, (), 0, final=True, language="fr")
    assert responses.event(writer().response(live.Captioned(empty))) == live.Captioned(empty)


def test_a_resumed_stream_may_replay_its_longest_utterance_at_once() -> None:
    limits = convert.stream_limits(SETTINGS, resumed=True)
    assert limits.max_burst.seconds == SETTINGS.max_utterance + 10
    assert convert.stream_limits(SETTINGS).max_burst.seconds == SETTINGS.max_burst


@pytest.mark.parametrize(
    "event",
    [
        RecordingProgress(5, None),
        RecordingProgress(5, 10),
        RecordingSegment(1, 16_000, 28_000, WORDS, "fr"),
        RecordingEnded(10, 2),
    ],
)
def test_each_event_of_a_recording_survives_the_wire(
    event: RecordingProgress | RecordingSegment | RecordingEnded,
) -> None:
    message = responses.transcription_response(event, word_times=True)
    assert responses.transcription_event(message) == event


def test_the_first_answer_to_a_recording_is_not_an_event() -> None:
    assert responses.transcription_event(pb.TranscribeResponse(started=pb.Provenance())) is None
