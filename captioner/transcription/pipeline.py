"""Runs the plan of a recording: reads ahead, decodes several windows at once, answers in order.

    recording ──thread──▶ Listener ──rows──▶ decodes (at most `ahead`) ──in order──▶ segments

Nothing happens unless somebody asks for the next event: a reader that stops stops the reading.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import BinaryIO, TypeVar

from captioner.asr.engine import DecodeRow, EngineInfo
from captioner.audio.format import AudioFormat
from captioner.errors import Cancelled, InvalidRequest, ResourceExhausted, Unavailable
from captioner.metrics import Metrics
from captioner.models.manifest import WindowRule
from captioner.transcript import Hypothesis, Word
from captioner.transcription.events import (
    RecordingEnded,
    RecordingProgress,
    RecordingSegment,
    TranscriptionEvent,
)
from captioner.transcription.listening import Listener, PreparedWindow, RowSettings, part_of
from captioner.transcription.plan import PlanSettings
from captioner.transcription.reading import Reading, believable, read
from captioner.transcription.recording import open_recording
from captioner.vad.detector import VoiceActivity

Decode = Callable[[DecodeRow], Awaitable[Hypothesis]]
"""Decodes one row; cancelling what awaits it withdraws the request.

It raises what `captioner.scheduling.batcher.Batcher.submit` does.
"""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TranscriptionSettings:
    """How recordings are transcribed. Durations are in seconds."""

    language: str = "fr"
    """Of recordings that name none."""
    beam_size: int = 5
    padded: bool = False
    """Decode on windows padded to 30 s, whatever the model's rule."""
    shortest_window: float = 20.0
    """Windows are at least this long: a model reads short ones less well, and few are short."""
    ahead: int = 16
    """Windows of one recording that may wait to be decoded."""
    attempts: int = 5
    """How often a window is tried when the engine fails."""
    longest_delay: float = 30.0
    """Bound on the wait between two attempts."""
    plan: PlanSettings = field(default_factory=PlanSettings)

    def window(self, rule: WindowRule) -> WindowRule:
        """The window rule of recordings with a model whose own rule is `rule`."""
        return WindowRule(
            padded=self.padded or rule.padded,
            silence=rule.silence,
            minimum=max(rule.minimum, self.shortest_window),
        )


class Transcriber:
    """Transcribes recordings, any number at a time.

    Args:
        decode: what decodes rows.
        info: of the model behind it.
        new_detector: builds the voice detector of one recording.
        metrics: what to report to.
        settings: the defaults, unless given.
    """

    def __init__(
        self,
        decode: Decode,
        info: EngineInfo,
        *,
        new_detector: Callable[[], VoiceActivity],
        metrics: Metrics,
        settings: TranscriptionSettings | None = None,
    ) -> None:
        self._decode = decode
        self._info = info
        self._new_detector = new_detector
        self._metrics = metrics
        self._settings = settings or TranscriptionSettings()

    async def transcribe(
        self,
        recording: BinaryIO,
        *,
        language: str = "",
        key_terms: tuple[str, ...] = (),
        audio_format: AudioFormat | None = None,
    ) -> AsyncGenerator[TranscriptionEvent, None]:
        """Transcribe a recording; closing the iterator cancels it.

        Segments come in order, each once, `RecordingEnded` last. A recording that breaks off is
        transcribed as far as it can be read before the error is raised.

        Args:
            recording: is read from where it stands, in threads, and not closed.
            language: one of the model's; empty for the default.
            key_terms: names and acronyms that are likely.
            audio_format: of bare samples; None when the file itself tells what it holds.

        Raises:
            UnsupportedAudio: the bytes are no recording, or one that breaks off.
            InvalidRequest: the language is not one of the model's, or the format cannot be read.
            EngineFault: the engine failed on a window as often as was tried.
            Unavailable: the service closes.
        """
        language = language or self._settings.language
        if language not in self._info.languages:
            raise InvalidRequest(
                f"the model {self._info.model} does not know the language {language!r}",
                field="language",
            )
        rows = RowSettings(
            n_mels=self._info.n_mels,
            window=self._settings.window(self._info.window),
            language=language,
            key_terms=key_terms,
            beam_size=self._settings.beam_size,
        )
        opened = await in_thread(lambda: open_recording(recording, audio_format))
        run = _Run(
            Listener(opened, self._new_detector(), plan=self._settings.plan, rows=rows),
            self._read_window,
            duration=opened.duration,
            language=language,
            ahead=self._settings.ahead,
        )
        try:
            while not run.ended:
                for event in await run.advance():
                    yield event
        finally:
            await run.cancel()
            await in_thread(opened.close)
            self._metrics.audio_clamped_samples.inc(opened.clamped)

    async def _read_window(self, window: PreparedWindow) -> Reading:
        """Decode a window; in halves when its hypothesis cannot be what was said."""
        hypothesis = await self._patiently(window.row)
        halves = window.plan.halves()
        if halves is not None and not believable(hypothesis, window.plan):
            rule = self._settings.window(self._info.window)
            first, second = [
                await self._read_window(part_of(window, half, rule)) for half in halves
            ]
            return Reading(first.utterances + second.utterances)
        reading = read(hypothesis, window.plan)
        for reason in reading.dropped:
            self._metrics.dropped_hypotheses.labels(reason).inc()
        return reading

    async def _patiently(self, row: DecodeRow) -> Hypothesis:
        """Decode a row; again when the engine failed, or when too many wait already."""
        failures = 0
        while True:
            try:
                return await self._decode(row)
            except ResourceExhausted as error:
                delay = error.retry_after  # no failure: others are served first, then this one
            except Cancelled:
                raise
            except Unavailable as error:
                failures += 1
                if failures >= self._settings.attempts:
                    raise
                delay = error.retry_after * 2 ** (failures - 1)
            await asyncio.sleep(min(delay, self._settings.longest_delay))


