from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captioner import live
from captioner.audio.format import AudioFormat, Encoding
from captioner.rpc.replay import (
    Audio,
    Continuity,
    Flush,
    Item,
    Muted,
    Pace,
    ReplayBuffer,
    Update,
    backoff,
    opus_samples,
)
from captioner.transcript import Caption, Word

BYTES = AudioFormat(Encoding.MULAW, 8_000)  # one byte a sample: data show positions
OPUS = AudioFormat(Encoding.OPUS, 48_000)
TWENTY_MS = bytes([0b11111_0_00, 1, 2, 3])


def recording(length: int) -> bytes:
    return bytes(position % 251 for position in range(length))


def filled(length: int, *, seconds: float = 10.0) -> ReplayBuffer:
    buffer = ReplayBuffer(BYTES, seconds=seconds)
    buffer.append(recording(length))
    return buffer


def drain(buffer: ReplayBuffer) -> list[Item]:
    items = []
    while item := buffer.next():
        items.append(item)
    return items


def audio_of(items: list[Item]) -> bytes:
    return b"".join(item.data for item in items if isinstance(item, Audio))


# --- The buffer


def test_audio_comes_out_in_messages_of_100_ms_at_most() -> None:
    items = drain(filled(2_000))
    assert [(item.start, item.end) for item in items] == [(0, 800), (800, 1600), (1600, 2000)]
    assert audio_of(items) == recording(2_000)


def test_appending_tells_how_long_the_audio_lasts() -> None:
    assert ReplayBuffer(BYTES, seconds=1).append(bytes(2_000)) == 0.25


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=8), st.data())
def test_after_a_rewind_exactly_the_audio_from_there_on_is_sent_again(
    lengths: list[int], data: st.DataObject
) -> None:
    buffer = ReplayBuffer(BYTES, seconds=100)
    whole = recording(sum(lengths))
    for length in lengths:
        buffer.append(whole[buffer.position : buffer.position + length])
    for _ in range(data.draw(st.integers(0, 20))):
        buffer.next()
    position = data.draw(st.integers(0, len(whole)))
    buffer.rewind(position)
    items = drain(buffer)
    assert audio_of(items) == whole[position:]
    assert buffer.take_lost() is None
    assert all(before.end == after.start for before, after in pairwise(items))
    assert not items or items[0].start == position


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=20), st.data())
def test_what_is_neither_sent_nor_kept_is_told(lengths: list[int], data: st.DataObject) -> None:
    buffer = ReplayBuffer(BYTES, seconds=0.5)
    heard: set[int] = set()
    told: set[int] = set()
    for length in lengths:
        buffer.append(bytes(length))
        for _ in range(data.draw(st.integers(0, 3))):
            item = buffer.next()
            if lost := buffer.take_lost():
                told |= set(range(*lost))
            if item:
                heard |= set(range(item.start, item.end))
    for item in drain(buffer):
        heard |= set(range(item.start, item.end))
    if lost := buffer.take_lost():
        told |= set(range(*lost))
    assert heard | told == set(range(sum(lengths)))
    assert not heard & told


def test_the_buffer_keeps_no_more_than_it_is_allowed_to() -> None:
    buffer = filled(80_000, seconds=2)
    assert buffer.position - buffer.start <= 16_000
    assert buffer.take_lost() == (0, buffer.start)
    assert buffer.take_lost() is None


def test_a_rewind_to_audio_that_is_no_longer_kept_tells_what_is_missing() -> None:
    buffer = ReplayBuffer(BYTES, seconds=1)
    for _ in range(20):
        buffer.append(bytes(800))
        assert buffer.next()  # sent, so nothing is lost yet
    assert buffer.take_lost() is None
    buffer.rewind(1_000)
    assert buffer.take_lost() == (1_000, buffer.start)


def test_audio_in_the_past_is_refused_and_a_jump_ahead_is_kept() -> None:
    buffer = filled(800)
    with pytest.raises(ValueError, match="offset 799 is before what was sent, 800"):
        buffer.append(bytes(10), offset=799)
    buffer.append(bytes(10), offset=5_000)
    assert [item.start for item in drain(buffer)] == [0, 5_000]


