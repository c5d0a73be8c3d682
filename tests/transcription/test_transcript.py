from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner.errors import UnsupportedAudio
from captioner.transcript import Word
from captioner.transcription.events import (
    RecordingEnded,
    RecordingFailed,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)
from captioner.transcription.reading import Reading
from captioner.transcription.transcript import TranscriptInOrder

Events = list[TranscriptionEvent | RecordingFailed]


def said(*utterances: str, start: int = 0, end: int = 10) -> Reading:
    """A window whose utterances hold these words, all of them at one place."""
    return Reading(
        tuple(tuple(Word(word, start, end, 0.9) for word in text.split()) for text in utterances)
    )


def segments(events: Events) -> list[RecordingSegment]:
    return [event for event in events if isinstance(event, RecordingSegment)]


def progress(events: Events) -> list[int]:
    return [event.transcribed for event in events if isinstance(event, RecordingProgress)]


def test_windows_are_told_in_order_whatever_the_order_in_which_they_are_read() -> None:
    transcript = TranscriptInOrder("fr", None)
    first, second = transcript.expect(0), transcript.expect(50)
    transcript.take(second, said("deux", start=60, end=70))
    assert transcript.tell() == []
    transcript.take(first, said("un", start=10, end=20))
    assert [segment.text for segment in segments(transcript.tell())] == ["un", "deux"]
    assert transcript.tell() == []


def test_each_utterance_with_words_is_a_segment() -> None:
    transcript = TranscriptInOrder("en", None)
    transcript.take(transcript.expect(0), said("one", "", "two three"))
    first, second = segments(transcript.tell())
    assert (first.id, first.text, first.language) == (1, "one", "en")
    assert (second.id, second.text) == (2, "two three")


def test_times_do_not_go_back() -> None:
    transcript = TranscriptInOrder("fr", None)
    transcript.take(transcript.expect(0), said("un", start=10, end=90))
    transcript.take(transcript.expect(50), said("deux", start=60, end=70))
    transcript.take(transcript.expect(50), said("trois", start=80, end=100))
    spans = [(segment.start, segment.end) for segment in segments(transcript.tell())]
    assert spans == [(10, 90), (90, 90), (90, 100)]


def test_progress_stops_before_the_first_window_that_is_not_read() -> None:
    transcript = TranscriptInOrder("fr", 1000)
    transcript.hear(100, 40)
    assert transcript.tell() == [RecordingProgress(40, 1000)]
    waiting = transcript.expect(50)
    transcript.hear(300, 200)
    assert transcript.tell() == [RecordingProgress(50, 1000)]
    transcript.take(waiting, said("un"))
    assert progress(transcript.tell()) == [200]


def test_progress_never_goes_back() -> None:
    transcript = TranscriptInOrder("fr", None)
    transcript.hear(100, 90)
    assert progress(transcript.tell()) == [90]
    transcript.hear(200, 80)
    assert transcript.tell() == []


def test_a_duration_that_turns_out_too_short_grows() -> None:
    transcript = TranscriptInOrder("fr", 100)
    transcript.hear(150, 120)
    assert transcript.tell() == [RecordingProgress(120, 150)]


def test_a_duration_that_is_not_declared_is_known_at_the_end() -> None:
    transcript = TranscriptInOrder("fr", None)
    transcript.hear(150, 120)
    assert transcript.tell() == [RecordingProgress(120, None)]
    transcript.hear(170, 170)
    transcript.end(None)
    assert transcript.tell() == [RecordingProgress(170, 170), RecordingEnded(170, 0)]


def test_a_declared_duration_that_was_too_long_is_corrected_at_the_end() -> None:
    transcript = TranscriptInOrder("fr", 1000)
    transcript.hear(170, 170)
    transcript.end(None)
    assert transcript.tell() == [RecordingProgress(170, 170), RecordingEnded(170, 0)]


def test_a_recording_is_complete_when_its_last_window_was_read() -> None:
    transcript = TranscriptInOrder("fr", None)
    window = transcript.expect(0)
    transcript.hear(100, 100)
    transcript.end(None)
    assert (transcript.tell(), transcript.complete) == ([], False)
    transcript.take(window, said("un"))
    assert transcript.tell()[-1] == RecordingEnded(100, 1)
    assert transcript.complete
    assert transcript.tell() == []


def test_a_recording_that_breaks_off_is_told_as_far_as_it_goes_and_then_why() -> None:
    error = UnsupportedAudio("broken")
    transcript = TranscriptInOrder("fr", 1000)
    window = transcript.expect(0)
    transcript.hear(100, 100)
    transcript.end(error)
    transcript.take(window, said("un"))
    *events, last = transcript.tell()
    assert [segment.text for segment in segments(events)] == ["un"]
    assert last == RecordingFailed(error)
    assert transcript.complete


@given(
    st.lists(st.lists(st.tuples(st.integers(-50, 900), st.integers(-50, 900))), max_size=8),
    st.randoms(use_true_random=False),
)
@pytest.mark.parametrize("broken", [False, True])
def test_every_order_of_reading_tells_the_same(
    broken: bool, windows: list[list[tuple[int, int]]], order: Random
) -> None:
    readings = [
        Reading(tuple((Word(f"{n}.{k}", *span, 0.9),) for k, span in enumerate(spans)))
        for n, spans in enumerate(windows)
    ]
    numbers = list(range(len(readings)))
    order.shuffle(numbers)
    transcript = TranscriptInOrder("fr", None)
    told: Events = []
    for number in range(len(readings)):
        assert transcript.expect(100 * number) == number
        transcript.hear(100 * number + 100, 100 * number + 50)
        told += transcript.tell()
    for number in numbers:
        transcript.take(number, readings[number])
        told += transcript.tell()
        assert not transcript.complete
    transcript.hear(1000, 1000)
    transcript.end(UnsupportedAudio("broken") if broken else None)
    told += transcript.tell()

    texts = [word.text for each in readings for words in each.utterances for word in words]
    assert [segment.text for segment in segments(told)] == texts
    assert [segment.id for segment in segments(told)] == list(range(1, len(texts) + 1))
    edges = [edge for each in segments(told) for edge in (each.start, each.end)]
    assert edges == sorted(edges)
    positions = progress(told)
    assert positions == sorted(set(positions))
    assert isinstance(told[-1], RecordingFailed if broken else RecordingEnded)
    assert sum(isinstance(each, RecordingFailed | RecordingEnded) for each in told) == 1
