from __future__ import annotations

import asyncio
import io
import math
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthesis import linear16
from transcription_fakes import (
    Blocks,
    Samples,
    Script,
    ToneDetector,
    cut,
    flac,
    hypothesis,
    length_in_words,
    tones,
    voices,
)

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import SCRIPTED_INFO, Answer, ScriptedEngine
from captioner.audio.format import AudioFormat, Encoding
from captioner.clock import ManualClock
from captioner.errors import (
    CaptionerError,
    EngineFault,
    InvalidRequest,
    ResourceExhausted,
    UnsupportedAudio,
)
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.policy import Priority, Rules
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription.decoding import ATTEMPTS, DecodeBatch, row_by_row
from captioner.transcription.events import (
    RecordingEnded,
    RecordingFailed,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)
from captioner.transcription.packing import PackingSettings
from captioner.transcription.pipeline import Opener, Transcriber, TranscriptionSettings, in_thread
from captioner.transcription.plan import PlanSettings
from captioner.transcription.recording import Recording

PCM = AudioFormat(Encoding.LINEAR16, SAMPLE_RATE)
# Each utterance is a window, each window a batch.
ONE_BY_ONE = TranscriptionSettings(
    plan=PlanSettings(longest=0), packing=PackingSettings(rows=1, waiting=1), ahead=3
)
FEW = TranscriptionSettings(
    plan=PlanSettings(longest=8), packing=PackingSettings(rows=3, waiting=5), ahead=2
)
TOGETHER = TranscriptionSettings(plan=PlanSettings(longest=24))

Event = TranscriptionEvent | RecordingFailed
Running = Callable[..., AbstractAsyncContextManager[Transcriber]]


def transcriber(
    decode: DecodeBatch,
    *,
    settings: TranscriptionSettings = ONE_BY_ONE,
    metrics: Metrics | None = None,
) -> Transcriber:
    return Transcriber(
        decode,
        SCRIPTED_INFO,
        new_detector=ToneDetector,
        metrics=metrics or Metrics(),
        settings=settings,
    )


@pytest.fixture
def running() -> Running:
    """A transcriber over a real batcher and a scripted engine."""

    @asynccontextmanager
    async def run(
        answer: Callable[[DecodeRow], Answer] = length_in_words,
        before: Callable[[Sequence[DecodeRow]], None] | None = None,
        metrics: Metrics | None = None,
        settings: TranscriptionSettings = ONE_BY_ONE,
    ) -> AsyncIterator[Transcriber]:
        metrics = metrics or Metrics()
        batcher = Batcher(
            lambda: ScriptedEngine(answer, workers=2, before=before),
            ManualClock(),
            rules=Rules(),
            timeout=30,
            metrics=metrics,
            retry_delay=0,
        )
        await batcher.start()
        submit = partial(batcher.submit, session="", priority=Priority.RECORDING, deadline=math.inf)
        decode = row_by_row(submit, longest_delay=0)
        try:
            yield transcriber(decode, settings=settings, metrics=metrics)
        finally:
            await batcher.close()

    return run


async def transcribed(
    transcriber: Transcriber, recording: io.BytesIO | Samples, **options: object
) -> list[TranscriptionEvent]:
    file = recording if isinstance(recording, io.BytesIO) else flac(recording)
    return [event async for event in transcriber.transcribe(file, **options)]  # type: ignore[arg-type]


def segments(events: Sequence[Event]) -> list[RecordingSegment]:
    return [event for event in events if isinstance(event, RecordingSegment)]


def texts(events: Sequence[Event]) -> list[str]:
    return [segment.text for segment in segments(events)]


def many(count: int) -> Samples:
    """So many utterances of growing length."""
    return tones(*(length for n in range(count) for length in (1.5, 1 + n / 10)), 1.5)


# --- what comes out


async def test_utterances_come_in_order_whatever_the_order_of_the_decodes(
    running: Running,
) -> None:
    samples = many(12)
    async with running() as it:
        events = await transcribed(it, samples)
    found = segments(events)
    assert [segment.id for segment in found] == list(range(1, 13))
    lengths = [int(segment.words[0].text.removeprefix("mot")) for segment in found]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) == 12
    assert events[-1] == RecordingEnded(duration=len(samples), segments=12)


