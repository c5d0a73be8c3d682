from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from synthesis import write_recording

from captioner.asr.engine import DecodeRow, EngineInfo
from captioner.asr.scripted import SCRIPTED_INFO, Answer, ScriptedEngine, steady_words
from captioner.audio.files import read_file
from captioner.batch.job import (
    Options,
    Shard,
    Track,
    TrackEvent,
    TrackFailed,
    TrackProgress,
    TrackTranscribed,
)
from captioner.batch.journal import Journal
from captioner.batch.local import SHARDS_AT_ONCE, LocalExecutor
from captioner.config import load_settings
from captioner.errors import EngineFault, InvalidRequest, ModelError
from captioner.transcript import SAMPLE_RATE
from captioner.transcription.decoding import ATTEMPTS

DEADLOCK = 50.0  # seconds after which nothing more will happen


class Watched:
    """A scripted engine, what it was asked, and a door before some of its answers.

    Args:
        answer: what a row is answered.
        workers: batches at a time.
        holds: whether a call, counted from 1, waits for the door.
        fails: whether a call fails.
        info: what the engine says it is.
    """

    def __init__(
        self,
        answer: Callable[[DecodeRow], Answer] = steady_words,
        *,
        workers: int = 1,
        holds: Callable[[int], bool] = lambda call: False,
        fails: Callable[[int], bool] = lambda call: False,
        info: EngineInfo = SCRIPTED_INFO,
    ) -> None:
        self.batches: list[tuple[DecodeRow, ...]] = []
        self.entered = threading.Event()
        self.door = threading.Event()
        self._holds = holds
        self._fails = fails
        self.engine = ScriptedEngine(answer, workers=workers, before=self._before, info=info)

    def _before(self, rows: Sequence[DecodeRow]) -> None:
        self.batches.append(tuple(rows))
        call = len(self.batches)
        self.entered.set()
        if self._holds(call):
            self.door.wait(DEADLOCK)
        if self._fails(call):
            raise EngineFault("failed")

    def executor(self, journal: Journal | None = None, **flags: object) -> LocalExecutor:
        settings = load_settings(flags)
        return LocalExecutor(settings, engine_factory=lambda: self.engine, journal=journal)


@asynccontextmanager
async def running(
    watched: Watched, shards: Sequence[Shard], journal: Journal | None = None
) -> AsyncIterator[AsyncIterator[TrackEvent]]:
    """The events of some shards, of which nothing is left afterwards."""
    async with asyncio.timeout(DEADLOCK), watched.executor(journal) as executor:
        try:
            async with aclosing(executor.run(shards, Options())) as events:
                yield events
            for _ in range(3):  # what was left to the garbage collector would begin now
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        finally:
            watched.door.set()
    assert watched.engine.closed


async def all_events(
    executor: LocalExecutor, shards: Sequence[Shard], options: Options | None = None
) -> list[TrackEvent]:
    async with asyncio.timeout(DEADLOCK), executor:
        return [event async for event in executor.run(shards, options or Options())]


def answers(events: Sequence[TrackEvent]) -> list[TrackTranscribed | TrackFailed]:
    """What is told of the tracks in the end, in the order of their shards and files."""
    found = [event for event in events if not isinstance(event, TrackProgress)]
    return sorted(found, key=lambda event: (str(event.track.path), event.track.stream))


@pytest.fixture
def sentences(recordings: Path) -> list[Track]:
    return [Track(path) for path in sorted((recordings / "sentences").glob("*.flac"))[:6]]


def shards_of(*tracks: Sequence[Track]) -> list[Shard]:
    return [Shard(number, tuple(each)) for number, each in enumerate(tracks)]


@pytest.fixture
def no_delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Between attempts nobody waits, but it is written down for how long."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("captioner.transcription.decoding.asyncio.sleep", sleep)
    return waited


# --- what is told


