from __future__ import annotations

import asyncio
import io
import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial

import pytest
from synthesis import linear16
from transcription_fakes import Samples, ToneDetector, flac, hypothesis, length_in_words, tones

from captioner.asr.engine import DecodeRow
from captioner.asr.scripted import SCRIPTED_INFO, Answer, ScriptedEngine
from captioner.audio.format import AudioFormat, Encoding
from captioner.clock import ManualClock
from captioner.errors import (
    Cancelled,
    CaptionerError,
    EngineFault,
    InvalidRequest,
    ResourceExhausted,
    Unavailable,
    UnsupportedAudio,
)
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.scheduling.batcher import Batcher
from captioner.scheduling.policy import Priority, Rules
from captioner.transcript import SAMPLE_RATE, Hypothesis, Word
from captioner.transcription.events import (
    RecordingEnded,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)
from captioner.transcription.pipeline import Decode, Transcriber, TranscriptionSettings, in_thread

PCM = AudioFormat(Encoding.LINEAR16, SAMPLE_RATE)
HURRIED = TranscriptionSettings(ahead=4, longest_delay=0)

Events = list[TranscriptionEvent]
Running = Callable[..., AbstractAsyncContextManager[Transcriber]]


class Script:
    """Decodes in place of an engine: each call waits for its turn, or answers at once."""

    def __init__(self, *answers: Answer) -> None:
        self.rows: list[DecodeRow] = []
        self.cancelled = 0
        self.hold: asyncio.Event | None = None
        self.called = asyncio.Event()
        self._answers = list(answers)

    async def __call__(self, row: DecodeRow) -> Hypothesis:
        self.rows.append(row)
        self.called.set()
        answer = self._answers.pop(0) if self._answers else length_in_words(row)
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, CaptionerError):
            raise answer
        return answer


def transcriber(
    decode: Decode,
    *,
    settings: TranscriptionSettings = HURRIED,
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
        settings: TranscriptionSettings = HURRIED,
    ) -> AsyncIterator[Transcriber]:
        metrics = metrics or Metrics()
        clock = ManualClock()
        batcher = Batcher(
            lambda: ScriptedEngine(answer, workers=2, before=before),
            clock,
            rules=Rules(),
            timeout=30,
            metrics=metrics,
            retry_delay=0,
        )
        await batcher.start()
        submit = partial(batcher.submit, session="", priority=Priority.RECORDING, deadline=math.inf)
        try:
            yield transcriber(submit, settings=settings, metrics=metrics)
        finally:
            await batcher.close()

    return run


async def transcribed(
    transcriber: Transcriber, recording: io.BytesIO | Samples, **options: object
) -> Events:
    file = recording if isinstance(recording, io.BytesIO) else flac(recording)
    return [event async for event in transcriber.transcribe(file, **options)]  # type: ignore[arg-type]


def segments(events: Events) -> list[RecordingSegment]:
    return [event for event in events if isinstance(event, RecordingSegment)]


def texts(events: Events) -> list[str]:
    return [segment.text for segment in segments(events)]


def many(count: int) -> Samples:
    """So many utterances of growing length, each in a window of its own."""
    return tones(*(length for n in range(count) for length in (3.5, 1 + n / 10)), 3.5)


# --- what comes out


async def test_utterances_come_in_order_whatever_the_order_of_the_decodes(
    running: Running,
) -> None:
    samples = many(12)
    async with running() as it:
        events = await transcribed(it, samples)
    found = segments(events)
    assert [segment.id for segment in found] == list(range(1, 13))
    lengths = [int(segment.text.removeprefix("mot")) for segment in found]
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
    said = (Word("un", 8000, 24_000, 0.9), Word("deux", 80_000, 90_000, 0.9))

    def answer(row: DecodeRow) -> Hypothesis:
        return Hypothesis(said, ((1,), (2,)), -0.2, 0.0, "fr")

    async with running(answer) as it:
        events = await transcribed(it, tones(1, 3, 1, 3, 1))
    assert texts(events) == ["un", "deux"]


async def test_times_never_go_backwards_between_segments(running: Running) -> None:
    async with running(lambda row: hypothesis("un deux", seconds=9)) as it:
        events = await transcribed(it, tones(1, 30, 1))
    ends = [0]
    for segment in segments(events):
        for word in segment.words:
            assert ends[-1] <= word.start <= word.end
            ends.append(word.end)
    assert len(ends) > 3


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


async def test_recordings_at_the_same_time_do_not_mix(running: Running) -> None:
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
    file = flac(tones(1, 2, 1))
    with pytest.raises(InvalidRequest, match="'xx'") as refusal:
        await transcribed(transcriber(Script()), file, language="xx")
    assert refusal.value.violations[0].field == "language"
    assert file.tell() == 0


async def test_a_window_that_cannot_be_believed_is_decoded_in_halves() -> None:
    metrics = Metrics()
    script = Script(hypothesis("et voilà " * 9), hypothesis("un"), hypothesis("deux"))
    events = await transcribed(transcriber(script, metrics=metrics), tones(1, 3, 1, 4, 1))
    assert texts(events) == ["un", "deux"]
    whole, first, second = [row.speech_frames for row in script.rows]
    assert first + second < whole
    assert (
        metrics.registry.get_sample_value("captioner_dropped_hypotheses_total", {"reason": "loop"})
        is None
    )