def test_half_a_sample_is_refused() -> None:
    buffer = ReplayBuffer(AudioFormat(Encoding.LINEAR16, 16_000, 2), seconds=1)
    with pytest.raises(ValueError, match="6 bytes are not whole samples of 4 bytes"):
        buffer.append(bytes(6))


def test_flushes_updates_and_mutes_keep_their_place_and_are_sent_again() -> None:
    buffer = filled(800)
    buffer.flush()
    buffer.update("en", None)
    buffer.mute(8_000)
    buffer.append(bytes(10))
    expected = [Flush(800, 800), Update(800, 800, "en", None), Muted(800, 8_000)]
    assert drain(buffer)[1:4] == expected
    buffer.rewind(800)
    assert drain(buffer)[:3] == expected


def test_a_mute_without_a_position_moves_nothing() -> None:
    buffer = filled(800)
    buffer.mute()
    assert buffer.position == 800


def test_opus_packets_are_never_cut() -> None:
    buffer = ReplayBuffer(OPUS, seconds=10)
    buffer.append(TWENTY_MS)
    buffer.append(TWENTY_MS)
    buffer.rewind(500)
    assert drain(buffer) == [Muted(500, 960), Audio(960, 1_920, TWENTY_MS)]


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        (bytes([0 << 3]), 10),
        (bytes([3 << 3]), 60),
        (bytes([12 << 3]), 10),
        (bytes([15 << 3]), 20),
        (bytes([16 << 3]), 2.5),
        (bytes([31 << 3]), 20),
        (bytes([31 << 3 | 1]), 40),
        (bytes([31 << 3 | 2, 0]), 40),
        (bytes([31 << 3 | 3, 0x80 | 6]), 120),
    ],
)
def test_the_first_bytes_of_an_opus_packet_tell_how_long_it_lasts(
    packet: bytes, milliseconds: float
) -> None:
    assert opus_samples(packet) == milliseconds * 48


@pytest.mark.parametrize("packet", [b"", bytes([3])])
def test_an_opus_packet_that_is_cut_short_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="at least"):
        opus_samples(packet)


# --- Pace and backoff


def test_a_burst_goes_at_once_and_the_rest_in_real_time() -> None:
    pace = Pace(2.0, now=0.0)
    assert [pace.delay(1.0, 0.0) for _ in range(4)] == [0.0, 0.0, 1.0, 2.0]


def test_a_pause_is_no_credit_for_more_than_the_burst() -> None:
    pace = Pace(2.0, now=0.0)
    assert pace.delay(2.0, 1_000.0) == 0.0
    assert pace.delay(1.0, 1_000.0) == 1.0


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waiting_grows_from_an_eighth_of_a_second_to_five(attempt: int, jitter: float) -> None:
    delay = backoff(attempt, jitter)
    assert 0.125 <= delay <= 5.0
    assert delay <= backoff(attempt + 1, jitter)


# --- Continuity


def caption(
    identifier: int, text: str, *, revision: int = 1, final: bool = False
) -> live.Captioned:
    words = tuple(Word(word, 100, 200, 0.5) for word in text.split())
    return live.Captioned(
        Caption(identifier, revision, 100, 200, words, len(words), final, "fr", appended=text),
        "next" if final else "",
    )


def shown(event: live.Event | None) -> tuple[int, int, str, str]:
    assert isinstance(event, live.Captioned)
    found = event.caption
    return found.id, found.revision, found.text, found.appended


def started(token: str = "first") -> live.Started:
    return live.Started("s", token, 0, 1)


def test_a_final_that_came_is_not_told_again() -> None:
    continuity = Continuity()
    continuity.started(started())
    assert continuity.accept(caption(1, "un", final=True))
    continuity.started(started("next"))
    assert continuity.accept(caption(1, "un", final=True)) is None
    assert continuity.accept(caption(1, "un")) is None
    assert continuity.accept(caption(2, "deux")) is not None


def test_the_token_is_that_of_the_latest_final() -> None:
    continuity = Continuity()
    continuity.started(started())
    assert continuity.token == "first"
    continuity.accept(caption(1, "un", final=True))
    assert continuity.token == "next"


