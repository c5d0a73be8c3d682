from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from streaming_fakes import SETTINGS, ScriptedActivity, at, script, silence

from captioner.streaming.hearing import Hearing
from captioner.vad import FRAME_SAMPLES
from captioner.vad.endpointing import Endpoint, Event, SpeechStarted

SPOKEN = script(1.0, 4.0)  # four words
SPEAKER = 0.25  # power


def hearing_from(position: int) -> Hearing:
    hearing = Hearing(SETTINGS.endpointing, ScriptedActivity(SPOKEN))
    hearing.restart(position, SPEAKER)
    return hearing


def events(hearing: Hearing, until: int, chunk: int) -> list[Event]:
    found: list[Event] = []
    while hearing.scanned < until:
        audio = silence(min(chunk, until - hearing.scanned))
        for probability in hearing.probabilities(audio):
            found += hearing.take(probability)
    return found


@given(chunk=st.integers(1, 4000), start=st.integers(0, 8).map(lambda n: n * 1600))
def test_what_is_heard_from_a_restart_on_depends_on_neither_the_past_nor_the_chunks(
    chunk: int, start: int
) -> None:
    used = hearing_from(0)
    events(used, at(2.0), 777)
    used.restart(start, SPEAKER)

    fresh = hearing_from(start)

    assert events(used, SPOKEN.length, chunk) == events(fresh, SPOKEN.length, 1600)
    assert (used.heard, used.silent_until) == (fresh.heard, fresh.silent_until)
    assert used.speaker_power == fresh.speaker_power


@given(until=st.integers(0, SPOKEN.length))
def test_no_utterance_opens_before_where_it_was_said_to_be_silent(until: int) -> None:
    hearing = hearing_from(0)
    silent_until: int | None = None
    if not any(isinstance(event, SpeechStarted) for event in events(hearing, until, 1600)):
        silent_until = hearing.silent_until
        assert 0 <= silent_until <= hearing.heard <= hearing.scanned

    later = events(hearing, SPOKEN.length, 1600)

    starts = [event.start for event in later if isinstance(event, SpeechStarted)]
    if silent_until is not None:
        assert starts
        assert min(starts) >= silent_until


def test_what_is_open_ends_with_the_frame_that_was_not_complete() -> None:
    hearing = hearing_from(0)
    until = SPOKEN.words[1].end // FRAME_SAMPLES * FRAME_SAMPLES + 100
    events(hearing, until, 1600)
    assert hearing.heard < until

    for probability in hearing.last_probabilities():
        assert not list(hearing.take(probability))
    (end,) = hearing.end()

    assert hearing.heard >= until
    assert isinstance(end, Endpoint)