async def test_each_track_is_answered_once_after_its_progress(sentences: list[Track]) -> None:
    events = await all_events(
        Watched().executor(), shards_of(sentences[:2], sentences[2:5], sentences[5:])
    )
    assert [event.track for event in answers(events)] == sentences
    for track in sentences:
        *moves, last = [event for event in events if event.track == track]
        assert isinstance(last, TrackTranscribed)
        assert last.duration == len(read_file(track.path))
        assert last.segments
        positions = [move.transcribed for move in moves if isinstance(move, TrackProgress)]
        assert len(positions) == len(moves)
        assert positions == sorted(set(positions))
        assert positions[-1] == last.duration


async def test_a_shard_is_transcribed_alike_whatever_else_is(sentences: list[Track]) -> None:
    shards = shards_of(sentences[:3], sentences[3:5], sentences[5:])
    together = await all_events(Watched(workers=2).executor(), shards)
    alone = [event for shard in shards for event in await all_events(Watched().executor(), [shard])]
    assert answers(together) == answers(alone)


async def test_nothing_to_do_is_done_at_once() -> None:
    assert await all_events(Watched().executor(), []) == []


async def test_a_shard_goes_on_while_another_one_waits_for_the_engine(
    sentences: list[Track],
) -> None:
    watched = Watched(workers=2, holds=lambda call: call == 1)
    told: list[Track] = []
    async with running(watched, shards_of(sentences[:1], sentences[1:2])) as events:
        async for event in events:
            if isinstance(event, TrackTranscribed):
                told.append(event.track)
                watched.door.set()
    assert sorted(told, key=lambda track: track.path) == sentences[:2]


async def test_only_so_many_shards_are_worked_on_at_once(sentences: list[Track]) -> None:
    shards = shards_of(*([track] for track in sentences))
    begun: list[Track] = []
    ended = 0
    for event in await all_events(Watched().executor(), shards):
        if event.track not in begun:
            begun.append(event.track)
        assert len(begun) - ended <= SHARDS_AT_ONCE
        ended += not isinstance(event, TrackProgress)
    assert {*begun} == {*sentences}


# --- what is asked of the engine


async def test_options_and_settings_reach_the_engine(sentences: list[Track]) -> None:
    padded, plain = Watched(), Watched()
    shards = shards_of(sentences[:1])
    executor = padded.executor(final_beam_size=3, language="en", final_window="padded")
    await all_events(executor, shards, Options(key_terms=("ANCT",)))
    await all_events(plain.executor(), shards, Options(language="en"))
    ((first,),), ((second,),) = padded.batches, plain.batches
    assert (first.language, first.beam_size, first.key_terms) == ("en", 3, ("ANCT",))
    assert first.features.shape == (80, 3000)
    assert (second.language, second.beam_size, second.key_terms) == ("en", 5, ())
    assert second.features.shape[1] < 3000


@pytest.mark.parametrize(("device", "most"), [("cpu", 8), ("cuda", 17)])
async def test_batches_are_as_large_as_the_device_likes(
    sentences: list[Track], device: str, most: int
) -> None:
    watched = Watched(info=replace(SCRIPTED_INFO, device=device))
    await all_events(watched.executor(), shards_of(sentences[:1] * 17))
    sizes = [len(batch) for batch in watched.batches]
    assert sum(sizes) == 17
    assert max(sizes) <= most
    assert device == "cpu" or max(sizes) > 8


async def test_the_largest_batch_is_a_setting(sentences: list[Track]) -> None:
    watched = Watched()
    await all_events(watched.executor(max_batch=2), shards_of(sentences[:5]))
    sizes = [len(batch) for batch in watched.batches]
    assert sum(sizes) == 5
    assert max(sizes) == 2


async def test_no_more_is_asked_of_the_engine_than_it_has_workers(sentences: list[Track]) -> None:
    watched = Watched(holds=lambda call: True)
    async with running(watched, shards_of(sentences[:3], sentences[3:])) as events:
        waiting = asyncio.ensure_future(_last(events))
        await asyncio.to_thread(watched.entered.wait)
        waiting.cancel()
        await asyncio.wait([waiting])
    assert len(watched.batches) == 1  # what waited behind it was never asked


async def _last(events: AsyncIterator[TrackEvent]) -> TrackEvent | None:
    last = None
    async for event in events:
        last = event
    return last


async def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    executor = LocalExecutor(load_settings({"models_dir": tmp_path}))
    with pytest.raises(ModelError):
        await executor.__aenter__()


