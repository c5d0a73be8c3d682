"""Shards worked on in this process: one engine, all its workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Final, Self

from captioner.asr.allocator import keep_freed_memory
from captioner.asr.engine import DecodeRow, EngineInfo
from captioner.batch.job import (
    Options,
    Shard,
    Track,
    TrackEvent,
    TrackFailed,
    TrackProgress,
    TrackTranscribed,
)
from captioner.batch.journal import Journal, engine_key, journaled
from captioner.config import Settings
from captioner.errors import CaptionerError
from captioner.metrics import Metrics
from captioner.scheduling.station import Station, build_station
from captioner.service import EngineFactory, whisper_factory
from captioner.transcript import Hypothesis
from captioner.transcription.decoding import DecodeBatch, patiently
from captioner.transcription.events import (
    RecordingEnded,
    RecordingFailed,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)
from captioner.transcription.packing import PackingSettings
from captioner.transcription.pipeline import Transcriber, TranscriptionSettings
from captioner.transcription.recording import open_track
from captioner.vad.detector import VoiceDetector
from captioner.vad.silero import SileroModel

SHARDS_AT_ONCE: Final = 2  # while the last batches of one are decoded, the next one is heard
LOADING_TIMEOUT: Final = 600.0  # seconds
DECODING_TIMEOUT: Final = 1800.0  # seconds: nobody waits, and a large model without a GPU is slow
ROWS_ON_GPU: Final = 32  # of a batch


class LocalExecutor:
    """Works on shards in this process: a `captioner.batch.executor.Executor`.

    Args:
        settings: which model, on what, with how many workers.
        engine_factory: builds the engine; None: the model of the settings.
        journal: keeps the batches that were decoded, and is not closed; None: nothing does.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        engine_factory: EngineFactory | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._settings = settings
        self._factory = engine_factory or whisper_factory(settings)
        self._journal = journal

    async def __aenter__(self) -> Self:
        """Load the model.

        Raises:
            ModelError: it is missing, incomplete or altered.
            EngineFault: the engine could not be built.
        """
        keep_freed_memory()
        self._silero = SileroModel.bundled()
        self._station = await build_station(
            self._factory, start_timeout=LOADING_TIMEOUT, call_timeout=DECODING_TIMEOUT
        )
        self._free = asyncio.Semaphore(self._station.engine.workers)
        self._transcriber = self._build_transcriber(self._station)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free the model's memory."""
        await self._station.release()

    @property
    def info(self) -> EngineInfo:
        """The model that does the work."""
        return self._station.engine.info

    async def run(
        self, shards: Sequence[Shard], options: Options
    ) -> AsyncGenerator[TrackEvent, None]:
        """Work on shards in order, two at a time; see `Executor.run`."""
        told: asyncio.Queue[TrackEvent] = asyncio.Queue(maxsize=1)
        waiting = iter(shards)

        async def work() -> None:
            for shard in waiting:
                async with aclosing(self._work_on(shard, options)) as events:
                    async for event in events:
                        await told.put(event)

        workers = [asyncio.create_task(work()) for _ in range(SHARDS_AT_ONCE)]
        try:
            async for event in _until_done(told, workers):
                yield event
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _build_transcriber(self, station: Station) -> Transcriber:
        info = station.engine.info
        decode: DecodeBatch = self._decode
        if self._journal is not None:
            decode = journaled(decode, self._journal, engine=engine_key(info))
        settings = TranscriptionSettings(
            language=self._settings.language,
            beam_size=self._settings.final_beam_size,
            padded=self._settings.final_window == "padded",
            ahead=station.engine.workers + 1,
            packing=_packing(self._settings.max_batch, on_gpu=info.device != "cpu"),
        )
        return Transcriber(
            decode,
            info,
            new_detector=lambda: VoiceDetector(self._silero),
            metrics=Metrics(),
            settings=settings,
        )

    async def _decode(self, rows: Sequence[DecodeRow]) -> Sequence[Hypothesis]:
        async with self._free:  # what waits for an engine is not what takes too long
            answers = await patiently(partial(self._station.decode, rows))
        for answer in answers:
            if isinstance(answer, CaptionerError):
                raise answer
        return [answer for answer in answers if isinstance(answer, Hypothesis)]

    async def _work_on(self, shard: Shard, options: Options) -> AsyncGenerator[TrackEvent, None]:
        openers = [
            partial(open_track, track.path, track=track.stream, channel=track.channel)
            for track in shard.tracks
        ]
        segments: list[list[RecordingSegment]] = [[] for _ in shard.tracks]
        events = self._transcriber.transcribe_all(
            openers, language=options.language, key_terms=options.key_terms
        )
        try:
            async for number, event in events:
                if isinstance(event, RecordingSegment):
                    segments[number].append(event)
                else:
                    yield _about(shard.tracks[number], event, segments[number])
        finally:
            await events.aclose()


def _packing(max_batch: int, *, on_gpu: bool) -> PackingSettings:
    default = PackingSettings()
    rows = max_batch or (ROWS_ON_GPU if on_gpu else default.rows)
    return PackingSettings(rows=rows, waiting=max(default.waiting, 2 * rows))


async def _until_done(
    told: asyncio.Queue[TrackEvent], workers: Sequence[asyncio.Task[None]]
) -> AsyncGenerator[TrackEvent, None]:
    """What is told until every worker has ended; raises what the first of them to fail raised."""
    running = set(workers)
    while running or not told.empty():
        next_event = asyncio.ensure_future(told.get())
        try:
            done, _ = await asyncio.wait(
                {next_event, *running}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            next_event.cancel()  # unless it has come
        if next_event in done:
            yield next_event.result()
        for worker in done & running:
            worker.result()
            running.discard(worker)


def _about(
    track: Track, event: TranscriptionEvent | RecordingFailed, segments: Sequence[RecordingSegment]
) -> TrackEvent:
    match event:
        case RecordingProgress(transcribed=transcribed, duration=duration):
            return TrackProgress(track, transcribed, duration)
        case RecordingEnded(duration=duration):
            return TrackTranscribed(track, tuple(segments), duration)
        case RecordingFailed(error=error):
            return TrackFailed(track, str(error), tuple(segments))
        case RecordingSegment():
            raise AssertionError(event)
