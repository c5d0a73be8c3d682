"""What must always hold of a session, whoever speaks, however audio and answers arrive."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from streaming_fakes import (
    NEAR,
    SETTINGS,
    Drive,
    Recogniser,
    Script,
    ScriptedActivity,
    at,
    chatter,
    script,
    silence,
    spelling,
)

from captioner.streaming.actions import (
    Action,
    Decode,
    Emit,
    Finished,
    Purpose,
    Started,
    Stopped,
)
from captioner.streaming.session import QUIET, Session
from captioner.streaming.settings import Effort, StreamingSettings, samples
from captioner.transcript import Caption, Hypothesis, Word
from captioner.vad import FRAME_SAMPLES

APPEND_ONLY = replace(SETTINGS, append_only=True)
MODES = pytest.mark.parametrize("mode", [SETTINGS, APPEND_ONLY], ids=["revisable", "append_only"])

few = settings(max_examples=settings().max_examples // 3)
scripts = st.lists(
    st.tuples(st.floats(0.0, 3.0) | st.just(14.0), st.integers(1, 60), st.integers(0, 99)),
    min_size=1,
    max_size=4,
).map(lambda parts: chatter(*parts))
with_voices_behind = st.builds(
    lambda spoken, first, count: replace(spoken, faint=range(first, first + count)),
    spoken=scripts,
    first=st.integers(0, 60),
    count=st.integers(0, 60),
)
chunk_sizes = st.lists(st.integers(320, 16_000), min_size=1, max_size=5)
delays = st.sampled_from([0, at(0.1), at(0.4), at(1.0), at(3.0)])
unreliable = st.builds(
    lambda spoken, noise, delay, failing: (
        lambda mode: Drive(
            spoken, mode, recogniser=Recogniser(spoken, noise), delay=delay, failing=failing
        )
    ),
    spoken=scripts,
    noise=st.integers(0, 999),
    delay=delays,
    failing=st.sets(st.integers(1, 60), max_size=20),
)


def identities(captions: list[Caption]) -> list[tuple[int, str, int, int]]:
    return [(caption.id, caption.text, caption.start, caption.end) for caption in captions]


# --- invariants: `Listener` and `Drive` check most of them at every step


@MODES
@few
@given(spoken=scripts, chunks=chunk_sizes, delay=delays)
def test_a_perfect_recogniser_gives_every_word_once(
    mode: StreamingSettings, spoken: Script, chunks: list[int], delay: int
) -> None:
    listener = Drive(spoken, mode, delay=delay).run(*chunks)

    assert listener.text == spoken.text


@MODES
@few
@given(drive=unreliable, chunks=chunk_sizes)
def test_promises_hold_whatever_is_misheard_late_or_failing(
    mode: StreamingSettings, drive: Callable[[StreamingSettings], Drive], chunks: list[int]
) -> None:
    listener = drive(mode).run(*chunks)

    assert [final.id for final in listener.finals] == [*range(1, len(listener.finals) + 1)]


@MODES
@few
@example(chatter((1.78125, 17, 7)), [320, 320, 320, 16000, 480], {0, 33, 34})
@given(spoken=scripts, chunks=chunk_sizes, flushes=st.sets(st.integers(0, 40), max_size=4))
def test_flushing_anywhere_keeps_every_promise(
    mode: StreamingSettings, spoken: Script, chunks: list[int], flushes: set[int]
) -> None:
    drive = Drive(spoken, mode)
    turn = 0
    cut: list[Word] = []
    while drive.session.received < spoken.length:
        drive.feed(chunks[turn % len(chunks)])
        now = drive.session.received
        inside = [word for word in spoken.words if word.start < now < word.end]
        # of a word that is cut twice nobody hears enough
        if turn in flushes and not any(word in cut for word in inside):
            cut += inside
            drive.act(drive.session.flush())
            assert not drive.session.talking
            # no audio may follow for long: what was flushed is final without any
            assert drive.session.pending is None
        turn += 1
    listener = drive.end()

    assert listener.text == spoken.text
    assert {restart.position % 160 for restart in listener.restarts} == {0}


@MODES
@pytest.mark.parametrize("samples", [at(1.5), at(1.5) + 100, at(1.5) + 511])
def test_a_flush_gives_the_final_though_no_audio_follows(
    mode: StreamingSettings, samples: int
) -> None:
    drive = Drive(script(0.5, 4.0), mode)
    drive.feed(samples)
    drive.act(drive.session.flush())

    (final,) = drive.listener.finals
    assert final.words


@MODES
def test_flushing_at_the_very_cut_of_a_long_utterance_finalizes_what_follows_the_cut(
    mode: StreamingSettings,
) -> None:
    endpointing = replace(mode.endpointing, max_utterance=15.0, late_after=15.0, cut_search=4.5)
    drive = Drive(script(0.5, 12.0, 0.08, 10.0), replace(mode, endpointing=endpointing))
    while not (starts := [a.position for a in drive.actions if isinstance(a, Started)]):
        drive.feed(320)
    longest = at(endpointing.max_utterance)
    full = -(-(starts[0] + longest) // FRAME_SAMPLES) * FRAME_SAMPLES
    while drive.session.received < full - 100:
        drive.feed(min(320, full - 100 - drive.session.received))

    drive.act(drive.session.flush())

    first, second = drive.listener.finals
    assert first.end <= second.start < second.end == drive.session.restart.position
    assert not drive.session.talking
    assert drive.session.restart.position > full - 500


@MODES
@few
@given(spoken=scripts, length=st.integers(1, at(40)))
def test_the_stream_may_end_anywhere(mode: StreamingSettings, spoken: Script, length: int) -> None:
    cut = Script(spoken.words, min(length, spoken.length))

    listener = Drive(cut, mode).run(1600)

    sure = [word.text for word in spoken.words if word.end <= cut.length]
    assert listener.text.split()[: len(sure)] == sure


@MODES
@few
@given(spoken=scripts, chunks=chunk_sizes, cuts=st.lists(st.integers(1, at(40)), max_size=3))
def test_skipping_ahead_loses_nothing_that_was_heard(
    mode: StreamingSettings, spoken: Script, chunks: list[int], cuts: list[int]
) -> None:
    """Skip 3 s of silence, inserted where the words pause."""
    gaps = [spoken.length]
    for cut in cuts:
        gaps += [word.end for word in spoken.words if word.end >= cut][:1]
    places = sorted(set(gaps))
    late = [
        replace(
            word,
            start=word.start + sum(word.start >= gap for gap in places) * at(3.0),
            end=word.end + sum(word.start >= gap for gap in places) * at(3.0),
        )
        for word in spoken.words
    ]
    holed = Script(tuple(late), spoken.length + len(places) * at(3.0))
    drive = Drive(holed, mode)
    for index, gap in enumerate(places):
        until = gap + index * at(3.0)
        while drive.session.received < until:
            drive.feed(min(chunks[0], until - drive.session.received))
        drive.act(drive.session.skip_to(until + at(3.0)))

    assert drive.end().text == spoken.text


# --- the same finals, however the audio arrives


@few
@given(spoken=with_voices_behind, chunks=chunk_sizes, delay=delays)
def test_finals_do_not_depend_on_chunks_or_on_late_answers(
    spoken: Script, chunks: list[int], delay: int
) -> None:
    steady = Drive(spoken).run(320)

    assert identities(Drive(spoken, delay=delay).run(*chunks).finals) == identities(steady.finals)


@few
@given(spoken=scripts, chunks=chunk_sizes)
def test_append_only_words_do_not_depend_on_chunks(spoken: Script, chunks: list[int]) -> None:
    """A cut falls behind what is committed, so captions may; the words do not."""
    assert Drive(spoken, APPEND_ONLY).run(*chunks).text == Drive(spoken, APPEND_ONLY).run(320).text


@few
@given(spoken=with_voices_behind, first=chunk_sizes, again=chunk_sizes, fraction=st.floats(0, 1))
def test_a_session_resumed_after_its_last_final_gives_the_finals_that_were_left(
    spoken: Script, first: list[int], again: list[int], fraction: float
) -> None:
    whole = Drive(spoken).run(*first)
    broken = Drive(spoken)
    turn = 0
    while broken.session.received < fraction * spoken.length:
        broken.feed(first[turn % len(first)])
        turn += 1
    heard = broken.listener

    rest = Drive(spoken, restart=broken.session.restart).run(*again)

    assert identities(heard.finals + rest.finals) == identities(whole.finals)


@few
@given(spoken=scripts, chunks=chunk_sizes, fraction=st.floats(0, 1))
def test_an_append_only_session_resumed_goes_on_with_the_text(
    spoken: Script, chunks: list[int], fraction: float
) -> None:
    broken = Drive(spoken, APPEND_ONLY)
    while broken.session.received < fraction * spoken.length:
        broken.feed(chunks[0])
    finals = broken.listener.finals

    rest = Drive(spoken, APPEND_ONLY, restart=broken.session.restart).run(*chunks)

    before = " ".join(final.text for final in finals if final.text)
    assert before + rest.appended == spoken.text


def only_the_first(words: int, spoken: Script) -> Script:
    """The script with every word after these said by somebody far away."""
    return replace(spoken, faint=range(words, len(spoken.words)))


def test_a_voice_far_behind_the_speaker_is_no_speech_after_a_final_or_a_long_silence() -> None:
    spoken = only_the_first(5, script(0.5, 2.0, 2.0, 2.0, 30.0, 2.0))
    drive = Drive(spoken)

    (final,) = drive.run(1600).finals

    assert len(final.words) == 5
    assert drive.session.restart.position > at(20.0)  # moved by the silence
    assert drive.session.restart.speaker_power == NEAR


def test_a_resumed_session_knows_how_loud_the_speaker_is() -> None:
    spoken = only_the_first(5, script(0.5, 2.0, 2.0, 2.0))
    broken = Drive(spoken)
    while not broken.listener.finals:
        broken.feed(1600)

    rest = Drive(spoken, restart=broken.session.restart).run(1600)

    assert rest.finals == []


def test_a_session_resumed_in_silence_knows_how_loud_a_sound_too_short_for_speech_was() -> None:
    blip = Word("ah", at(1.0), at(1.05), 0.9)
    far = script(16.0, 2.0)
    spoken = only_the_first(1, replace(far, words=(blip, *far.words)))
    broken = Drive(spoken)
    while broken.session.restart.position == 0:
        broken.feed(1600)

    rest = Drive(spoken, restart=broken.session.restart).run(1600)

    assert rest.finals == broken.run(1600).finals == []


@pytest.mark.parametrize("talking", [True, False])
def test_a_flush_and_a_gap_in_the_audio_forget_no_speaker(*, talking: bool) -> None:
    spoken = only_the_first(5, script(0.5, 2.0, 2.0, 2.0, 2.0, 2.0))
    drive = Drive(spoken)
    while drive.session.received < at(2.4 if talking else 4.0):
        drive.feed(1600)

    drive.act(drive.session.flush())
    drive.act(drive.session.skip_to(at(4.1)))
    (final,) = drive.run(1600).finals

    assert final.words[-1].end <= spoken.words[4].end


def test_a_final_says_where_to_go_on() -> None:
    drive = Drive(script(0.5, 2.0, 2.0, 2.0))
    listener = drive.run(1600)

    assert [restart.next_caption for restart in listener.restarts] == [2, 3]
    assert [restart.has_text for restart in listener.restarts] == [True, True]
    assert listener.restarts[-1] == drive.session.restart
    assert listener.finals[0].end <= listener.restarts[0].position < listener.finals[1].start
    assert listener.restarts[0].position % 160 == 0


def test_a_cut_amid_speech_says_that_it_continues() -> None:
    listener = Drive(script(0.5, 12.0)).run(1600)

    assert [restart.continuing for restart in listener.restarts] == [True, False]


@MODES
def test_a_short_word_after_a_cut_is_not_lost(mode: StreamingSettings) -> None:
    """It is too short to open an utterance of its own, but continues one."""
    start = at(0.5) - at(SETTINGS.endpointing.pre_roll)
    full = start + at(SETTINGS.endpointing.max_utterance)
    before = [word for word in script(0.5, 20.0).words if word.end <= full - at(0.2)]
    before[-1] = replace(before[-1], end=full - at(0.17))
    short = Word("si", full - at(0.03), full + at(0.03), 0.9)
    spoken = Script((*before, short), full + at(2.0))

    listener = Drive(spoken, mode).run(320)

    assert listener.restarts[0].continuing
    assert listener.finals[-1].text == spelling(len(before))
    assert len(listener.finals) == 2


def test_a_long_silence_moves_the_place_to_go_on_from() -> None:
    drive = Drive(script(0.5, 2.0, silent_end=60.0))
    while drive.session.received < at(50.0):
        drive.feed(1600)

    last = drive.listener.restarts[-1]
    assert drive.session.restart.position > drive.session.received - QUIET - at(1.0)
    assert drive.session.restart == replace(last, position=drive.session.restart.position)


# --- what is decoded, and when


def test_interims_come_every_hop_while_somebody_speaks() -> None:
    drive = Drive(script(1.0, 4.0))
    drive.run(320)

    edges = [decode.edge for decode in drive.decodes if decode.purpose is Purpose.INTERIM]
    first = at(1.0 - SETTINGS.endpointing.pre_roll) // 160 * 160 + SETTINGS.first_hop
    assert edges[0] == pytest.approx(first, abs=512)
    assert {late - early for early, late in itertools.pairwise(edges)} == {SETTINGS.hop}


def test_without_interims_only_finals_are_decoded_and_shown() -> None:
    spoken = script(1.0, 4.0, 2.0, 1.0)
    drive = Drive(spoken, replace(SETTINGS, interims=False))

    listener = drive.run(320)

    assert {decode.purpose for decode in drive.decodes} == {Purpose.FINAL}
    assert all(caption.final for caption in listener.captions)
    assert listener.text == spoken.text


def test_the_decode_of_a_pause_is_the_final_when_nothing_follows() -> None:
    drive = Drive(script(0.5, 2.0))
    drive.run(320)

    (final,) = [decode for decode in drive.decodes if decode.purpose is Purpose.FINAL]
    asked = drive.actions.index(final)
    stopped = next(i for i, action in enumerate(drive.actions) if isinstance(action, Stopped))
    assert asked < stopped
    assert isinstance(drive.actions[stopped + 1], Emit)


def test_audio_that_arrives_during_a_decode_is_in_the_next_window() -> None:
    prompt, slow = Drive(script(0.5, 8.0)), Drive(script(0.5, 8.0), delay=at(2.0))
    prompt.run(320)
    slow.run(320)

    assert len(slow.decodes) < len(prompt.decodes) / 2
    interims = [decode for decode in slow.decodes if decode.purpose is Purpose.INTERIM]
    gaps = {b.edge - a.edge for a, b in itertools.pairwise(interims)}
    assert min(gaps) >= at(2.0) - SETTINGS.hop
    assert {gap % SETTINGS.hop for gap in gaps} == {0}


def test_an_interim_that_waited_is_decoded_with_what_was_heard_meanwhile() -> None:
    spoken = script(0.5, 6.0)
    by_hand = Scripted(spoken)
    first = by_hand.until_decode(Purpose.INTERIM)
    by_hand.session.receive(silence(at(0.55)))

    assert by_hand.session.refresh(first.id, lambda _: False) is None
    newer = by_hand.session.refresh(first.id, lambda _: True)

    assert newer is not None
    assert (newer.id, newer.edge) == (first.id, first.edge + 5 * SETTINGS.refresh)
    assert newer.row.speech_frames == first.row.speech_frames + 50
    assert by_hand.session.refresh(first.id, lambda _: True) is None
    hypothesis = Recogniser(spoken).hear(newer)
    (caption,) = emitted(by_hand.session.decoded(first.id, hypothesis))
    assert caption.words[-1].end > first.edge


def test_a_final_and_a_decode_that_nobody_waits_for_are_not_refreshed() -> None:
    by_hand = Scripted(script(0.5, 1.2))
    final = by_hand.until_decode(Purpose.FINAL)
    by_hand.session.receive(silence(at(0.2)))

    assert by_hand.session.refresh(final.id, lambda _: True) is None
    assert by_hand.session.refresh(99, lambda _: True) is None


def test_a_busy_engine_is_not_asked_for_finals_on_speculation() -> None:
    lean = Effort(beam_size=1, retry=False, speculate=False, sure=0.6)
    drive = Drive(script(0.5, 2.0, 2.0, 2.0), replace(SETTINGS, final=lean))
    drive.run(320)

    finals = [decode for decode in drive.decodes if decode.purpose is Purpose.FINAL]
    stops = [action for action in drive.actions if isinstance(action, Stopped)]
    assert len(finals) == len(stops) == 2
    for final, stop in zip(finals, stops, strict=True):
        assert drive.actions.index(final) > drive.actions.index(stop)
        assert (final.row.beam_size, final.row.retry) == (1, False)


def test_finals_are_decoded_wider_than_interims_and_padded_when_there_is_time() -> None:
    drive = Drive(script(0.5, 2.0, 2.0, 2.0))
    while not drive.listener.finals:
        drive.feed(1600)
    drive.session.effort = Effort(window=samples(30.0))
    drive.run(1600)

    final_rows = [d.row for d in drive.decodes if d.purpose is Purpose.FINAL]
    interim_rows = [d.row for d in drive.decodes if d.purpose is Purpose.INTERIM]
    assert {row.beam_size for row in final_rows} == {Effort().beam_size}
    assert {row.beam_size for row in interim_rows} == {1}
    assert [row.features.shape for row in final_rows] == [(80, 800), (80, 3000)]
    assert {row.retry for row in final_rows} == {True}
    assert {row.retry for row in interim_rows} == {False}


def test_settings_change_from_the_next_utterance_on() -> None:
    drive = Drive(script(0.5, 2.0, 2.0, 2.0))
    drive.feed(at(1.5))
    drive.session.update(language="en", key_terms=("Lefèvre",))
    drive.session.update(language=None, key_terms=None)
    listener = drive.run(1600)

    assert [final.language for final in listener.finals] == ["fr", "en"]
    assert drive.decodes[0].row.key_terms == ()
    assert drive.decodes[-1].row.key_terms == ("Lefèvre",)


# --- answers that are late, unknown, failed or not to be believed


class Scripted:
    """A session that is driven by hand."""

    def __init__(self, spoken: Script, mode: StreamingSettings = SETTINGS) -> None:
        self.session = Session(mode, ScriptedActivity(spoken))
        self.spoken = spoken

    def until_decode(self, purpose: Purpose) -> Decode:
        """Receive audio until the session wants a decode of this kind; fail all others."""
        while self.session.received < self.spoken.length:
            for action in self.session.receive(silence(320)):
                if isinstance(action, Decode):
                    if action.purpose is purpose:
                        return action
                    assert self.session.failed(action.id) == []
        raise AssertionError("the session never asked")


def emitted(actions: list[Action]) -> list[Caption]:
    return [action.caption for action in actions if isinstance(action, Emit)]


def test_an_answer_that_nobody_waits_for_changes_nothing() -> None:
    spoken = script(0.5, 3.0)
    by_hand = Scripted(spoken)
    decode = by_hand.until_decode(Purpose.FINAL)
    hypothesis = Recogniser(spoken).hear(decode)

    assert by_hand.session.decoded(99, hypothesis) == []
    assert by_hand.session.failed(99) == []
    assert by_hand.session.decoded(decode.id, hypothesis) != []
    assert by_hand.session.decoded(decode.id, hypothesis) == []
    assert by_hand.session.failed(decode.id) == []


def test_a_failed_interim_is_made_good_by_the_next() -> None:
    spoken = script(0.5, 6.0)

    listener = Drive(spoken, failing={1, 2, 3}).run(320)

    assert listener.text == spoken.text


@MODES
def test_a_failed_final_keeps_what_was_shown(mode: StreamingSettings) -> None:
    spoken = script(0.5, 6.0)
    prompt = Drive(spoken, mode)
    prompt.run(320)
    finals = {d.id for d in prompt.decodes if d.purpose is Purpose.FINAL}

    listener = Drive(spoken, mode, failing=finals).run(320)

    before, (final,) = listener.captions[-2], listener.finals
    assert final.text == before.text
    assert len(final.words) > len(spoken.words) / 2


@MODES
def test_a_failed_final_of_a_cut_utterance_does_not_show_words_twice(
    mode: StreamingSettings,
) -> None:
    """The cut falls into the one long gap, 3 s before the words that were shown last."""
    spoken = script(0.5, 12.0, 0.08, 10.0)
    prompt = Drive(spoken, mode)
    cut = prompt.run(320).restarts[0].position
    final = next(d.id for d in prompt.decodes if d.purpose is Purpose.FINAL and d.edge == cut)

    listener = Drive(spoken, mode, failing={final}).run(320)

    said = [word.text for word in spoken.words]
    assert [text for text in said if text in listener.text.split()] == listener.text.split()


def answer(*texts: str, probability: float = 0.9) -> Hypothesis:
    words = tuple(Word(text, i * 1600, (i + 1) * 1600, probability) for i, text in enumerate(texts))
    return Hypothesis(words, tuple((i,) for i in range(len(words))), -0.2, 0.01, "fr")


@pytest.mark.parametrize("mode", [SETTINGS, APPEND_ONLY])
@pytest.mark.parametrize("purpose", list(Purpose))
def test_credits_are_never_shown(purpose: Purpose, mode: StreamingSettings) -> None:
    by_hand = Scripted(script(0.5, 6.0), mode)
    decode = by_hand.until_decode(purpose)

    actions = by_hand.session.decoded(decode.id, answer("Sous-titrage", "Société", "Radio-Canada"))

    assert [type(action).__name__ for action in actions] == ["Dropped"]


def test_a_loop_is_not_shown_while_it_goes_on_and_is_cut_in_the_final() -> None:
    loop = answer(*["alors"] + ["on", "y", "va"] * 3)
    by_hand = Scripted(script(0.5, 2.0))
    interim = by_hand.until_decode(Purpose.INTERIM)
    assert emitted(by_hand.session.decoded(interim.id, loop)) == []
    final = by_hand.until_decode(Purpose.FINAL)
    by_hand.session.decoded(final.id, loop)

    (caption,) = emitted(by_hand.session.flush())

    assert caption.final
    assert caption.text == "alors on y va"


def test_a_loop_late_in_an_utterance_is_not_shown() -> None:
    spoken = script(0.5, 6.0)
    by_hand = Scripted(spoken)
    decode = by_hand.until_decode(Purpose.INTERIM)
    while decode.edge < at(4.0):
        by_hand.session.decoded(decode.id, Recogniser(spoken).hear(decode))
        decode = by_hand.until_decode(Purpose.INTERIM)
    prefix = Recogniser(spoken).hear(decode)
    loop = answer(*[word.text for word in prefix.words], *["on", "y", "va"] * 3)

    actions = by_hand.session.decoded(decode.id, loop)

    assert [type(action).__name__ for action in actions] == ["Dropped"]


def test_a_sentence_on_a_moment_of_voice_is_not_shown() -> None:
    moment = Word("ah", at(1.0), at(1.1), 0.9)
    by_hand = Scripted(Script((moment,), at(3.0)))
    decode = by_hand.until_decode(Purpose.FINAL)

    actions = by_hand.session.decoded(decode.id, answer("C'est", "la", "même", "chose."))

    assert [type(action).__name__ for action in actions] == ["Dropped"]


def test_an_interim_that_was_shown_is_replaced_by_an_empty_final_when_it_was_nothing() -> None:
    by_hand = Scripted(script(0.5, 2.0))
    interim = by_hand.until_decode(Purpose.INTERIM)
    (shown,) = emitted(by_hand.session.decoded(interim.id, answer("Bonjour", "Jean")))
    final = by_hand.until_decode(Purpose.FINAL)
    by_hand.session.decoded(final.id, answer())

    (caption,) = emitted(by_hand.session.flush())

    assert (caption.id, caption.final, caption.words) == (shown.id, True, ())


# --- nobody speaks


def test_silence_gives_nothing() -> None:
    drive = Drive(script(silent_end=30.0))
    listener = drive.run(1600)

    assert listener.captions == []
    assert drive.actions == [Finished()]


def test_speech_is_told_when_it_starts_and_when_it_stops() -> None:
    drive = Drive(script(1.0, 2.0, 2.0, 2.0))
    drive.run(1600)

    starts = [action.position for action in drive.actions if isinstance(action, Started)]
    stops = [action.position for action in drive.actions if isinstance(action, Stopped)]
    assert len(starts) == len(stops) == 2
    assert 0 < starts[0] <= at(1.0)
    assert at(3.0) <= stops[0] <= starts[1] <= at(5.0)


def test_what_is_pending_starts_with_the_oldest_speech_that_is_not_final() -> None:
    session = Session(SETTINGS, ScriptedActivity(script(1.0, 2.0, 2.0, 2.0)))
    before = session.pending
    for _ in range(70):
        session.receive(silence(1600))

    assert before is None
    assert session.talking
    assert session.pending == session.finalized
    assert at(0.5) <= session.finalized <= at(1.0)


def test_positions_go_back_for_nobody() -> None:
    drive = Drive(script(1.0, 2.0))
    drive.feed(at(2.0))

    with pytest.raises(ValueError, match="cannot skip to 31999: received until 32000"):
        drive.session.skip_to(at(2.0) - 1)


def test_totals_are_counted() -> None:
    spoken = script(1.0, 2.0, 2.0, 2.0)
    drive = Drive(spoken)
    drive.run(1600)

    assert drive.session.words == len(spoken.words)
    assert drive.session.captions == 2
    assert at(4.0) <= drive.session.speech <= at(6.0)


def test_an_hour_of_meeting_is_not_kept_in_memory() -> None:
    spoken = script(*[50.0, 10.0] * 60)
    drive = Drive(spoken)
    most = 0
    while drive.session.received < spoken.length:
        drive.feed(8000)
        audio = drive.session._audio._mel
        most = max(most, audio.end - audio.start)

    listener = drive.end()

    assert listener.text == spoken.text
    assert most <= at(20.0)