async def test_what_is_dropped_is_counted() -> None:
    metrics = Metrics()
    script = Script(hypothesis("Sous-titrage ST' 501"))
    events = await transcribed(transcriber(script, metrics=metrics), tones(1, 3, 1))
    assert texts(events) == []
    assert (
        metrics.registry.get_sample_value(
            "captioner_dropped_hypotheses_total", {"reason": "known_phrase"}
        )
        == 1
    )


async def test_values_out_of_range_are_counted() -> None:
    metrics = Metrics()
    data = (tones(0, 2) * 3).tobytes()
    audio_format = AudioFormat(Encoding.FLOAT32, SAMPLE_RATE)
    it = transcriber(Script(), metrics=metrics)
    await transcribed(it, io.BytesIO(data), audio_format=audio_format)
    clamped = metrics.registry.get_sample_value("captioner_audio_clamped_samples_total")
    assert clamped
    assert clamped > 1000


# --- reading ahead, and stopping


async def test_only_so_many_windows_wait_at_once() -> None:
    script = Script()
    script.hold = asyncio.Event()
    reading = asyncio.create_task(transcribed(transcriber(script), many(20)))
    while len(script.rows) < HURRIED.ahead:
        script.called.clear()
        await script.called.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(script.rows) <= HURRIED.ahead + 2  # a step may complete more than one window
    script.hold.set()
    assert len(segments(await reading)) == 20


async def test_a_reader_that_stops_stops_the_reading() -> None:
    script = Script()
    file = flac(many(60))
    async with aclosing(transcriber(script).transcribe(file)) as events:
        async for event in events:
            if isinstance(event, RecordingSegment):
                break
        read = file.tell()
        for _ in range(100):
            await asyncio.sleep(0)
        assert file.tell() == read < len(file.getvalue())
        assert len(script.rows) < 30


async def test_closing_withdraws_what_is_being_decoded() -> None:
    script = Script()
    script.hold = asyncio.Event()
    events: AsyncGenerator[TranscriptionEvent, None] = transcriber(script).transcribe(
        flac(many(20))
    )
    async for _ in events:  # the first progress: up to the first utterance
        break
    await events.aclose()
    assert script.cancelled == len(script.rows)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_cancelling_withdraws_what_is_being_decoded() -> None:
    script = Script()
    script.hold = asyncio.Event()
    reading = asyncio.create_task(transcribed(transcriber(script), many(20)))
    await script.called.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert script.cancelled == len(script.rows) > 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


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


@pytest.mark.parametrize("fault", [EngineFault("failed"), Unavailable("restarting")])
async def test_a_window_is_tried_again_when_the_engine_failed(fault: CaptionerError) -> None:
    script = Script(fault, fault, hypothesis("enfin"))
    assert texts(await transcribed(transcriber(script), tones(1, 2, 1))) == ["enfin"]


async def test_an_engine_that_fails_every_time_ends_the_transcription() -> None:
    script = Script(*[EngineFault("failed")] * HURRIED.attempts)
    with pytest.raises(EngineFault):
        await transcribed(transcriber(script), tones(1, 2, 1))
    assert len(script.rows) == HURRIED.attempts


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
    assert texts(await transcribed(transcriber(script), tones(1, 2, 1))) == ["enfin"]


@pytest.mark.parametrize("error", [Cancelled("withdrawn"), InvalidRequest("bad row")])
async def test_an_error_that_will_not_pass_is_not_tried_again(error: CaptionerError) -> None:
    script = Script(error)
    with pytest.raises(type(error)):
        await transcribed(transcriber(script), tones(1, 2, 1))
    assert len(script.rows) == 1


async def test_one_failed_window_leaves_no_decode_behind() -> None:
    script = Script(InvalidRequest("bad row"))
    with pytest.raises(InvalidRequest):
        await transcribed(transcriber(script), many(12))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_no_recording_is_refused() -> None:
    with pytest.raises(UnsupportedAudio):
        await transcribed(transcriber(Script()), io.BytesIO(b"Bonjour." * 1000))


async def test_a_recording_that_breaks_off_is_transcribed_as_far_as_it_goes() -> None:
    data = flac(many(6)).getvalue()
    broken = transcriber(Script()).transcribe(io.BytesIO(data[: len(data) * 2 // 3]))
    events: Events = []

    async def follow() -> None:
        async for event in broken:
            events.append(event)

    with pytest.raises(UnsupportedAudio, match="truncated"):
        await follow()
    assert 2 <= len(segments(events)) < 6
    assert not any(isinstance(event, RecordingEnded) for event in events)


async def test_the_recording_is_left_open() -> None:
    file = flac(tones(1, 2, 1))
    await transcribed(transcriber(Script()), file)
    assert not file.closed


async def test_decodes_are_awaitables_of_any_kind() -> None:
    def decode(row: DecodeRow) -> Awaitable[Hypothesis]:
        future: asyncio.Future[Hypothesis] = asyncio.get_running_loop().create_future()
        future.set_result(hypothesis("un"))
        return future

    assert texts(await transcribed(transcriber(decode), tones(1, 2, 1))) == ["un"]