def test_revisions_go_on_counting_after_a_reconnection() -> None:
    continuity = Continuity()
    continuity.started(started())
    continuity.accept(caption(1, "un", revision=1))
    continuity.accept(caption(1, "un deux", revision=2))
    continuity.started(started())
    assert shown(continuity.accept(caption(1, "un", revision=1)))[1] == 3
    continuity.started(started())
    assert shown(continuity.accept(caption(1, "un", revision=1)))[1] == 4
    assert shown(continuity.accept(caption(1, "un", revision=2, final=True)))[1] == 5
    assert shown(continuity.accept(caption(2, "deux", revision=1)))[1] == 1


WORDS = st.lists(st.sampled_from(["un", "deux", "trois"]), min_size=1, max_size=8)


@given(WORDS, st.data())
def test_appended_words_come_once_however_often_the_connection_breaks(
    words: list[str], data: st.DataObject
) -> None:
    continuity = Continuity()
    received = ""
    for _ in range(data.draw(st.integers(0, 3))):
        continuity.started(started())
        for word in words[: data.draw(st.integers(0, len(words)))]:
            received += shown(continuity.accept(caption(1, f" {word}")))[3]
    continuity.started(started())
    for word in words:
        received += shown(continuity.accept(caption(1, f" {word}")))[3]
    event = caption(1, "", final=True)
    assert shown(continuity.accept(event))[3] == ""
    assert received == "".join(f" {word}" for word in words)


def test_a_session_that_could_not_be_resumed_is_continued_by_another_one() -> None:
    continuity = Continuity()
    continuity.started(started())
    continuity.accept(caption(1, "un", final=True))
    continuity.accept(caption(2, "deux", final=True))
    continuity.restart(16_000)
    assert continuity.token == ""
    continuity.started(started("other"))
    event = continuity.accept(caption(1, "trois"))
    assert shown(event)[0] == 3
    assert isinstance(event, live.Captioned)
    assert (event.caption.start, event.caption.words[0].end) == (16_100, 16_200)
    progress = continuity.accept(live.Progress(received=500, finalized=300, lag=0, clamped=0))
    assert progress == live.Progress(received=16_500, finalized=16_300, lag=0, clamped=0)
    assert continuity.finalized == 16_300


def test_speech_that_started_before_the_reconnection_does_not_start_again() -> None:
    continuity = Continuity()
    assert continuity.accept(live.SpeechStarted(10))
    assert continuity.accept(live.SpeechStarted(10)) is None
    assert continuity.accept(live.SpeechEnded(20)) == live.SpeechEnded(20)
    assert continuity.accept(live.SpeechEnded(20)) is None
    assert continuity.accept(live.SpeechStarted(30)) == live.SpeechStarted(30)


def test_a_gap_that_the_client_told_of_is_not_told_again_by_the_server() -> None:
    continuity = Continuity()
    assert continuity.lost(16_000, 64_000) == live.Gap(16_000, 64_000)
    assert continuity.lost(16_000, 64_000) is None
    assert continuity.accept(live.Gap(16_000, 64_001)) is None
    assert continuity.accept(live.Gap(80_000, 90_000)) == live.Gap(80_000, 90_000)


def test_what_was_heard_as_silence_is_not_lost() -> None:
    continuity = Continuity()
    continuity.accept(live.Progress(received=50_000, finalized=48_000, lag=0, clamped=0))
    assert continuity.lost(16_000, 40_000) is None
    assert continuity.accept(live.Gap(16_000, 40_000)) is None
    assert continuity.lost(16_000, 64_000) == live.Gap(48_000, 64_000)


def test_totals_are_those_of_all_calls() -> None:
    continuity = Continuity()
    continuity.accept(caption(1, "un deux", final=True))
    continuity.restart(1_000)
    continuity.accept(caption(1, "trois", final=True))
    ended = continuity.accept(live.Ended(audio=500, speech=1, captions=1, words=1))
    assert ended == live.Ended(audio=1_500, speech=1, captions=2, words=3)


def test_what_is_between_client_and_server_is_not_told() -> None:
    continuity = Continuity()
    assert continuity.accept(live.Reconnect(1.0, "drain")) is None
    assert continuity.accept(started()) is None