async def test_the_engine_says_what_it_is() -> None:
    watched = Watched()
    async with watched.executor() as executor:
        assert executor.info == SCRIPTED_INFO
    assert watched.engine.closed


# --- tracks that cannot be transcribed


async def test_a_track_that_cannot_be_read_fails_alone(
    sentences: list[Track], tmp_path: Path
) -> None:
    text = tmp_path / "text.flac"
    text.write_text("Bonjour. " * 1000)
    bad = [Track(tmp_path / "none.flac"), Track(text), replace(sentences[0], stream=1)]
    events = await all_events(
        Watched().executor(), shards_of([bad[0], sentences[1], bad[1]], [sentences[2], bad[2]])
    )
    failed = [event for event in events if isinstance(event, TrackFailed)]
    assert {event.track for event in failed} == set(bad)
    for event in failed:
        assert event.track.path.name in event.reason
        assert event.segments == ()
    done = [event.track for event in events if isinstance(event, TrackTranscribed)]
    assert set(done) == {sentences[1], sentences[2]}


async def test_a_track_that_breaks_off_has_what_came_before(
    recordings: Path, tmp_path: Path
) -> None:
    data = (recordings / "monologues" / "00.flac").read_bytes()
    path = tmp_path / "half.flac"
    path.write_bytes(data[: len(data) // 2])
    (event,) = answers(await all_events(Watched().executor(), shards_of([Track(path)])))
    assert isinstance(event, TrackFailed)
    assert "truncated" in event.reason
    assert event.segments
    assert 15 * SAMPLE_RATE < event.segments[-1].end < 31 * SAMPLE_RATE


async def test_tracks_of_one_file_are_heard_apart(sentences: list[Track], tmp_path: Path) -> None:
    path = tmp_path / "tracks.mka"
    write_recording(path, read_file(sentences[0].path), codec="flac", tracks=2)
    tracks = [Track(path, stream=0), Track(path, stream=1), Track(path, stream=2)]
    events = await all_events(Watched().executor(), shards_of(tracks))
    assert [type(event) for event in answers(events)] == [
        TrackTranscribed,
        TrackTranscribed,
        TrackFailed,
    ]


async def test_channels_of_one_file_are_heard_apart(sentences: list[Track], tmp_path: Path) -> None:
    speech = read_file(sentences[0].path)
    path = tmp_path / "channels.wav"
    soundfile.write(path, np.stack((speech, np.zeros_like(speech)), axis=1), SAMPLE_RATE)
    tracks = [Track(path, channel=0), Track(path, channel=1)]
    events = await all_events(Watched().executor(), shards_of(tracks))
    heard = {event.track: len(event.segments) for event in answers(events)}
    assert heard == {tracks[0]: 1, tracks[1]: 0}


# --- stopping


@pytest.mark.parametrize("after", [0, 1, 5])
async def test_closing_stops_everything(sentences: list[Track], after: int) -> None:
    watched = Watched(workers=2)
    async with running(watched, shards_of(sentences[:3], sentences[3:])) as events:
        for _ in range(after):
            await anext(events)  # `running` sees to it that nothing is left


async def test_closing_stops_shards_that_wait_until_they_can_tell_something(
    sentences: list[Track], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = asyncio.Event()

    class Observed(asyncio.Queue[TrackEvent]):
        async def put(self, item: TrackEvent) -> None:
            if self.full():
                full.set()
            await super().put(item)

    monkeypatch.setattr("captioner.batch.local.asyncio.Queue", Observed)
    async with running(Watched(), shards_of(sentences[:3], sentences[3:])) as events:
        await anext(events)
        await full.wait()


@pytest.mark.parametrize("call", [1, 2])
async def test_cancelling_stops_everything(sentences: list[Track], call: int) -> None:
    watched = Watched(workers=2, holds=lambda number: number == call)
    async with running(watched, shards_of(sentences[:3], sentences[3:])) as events:
        waiting = asyncio.ensure_future(_last(events))
        await asyncio.to_thread(watched.entered.wait)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


# --- the journal


async def test_what_was_decoded_is_not_decoded_again(
    sentences: list[Track], tmp_path: Path
) -> None:
    shards = shards_of(sentences[:3], sentences[3:])
    with Journal(tmp_path / "journal") as journal:
        first = await all_events(Watched().executor(journal), shards)
    watched = Watched(fails=lambda call: True)
    with Journal(tmp_path / "journal") as journal:
        again = await all_events(watched.executor(journal), shards)
    assert answers(again) == answers(first)
    assert watched.batches == []


async def test_a_job_that_was_stopped_goes_on_where_it_was(
    sentences: list[Track], tmp_path: Path
) -> None:
    shards = shards_of(sentences[:3], sentences[3:])
    expected = Watched()
    whole = await all_events(expected.executor(), shards)
    stopped, watched = Watched(), Watched()
    with Journal(tmp_path / "journal") as journal:
        async with running(stopped, shards, journal) as events:
            async for event in events:
                if not isinstance(event, TrackProgress):
                    break
        kept = len(journal)
        again = await all_events(watched.executor(journal), shards)
    assert answers(again) == answers(whole)
    assert len(watched.batches) + kept == len(expected.batches)
    assert kept >= 1


async def test_other_wishes_are_decoded_anew(sentences: list[Track], tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        await all_events(Watched().executor(journal), shards_of(sentences[:1]))
        watched = Watched()
        await all_events(
            watched.executor(journal), shards_of(sentences[:1]), Options(key_terms=("ANCT",))
        )
    assert len(watched.batches) == 1


# --- engines that fail


async def test_an_engine_that_fails_now_and_then_loses_nothing(
    sentences: list[Track], no_delays: list[float]
) -> None:
    shards = shards_of(sentences[:3], sentences[3:])
    watched = Watched(workers=2, fails=lambda call: call % 3 == 1)
    found = await all_events(watched.executor(), shards)
    assert answers(found) == answers(await all_events(Watched().executor(), shards))
    assert no_delays


async def test_an_engine_that_fails_every_time_ends_the_work(
    sentences: list[Track], no_delays: list[float]
) -> None:
    watched = Watched(fails=lambda call: True)
    with pytest.raises(EngineFault):
        await all_events(watched.executor(), shards_of(sentences[:3], sentences[3:]))
    assert no_delays[: ATTEMPTS - 1] == [1, 2, 4, 8]
    assert watched.engine.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_row_that_the_engine_refuses_ends_the_work(sentences: list[Track]) -> None:
    watched = Watched(lambda row: InvalidRequest("bad row"))
    with pytest.raises(InvalidRequest, match="bad row"):
        await all_events(watched.executor(), shards_of(sentences[:3]))
    assert len(watched.batches) <= 2  # nothing is tried again


async def test_an_unknown_language_is_refused(sentences: list[Track]) -> None:
    with pytest.raises(InvalidRequest, match="'xx'"):
        await all_events(Watched().executor(), shards_of(sentences[:1]), Options(language="xx"))


# --- the real model


@pytest.fixture
def meeting(recordings: Path, tmp_path: Path) -> list[Track]:
    """Half a minute of each participant of a meeting."""
    tracks = []
    for path in sorted((recordings / "meeting").glob("*.flac")):
        track = Track(tmp_path / path.name)
        write_recording(track.path, read_file(path)[: 30 * SAMPLE_RATE], codec="flac")
        tracks.append(track)
    return tracks


@pytest.mark.slow
async def test_a_meeting_is_transcribed_alike_each_time_and_through_a_journal(
    meeting: list[Track], tmp_path: Path
) -> None:
    shards = shards_of(meeting)
    settings = load_settings({"model": "base"})
    async with LocalExecutor(settings) as executor:
        assert executor.info.model == "base"
        first = answers([event async for event in executor.run(shards, Options())])
        assert answers([event async for event in executor.run(shards, Options())]) == first
    for number in range(2):
        with Journal(tmp_path / "journal") as journal:
            assert bool(len(journal)) == bool(number)
            journaled = LocalExecutor(settings, journal=journal)
            assert answers(await all_events(journaled, shards)) == first
    assert {event.track for event in first if isinstance(event, TrackTranscribed)} == {*meeting}
    assert sum(len(segment.words) for event in first for segment in event.segments) > 30