async def test_words_are_at_their_place_in_the_recording(running: Running) -> None:
    async with running(lambda row: hypothesis("un deux", start=0.3)) as it:
        events = await transcribed(it, tones(10, 2, 4))
    (segment,) = segments(events)
    first, second = segment.words
    assert first.start == pytest.approx(10 * SAMPLE_RATE, abs=512)
    assert second.end == first.start + round(0.8 * SAMPLE_RATE)
    assert (segment.start, segment.end) == (first.start, second.end)
    assert segment.language == "fr"


async def test_utterances_that_share_a_window_are_segments_of_their_own(running: Running) -> None:
    said = (Word("un", 16_000, 46_000, 0.9), Word("deux", 66_000, 90_000, 0.9))

    def answer(row: DecodeRow) -> Hypothesis:
        return Hypothesis(said, ((1,), (2,)), -0.2, 0.0, "fr")

    async with running(answer, settings=TOGETHER) as it:
        events = await transcribed(it, tones(1, 3, 60, 3, 1))
    first, second = segments(events)
    assert (first.text, second.text) == ("un", "deux")
    assert first.end < 4 * SAMPLE_RATE < 64 * SAMPLE_RATE < second.end


async def test_times_never_go_backwards_between_segments(running: Running) -> None:
    async with running(lambda row: hypothesis("un deux trois", seconds=2.4)) as it:
        events = await transcribed(it, tones(1, 2, 1, 2, 1, 2, 1))
    edges = [edge for each in segments(events) for w in each.words for edge in (w.start, w.end)]
    assert edges == sorted(edges)
    assert len(edges) > 6


async def test_progress_only_grows_and_ends_at_the_end(running: Running) -> None:
    samples = many(8)
    async with running() as it:
        events = await transcribed(it, samples)
    progress = [event for event in events if isinstance(event, RecordingProgress)]
    positions = [event.transcribed for event in progress]
    assert positions == sorted(set(positions))
    assert positions[-1] == len(samples)
    assert {event.duration for event in progress} == {len(samples)}
    for before, event in enumerate(events):
        if isinstance(event, RecordingProgress):
            later = segments(events[before:])
            assert all(segment.start >= event.transcribed for segment in later)


async def test_progress_is_told_of_silence_too(running: Running) -> None:
    async with running() as it:
        events = await transcribed(it, tones(60))
    assert len([event for event in events if isinstance(event, RecordingProgress)]) > 5
    assert events[-1] == RecordingEnded(duration=60 * SAMPLE_RATE, segments=0)


async def test_bare_samples_give_the_same_as_a_file(running: Running) -> None:
    samples = many(5)
    async with running() as it:
        file = await transcribed(it, samples)
        bare = await transcribed(it, io.BytesIO(linear16(samples)), audio_format=PCM)
    assert bare == file


async def test_transcriptions_at_the_same_time_do_not_mix(running: Running) -> None:
    one, other = many(9), many(4)[SAMPLE_RATE:]
    async with running() as it:
        together = await asyncio.gather(transcribed(it, one), transcribed(it, other))
        assert list(together) == [await transcribed(it, one), await transcribed(it, other)]


# --- what is asked of the engine


async def test_recordings_are_decoded_as_recordings(running: Running) -> None:
    metrics = Metrics()
    async with running(metrics=metrics) as it:
        await transcribed(it, many(3))
    sample = partial(metrics.registry.get_sample_value, "captioner_decode_batches_total")
    assert (sample({"priority": "recording"}) or 0) >= 1
    assert sample({"priority": "final"}) == sample({"priority": "interim"}) == 0


async def test_language_and_key_terms_reach_the_engine() -> None:
    script = Script()
    events = await transcribed(
        transcriber(script), tones(1, 2, 1), language="en", key_terms=("ANCT", "Lefèvre")
    )
    (row,) = script.rows
    assert (row.language, row.key_terms, row.beam_size) == ("en", ("ANCT", "Lefèvre"), 5)
    assert segments(events)[0].language == "en"


async def test_the_default_language_and_beam_are_settings() -> None:
    script = Script()
    settings = TranscriptionSettings(language="en", beam_size=2)
    await transcribed(transcriber(script, settings=settings), tones(1, 2, 1))
    assert (script.rows[0].language, script.rows[0].beam_size) == ("en", 2)