@dataclass(frozen=True, slots=True)
class _Pending:
    """A window that is being decoded."""

    start: int
    reading: asyncio.Task[Reading]


class _Run:
    """One recording on its way through."""

    def __init__(
        self,
        listener: Listener,
        read_window: Callable[[PreparedWindow], Coroutine[None, None, Reading]],
        *,
        duration: int | None,
        language: str,
        ahead: int,
    ) -> None:
        self.ended = False
        """Whether everything was told."""
        self._listener = listener
        self._read_window = read_window
        self._duration = duration
        self._language = language
        self._ahead = ahead
        self._pending: deque[_Pending] = deque()
        self._transcribed = 0
        self._segments = 0
        self._last_end = 0  # of the last word

    async def advance(self) -> list[TranscriptionEvent]:
        """Do the next thing there is to do; return what there is to tell of it.

        Raises:
            CaptionerError: why the recording cannot be transcribed any further.
        """
        full = self._listener.over or len(self._pending) >= self._ahead
        if self._pending and (full or self._pending[0].reading.done()):
            segments = await self._take_first()
            return [*segments, *self._progress()]
        if not self._listener.over:
            for window in await in_thread(self._listener.listen):
                task = asyncio.create_task(self._read_window(window))
                self._pending.append(_Pending(window.plan.start, task))
            return self._progress()
        self.ended = True
        if self._listener.error is not None:
            raise self._listener.error
        return [RecordingEnded(duration=self._listener.heard, segments=self._segments)]

    async def cancel(self) -> None:
        """Withdraw the decodes that nobody will ask for any more."""
        tasks = [pending.reading for pending in self._pending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_first(self) -> list[RecordingSegment]:
        reading = await self._pending[0].reading
        self._pending.popleft()
        return [self._segment(words) for words in reading.utterances if words]

    def _segment(self, words: tuple[Word, ...]) -> RecordingSegment:
        placed: list[Word] = []
        for word in words:  # times never go backwards, whatever the aligner said
            start = max(word.start, self._last_end)
            self._last_end = max(word.end, start)
            placed.append(replace(word, start=start, end=self._last_end))
        self._segments += 1
        return RecordingSegment(
            id=self._segments,
            start=placed[0].start,
            end=placed[-1].end,
            words=tuple(placed),
            language=self._language,
        )

    def _progress(self) -> list[TranscriptionEvent]:
        """How far everything is transcribed, if that is further than before."""
        first = self._pending[0].start if self._pending else self._listener.needed_from
        if first <= self._transcribed:
            return []
        self._transcribed = first
        duration = self._listener.heard if self._listener.over else self._duration
        if duration is not None:  # what a file declares may be an estimate
            duration = max(duration, self._listener.heard)
        return [RecordingProgress(transcribed=first, duration=duration)]


async def in_thread(call: Callable[[], Result]) -> Result:
    """Call in a thread; when cancelled, wait for the call to end before the cancellation goes on.

    What the call works on is then free to be closed.
    """
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # nobody will ask for it
        raise