async def test_windows_can_be_padded() -> None:
    script = Script()
    settings = TranscriptionSettings(padded=True)
    await transcribed(transcriber(script, settings=settings), tones(1, 2, 1))
    assert script.rows[0].features.shape == (80, 3000)


def test_a_model_that_needs_more_than_recordings_give_gets_it() -> None:
    settings = TranscriptionSettings(shortest_window=20)
    assert settings.window(WindowRule(padded=True)).padded
    rule = settings.window(WindowRule(padded=False, silence=6, minimum=24))
    assert rule == WindowRule(padded=False, silence=6, minimum=24)
    rule = settings.window(WindowRule(padded=False, silence=4))
    assert rule == WindowRule(padded=False, silence=4, minimum=20)


async def test_an_unknown_language_is_refused_before_anything_is_read() -> None:
    opened = Counter[str]()

    def opener() -> Recording:
        opened["recording"] += 1
        return Blocks([])

    with pytest.raises(InvalidRequest, match="'xx'") as refusal:
        async for _ in transcriber(Script()).transcribe_all([opener], language="xx"):
            pass
    assert refusal.value.violations[0].field == "language"
    assert not opened


async def test_the_windows_of_a_batch_have_one_length() -> None:
    script = Script()
    settings = TranscriptionSettings(
        shortest_window=0, plan=PlanSettings(longest=0), packing=PackingSettings(rows=3, waiting=9)
    )
    await transcribed(transcriber(script, settings=settings), tones(1, 1, 1, 4, 1, 4, 1))
    assert sorted(row.speech_frames // 100 for row in script.rows) == [1, 4, 4]
    mixed = [batch for batch in script.batches if len({row.speech_frames for row in batch}) > 1]
    assert mixed
    for batch in mixed:
        assert len({row.features.shape for row in batch}) == 1


async def test_a_window_that_cannot_be_believed_is_decoded_in_halves() -> None:
    script = Script(
        hypothesis("et voilà " * 9), hypothesis("un", seconds=1), hypothesis("deux", seconds=2)
    )
    settings = TOGETHER
    events = await transcribed(transcriber(script, settings=settings), tones(1, 3, 1, 4, 1))
    assert texts(events) == ["un", "deux"]
    whole, first, second = [row.speech_frames for row in script.rows]
    assert first + second < whole


async def test_values_out_of_range_are_counted() -> None:
    metrics = Metrics()
    data = (tones(0, 2) * 3).tobytes()
    audio_format = AudioFormat(Encoding.FLOAT32, SAMPLE_RATE)
    it = transcriber(Script(), metrics=metrics)
    await transcribed(it, io.BytesIO(data), audio_format=audio_format)
    clamped = metrics.registry.get_sample_value("captioner_audio_clamped_samples_total")
    assert clamped
    assert clamped > 1000


# --- several recordings


class Shelf:
    """Recordings to be opened, some of which cannot be, or break off."""

    def __init__(
        self, *contents: Samples | CaptionerError | tuple[Samples, CaptionerError]
    ) -> None:
        self.recordings: list[Blocks] = []
        self.openers: list[Opener] = [partial(self._open, content) for content in contents]
        self.passed = 0
        """Recordings that were read, or could not be."""
        self.over: Callable[[], None] = lambda: None
        """Called, in whatever thread, when the last one was."""

    def _open(
        self, content: Samples | CaptionerError | tuple[Samples, CaptionerError]
    ) -> Recording:
        if isinstance(content, CaptionerError):
            self._pass()
            raise content
        samples, error = content if isinstance(content, tuple) else (content, None)
        assert all(recording.closed for recording in self.recordings), "one at a time"
        recording = _Closing(cut(samples, SAMPLE_RATE), error, self._pass)
        self.recordings.append(recording)
        return recording

    def _pass(self) -> None:
        self.passed += 1
        if self.passed == len(self.openers):
            self.over()


class _Closing(Blocks):
    def __init__(
        self, blocks: Sequence[Samples], error: CaptionerError | None, closed: Callable[[], None]
    ) -> None:
        super().__init__(blocks, error)
        self._on_close = closed

    def close(self) -> None:
        super().close()
        self._on_close()


class Scrambled:
    """Decodes so many batches at a time, and answers them in an order of its own.

    It answers only when nothing more comes before it does: so the order is really its own.
    """

    def __init__(self, script: Script, order: Random, *, ahead: int) -> None:
        self._script = script
        self._order = order
        self._ahead = ahead
        self._over = False
        self._waiting: list[asyncio.Future[None]] = []
        self._loop = asyncio.get_running_loop()

    def hurry(self) -> None:
        """No more will come; from any thread."""
        self._loop.call_soon_threadsafe(self._finish)

    async def __call__(self, rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        turn = self._loop.create_future()
        self._waiting.append(turn)
        self._go_on()
        await turn
        self._go_on()
        return await self._script(rows)

    def _finish(self) -> None:
        self._over = True
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting and (self._over or len(self._waiting) >= self._ahead):
            turn = self._waiting.pop(self._order.randrange(len(self._waiting)))
            self._loop.call_soon(_settle, turn)


def _settle(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def told(events: Sequence[tuple[int, Event]], number: int) -> list[Event]:
    return [event for recording, event in events if recording == number]


def moments(events: Sequence[Event]) -> list[Event]:
    """All but the progress, which depends on when what was decoded."""
    return [event for event in events if not isinstance(event, RecordingProgress)]


def contents(script: Script) -> Counter[tuple[bytes, ...]]:
    return Counter(
        tuple(np.asarray(row.features).tobytes() for row in batch) for batch in script.batches
    )


def sometimes_loops(row: DecodeRow) -> Hypothesis:
    """A loop for one row in three, and for the others their length."""
    return hypothesis("et voilà " * 9) if row.speech_frames % 3 == 0 else length_in_words(row)


async def all_told(
    shelf: Shelf, decode: DecodeBatch, settings: TranscriptionSettings = FEW
) -> list[tuple[int, Event]]:
    run = transcriber(decode, settings=settings).transcribe_all(shelf.openers)
    async with asyncio.timeout(20):  # a deadlock is a failure
        return [event async for event in run]


BROKEN = UnsupportedAudio("broken")
# Threads decide how often one is asked: what Hypothesis draws must not depend on that.
seeds = st.integers(0, 2**32 - 1).map(Random)
recordings = st.lists(
    st.lists(st.sampled_from([0.0, 0.5, 1.7, 4.0, 9.0]), max_size=12)
    .map(lambda lengths: voices(*lengths, 0))
    .flatmap(lambda samples: st.sampled_from([samples, samples, (samples, BROKEN), BROKEN])),
    max_size=5,
)


@settings(max_examples=settings().max_examples // 2)
@given(recordings, seeds)
async def test_whatever_the_order_of_the_decodes_the_batches_and_their_words_are_the_same(
    contained: list[Samples | CaptionerError | tuple[Samples, CaptionerError]], order: Random
) -> None:
    expected = Script(otherwise=sometimes_loops)
    at_once = await all_told(Shelf(*contained), expected)

    script = Script(otherwise=sometimes_loops)
    shelf = Shelf(*contained)
    scrambled = Scrambled(script, order, ahead=FEW.ahead)
    shelf.over = scrambled.hurry
    events = await all_told(shelf, scrambled)

    assert contents(script) == contents(expected)
    for number, content in enumerate(contained):
        found = told(events, number)
        assert moments(found) == moments(told(at_once, number))
        positions = [each.transcribed for each in found if isinstance(each, RecordingProgress)]
        assert positions == sorted(set(positions))
        last = RecordingEnded if isinstance(content, (tuple, CaptionerError)) else RecordingFailed
        assert not any(isinstance(each, last) for each in found)
        assert [isinstance(each, RecordingEnded | RecordingFailed) for each in found] == [
            *[False] * (len(found) - 1),
            True,
        ]
        starts = [segment.start for segment in segments(found)]
        assert starts == sorted(starts)
        assert [segment.id for segment in segments(found)] == list(range(1, len(starts) + 1))
    assert all(recording.closed == 1 for recording in shelf.recordings)


async def test_the_windows_of_different_recordings_share_batches() -> None:
    script = Script()
    one, other = voices(1, 3, 1), voices(1, 2, 1, seed=1)
    settings = TranscriptionSettings(packing=PackingSettings(rows=2, waiting=4))
    events = await all_told(Shelf(one, other), script, settings)
    assert [len(batch) for batch in script.batches] == [2]
    assert len(texts(told(events, 0))) == len(texts(told(events, 1))) == 1


async def test_no_recordings_are_transcribed_at_once() -> None:
    assert await all_told(Shelf(), Script()) == []


@pytest.mark.parametrize("bad", [0, 1, 2])
async def test_a_recording_that_cannot_be_opened_fails_alone(bad: int) -> None:
    good = [voices(1, 2, 1), voices(1, 3, 1), voices(1, 4, 1)]
    contained: list[Samples | CaptionerError] = [*good]
    contained[bad] = InvalidRequest("no such file")
    events = await all_told(Shelf(*contained), Script())
    alone = await all_told(Shelf(*good), Script())
    assert told(events, bad) == [RecordingFailed(contained[bad])]  # type: ignore[arg-type]
    for number in {0, 1, 2} - {bad}:
        assert moments(told(events, number)) == moments(told(alone, number))


async def test_a_recording_that_breaks_off_is_told_as_far_as_it_goes() -> None:
    broken = (voices(1, 2, 1, 2), BROKEN)
    events = await all_told(Shelf(broken, voices(1, 3, 1)), Script(), ONE_BY_ONE)
    assert len(texts(told(events, 0))) == 2
    assert told(events, 0)[-1] == RecordingFailed(BROKEN)
    assert len(texts(told(events, 1))) == 1


async def test_only_one_recording_is_open_at_a_time() -> None:
    shelf = Shelf(*(voices(1, 2, 1) for _ in range(4)))
    await all_told(shelf, Script())  # `Shelf` refuses to open a second one
    assert len(shelf.recordings) == 4


# --- reading ahead, and stopping


async def test_only_so_many_batches_wait_at_once() -> None:
    script = Script()
    script.hold = asyncio.Event()
    shelf = Shelf(many(40))
    listening = asyncio.create_task(all_told(shelf, script, ONE_BY_ONE))
    while len(script.batches) < ONE_BY_ONE.ahead:
        script.called.clear()
        await script.called.wait()
    read = shelf.recordings[0].read
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(script.batches) <= ONE_BY_ONE.ahead + 2  # a step may complete more than one window
    assert shelf.recordings[0].read == read
    script.hold.set()
    assert len(segments(told(await listening, 0))) == 40


async def test_a_reader_that_stops_stops_the_hearing() -> None:
    script = Script()
    shelf = Shelf(many(60))
    run = transcriber(script).transcribe_all(shelf.openers)
    async with aclosing(run):
        async for _, event in run:
            if isinstance(event, RecordingSegment):
                break
        (recording,) = shelf.recordings
        read, asked = recording.read, len(script.batches)
        for _ in range(100):
            await asyncio.sleep(0)
        assert (recording.read, len(script.batches)) == (read, asked)
        assert read < 30
    assert recording.closed == 1


async def test_closing_withdraws_what_is_being_decoded() -> None:
    script = Script()

    async def decode(rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        if not script.batches:
            return await script(rows)
        script.hold = asyncio.Event()  # all but the first one are never answered
        return await script(rows)

    recording = Blocks([many(20)])
    run = transcriber(decode).transcribe_all([lambda: recording])
    async for _, event in run:
        if isinstance(event, RecordingSegment):
            break
    await run.aclose()
    assert script.cancelled == len(script.batches) - 1 > 10
    assert recording.closed == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@settings(max_examples=20)
@given(recordings, st.integers(0, 12), seeds)
async def test_cancelled_at_any_moment_nothing_is_left_running_or_open(
    contained: list[Samples | CaptionerError | tuple[Samples, CaptionerError]],
    batches: int,
    order: Random,
) -> None:
    shelf = Shelf(*contained)
    script = Script(otherwise=sometimes_loops)
    scrambled = Scrambled(script, order, ahead=FEW.ahead)
    shelf.over = scrambled.hurry
    cancelling: asyncio.Task[object]

    async def decode(rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        if len(script.batches) >= batches:
            cancelling.cancel()
        return await scrambled(rows)

    cancelling = asyncio.create_task(all_told(shelf, decode))
    await asyncio.wait([cancelling])
    assert all(recording.closed == 1 for recording in shelf.recordings)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_recording_that_is_being_opened_when_it_is_cancelled_is_closed(times: int) -> None:
    entered, leave = threading.Event(), threading.Event()
    recording = Blocks([])

    def opener() -> Recording:
        entered.set()
        leave.wait()
        return recording

    run = transcriber(Script()).transcribe_all([opener])
    task = asyncio.ensure_future(anext(run))
    await asyncio.to_thread(entered.wait)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert recording.closed == 1


async def test_a_recording_is_not_touched_after_its_reading_was_cancelled() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        reading = False

        def read(self, size: int | None = -1, /) -> bytes:
            self.reading = True
            entered.set()
            leave.wait()
            self.reading = False
            return super().read(size)

    file = Slow(linear16(tones(1, 2, 1)))
    task = asyncio.create_task(transcribed(transcriber(Script()), file, audio_format=PCM))
    await asyncio.to_thread(entered.wait)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not file.reading


async def test_the_event_loop_runs_while_a_thread_works() -> None:
    held = threading.Event()
    working = asyncio.create_task(in_thread(lambda: held.wait() and "done"))
    await asyncio.sleep(0)
    held.set()
    assert await working == "done"


async def test_an_error_in_a_thread_that_nobody_waits_for_is_not_reported() -> None:
    entered, leave = threading.Event(), threading.Event()

    def fail() -> None:
        entered.set()
        leave.wait()
        raise OSError("the disk is gone")

    reports: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
    task = asyncio.create_task(in_thread(fail))
    await asyncio.to_thread(entered.wait)
    task.cancel()
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    assert reports == []


# --- what goes wrong


async def test_an_engine_that_fails_every_time_ends_the_transcription() -> None:
    script = Script(otherwise=lambda row: EngineFault("failed"))
    decode = row_by_row(script.alone, longest_delay=0)
    with pytest.raises(EngineFault):
        await transcribed(transcriber(decode), tones(1, 2, 1))
    assert len(script.rows) == ATTEMPTS


async def test_an_engine_that_fails_ends_all_recordings_and_closes_them() -> None:
    script = Script(hypothesis("un"), EngineFault("failed"))
    shelf = Shelf(many(5), many(6))
    with pytest.raises(EngineFault):
        await all_told(shelf, script, ONE_BY_ONE)
    assert all(recording.closed == 1 for recording in shelf.recordings)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_faulty_engine_behind_the_batcher_loses_no_window(running: Running) -> None:
    calls = iter(range(1000))

    def before(rows: Sequence[DecodeRow]) -> None:
        if next(calls) % 3 == 1:
            raise EngineFault("now and then")

    async with running(before=before) as it:
        events = await transcribed(it, many(12))
    assert len(segments(events)) == 12


async def test_a_full_queue_is_waited_for_however_long_it_takes() -> None:
    script = Script(*[ResourceExhausted("full")] * 40, hypothesis("enfin"))
    decode = row_by_row(script.alone, longest_delay=0)
    assert texts(await transcribed(transcriber(decode), tones(1, 2, 1))) == ["enfin"]


async def test_one_failed_window_leaves_no_decode_behind() -> None:
    script = Script(InvalidRequest("bad row"))
    with pytest.raises(InvalidRequest):
        await transcribed(transcriber(script), many(12))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_no_recording_is_refused() -> None:
    with pytest.raises(UnsupportedAudio):
        await transcribed(transcriber(Script()), io.BytesIO(b"Bonjour." * 1000))


async def test_a_file_that_breaks_off_is_transcribed_as_far_as_it_goes() -> None:
    data = flac(many(6)).getvalue()
    broken = transcriber(Script()).transcribe(io.BytesIO(data[: len(data) * 2 // 3]))
    events: list[TranscriptionEvent] = []

    async def follow() -> None:
        while True:
            events.append(await anext(broken))

    with pytest.raises(UnsupportedAudio, match="truncated"):
        await follow()
    assert 2 <= len(segments(events)) < 6
    assert not any(isinstance(event, RecordingEnded) for event in events)


async def test_the_file_is_left_open() -> None:
    file = flac(tones(1, 2, 1))
    await transcribed(transcriber(Script()), file)
    assert not file.closed


async def test_decodes_are_awaitables_of_any_kind() -> None:
    def decode(rows: Sequence[DecodeRow]) -> Awaitable[Sequence[Hypothesis]]:
        future: asyncio.Future[Sequence[Hypothesis]] = asyncio.get_running_loop().create_future()
        future.set_result([hypothesis("un") for _ in rows])
        return future

    assert texts(await transcribed(transcriber(decode), tones(1, 2, 1))) == ["un"]
